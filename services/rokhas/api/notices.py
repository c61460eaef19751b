"""What people were told: the applicant's space, and the desks of offices."""

from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from services.rokhas.api.common import authorize
from services.rokhas.domain import Action
from services.rokhas.domain.notices import auditors, governor, office
from shared.auth import OFFICERS, Actor, Role
from shared.db import Tx
from shared.errors import Forbidden
from shared.http import Collectivity, Instant, Listing, Page, Router, Texts
from shared.notify import Notice, space

router = Router(prefix="/notices")

LANGUAGES: Final = ("ar", "fr", "en")


class OfferOut(BaseModel):
    """The one action that a notice offers: a POST with an empty object, or with what the step asks for."""

    method: str
    href: str
    label: Texts


class NoticeOut(BaseModel):
    """`about` is the file; `kind` names what happened, for programs."""

    id: UUID
    kind: str
    about: UUID
    title: Texts
    text: Texts
    action: OfferOut | None
    created_at: Instant

    @classmethod
    def of(cls, notice: Notice) -> Self:
        said = {name: {lang: notice.content[lang][name] for lang in LANGUAGES} for name in ("title", "text")}
        return cls.model_validate(
            {
                "id": notice.id,
                "kind": notice.kind,
                "about": notice.about,
                "action": notice.content.get("action"),
                "created_at": notice.created_at,
            }
            | said
        )


@router.get("")
async def list_notices(
    tx: Annotated[Tx, authorize(Action.LIST)],
    paging: Listing,
    desk: Annotated[
        Collectivity | None,
        Query(alias="office", description="what this office was told; for a governor, a province"),
    ] = None,
) -> Page[NoticeOut]:
    """The newest first."""
    recipient = tx.actor.subject if desk is None else _desk(tx.actor, desk)
    after = paging.after(int)
    found = await space(tx, recipient, after=after[0] if after else None, limit=paging.fetch)
    return paging.page(found, key=lambda notice: (notice.number,), to=NoticeOut.of)


def _desk(by: Actor, collectivity: str) -> str:
    """Officers read what their office was told, governors and auditors theirs. Raises Forbidden."""
    if by.holds(Role.GOVERNOR) and collectivity in by.provinces:
        return governor(collectivity)
    if collectivity in by.communes and by.holds(*OFFICERS):
        return office(collectivity)
    if collectivity in by.communes and by.holds(Role.AUDITOR):
        return auditors(collectivity)
    raise Forbidden(
        "outside_territory",
        {
            "ar": "هذا المكتب خارج نفوذكم.",
            "fr": "Ce bureau n'est pas de votre ressort.",
            "en": "This office is outside your territory.",
        },
    )
