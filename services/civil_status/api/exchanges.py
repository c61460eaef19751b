"""Other administrations: what a person lets them know, and what they are told. Searches by the office,
too: both are where somebody might guess.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Response
from pydantic import BaseModel, Field

from services.civil_status.api.common import (
    ActOut,
    Identifier,
    Nothing,
    Number,
    Office,
    Reason,
    Year,
    authorize,
    read_by_another,
    show,
)
from services.civil_status.domain import Act, Action, ActState
from services.civil_status.domain.consent import Confidence, Consent, minimised, purpose, purposes
from services.civil_status.domain.permissions import may_read
from services.civil_status.events import ActKind
from services.civil_status.events.consent import ExchangeAnswered, ExchangeGround, ExchangeRefused
from services.civil_status.store import acts, consents, lookup
from services.civil_status.store.lookup import Place
from shared.access import PURPOSE
from shared.db import Tx
from shared.errors import Conflict, Forbidden, Invalid, TooMany
from shared.http import PUBLIC, Body, Caller, Instant, Listing, Page, Refusal, Router, Texts, refused

router = Router(prefix="")

Code = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$", examples=["identity"])]
Reference = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]


class ConsentIn(Body):
    """`administration`: the reference by which it signs in."""

    administration: Reference
    purpose: Code
    ends_at: Instant


class ConsentOut(BaseModel):
    id: UUID
    act: UUID
    administration: str
    purpose: str
    given_at: Instant
    ends_at: Instant
    revoked_at: Instant | None
    version: int

    @classmethod
    def of(cls, consent: Consent) -> "ConsentOut":
        return cls(**{name: getattr(consent, name) for name in cls.model_fields})


class ExchangeIn(Body):
    identifier: Identifier
    purpose: Code


class ExchangeOut(BaseModel):
    """`content` by field: what the purpose needs, as the register now reads."""

    id: UUID
    purpose: str
    consent: UUID
    answered_at: Instant
    content: dict[str, Any]


class LookupIn(Body):
    """Either `identifier`, or the office, year, kind and number of an act. In the body: nobody stands in an
    address.
    """

    identifier: Identifier | None = None
    office: Office | None = None
    year: Year | None = None
    kind: ActKind | None = None
    number: Number | None = None

    def place(self) -> Identifier | Place:
        """Raises Invalid `lookup_criteria` for both, neither, or half a place."""
        place = (self.kind, self.office, self.year, self.number)
        if self.identifier is not None and place == (None,) * 4:
            return self.identifier
        if self.identifier is None and self.kind and self.office and self.year and self.number:
            return Place(self.kind, self.office, self.year, self.number)
        raise Invalid("lookup_criteria", "Give the identifier, or the kind, office, year and number.")


class LookupOut(BaseModel):
    items: list[ActOut]


class PurposeOut(BaseModel):
    """`article` is the rule that the list rests on; `confidence` how well it is known: `C` text read, `P`
    secondary source, `B` general knowledge, `U` uncertain.
    """

    code: str
    label: Texts
    fields: list[str]
    article: str
    confidence: Confidence


class Purposes(BaseModel):
    items: list[PurposeOut]


@router.get("/purposes")
async def list_purposes(tx: Annotated[Tx, authorize(PUBLIC)]) -> Purposes:
    """For what another administration may ask, and what it would learn."""
    return Purposes(
        items=[
            PurposeOut(
                code=code,
                label=Texts(**one.label),
                fields=list(one.fields),
                article=one.article,
                confidence=one.confidence,
            )
            for code, one in purposes().items()
        ]
    )


@router.post("/acts/{act_id}/consents", status_code=201)
async def give_consent(
    tx: Annotated[Tx, authorize(Action.GIVE_CONSENT)], act_id: UUID, body: ConsentIn
) -> ConsentOut:
    """By whose act it is, until an instant."""
    consent, given = Consent.give(
        uuid4(),
        await acts.get(tx, act_id),
        administration=body.administration,
        code=body.purpose,
        ends_at=body.ends_at,
        by=tx.actor,
        now=tx.now,
    )
    await consents.save(tx, consent, because=given)
    return ConsentOut.of(consent)


@router.get("/consents")
async def list_consents(
    tx: Annotated[Tx, authorize(Action.GIVE_CONSENT)], paging: Listing
) -> Page[ConsentOut]:
    """One's own, the newest first."""
    after = paging.after(datetime, UUID)
    found = await consents.given_by(tx, after=after and (after[0], after[1]), limit=paging.fetch)
    return paging.page(found, key=lambda c: (c.given_at, c.id), to=ConsentOut.of)


@router.post("/consents/{consent_id}/revocation")
async def revoke_consent(
    tx: Annotated[Tx, authorize(Action.GIVE_CONSENT)], consent_id: UUID, body: Nothing
) -> ConsentOut:
    """At once."""
    consent = await consents.locked(tx, consent_id)
    await consents.save(tx, consent, because=consent.revoke(by=tx.actor, now=tx.now))
    return ConsentOut.of(consent)


@router.post("/exchanges", status_code=201, response_model=ExchangeOut)
async def exchange(
    tx: Annotated[Tx, authorize(Action.EXCHANGE, idempotent=False, limit="30/minute")], body: ExchangeIn
) -> ExchangeOut | Refusal:
    """With the person's consent, what the purpose needs. A refusal is the same whether there is no
    consent or no such person; both are announced.
    Asked twice it answers twice: no answer is kept under a key.
    """
    purpose(body.purpose)
    await not_suspended(tx)
    exchange_id = uuid4()
    asker = tx.actor.subject
    found = await consents.consented(tx, body.identifier, body.purpose)
    act = None if found is None else await acts.get(tx, found[1])
    if (ground := _ground(act)) is not None:
        refusal = ExchangeRefused(
            administration=asker,
            purpose=body.purpose,
            act=None if act is None else str(act.id),
            consent=None if found is None else str(found[0]),
            refused_at=tx.now,
            ground=ground,
        )
        where = act.collectivity if act else ""
        await consents.exchanged(tx, exchange_id, where, because=refusal, outcome=ground)
        if ground is ExchangeGround.MARGIN_UNKNOWN:  # whoever has the consent guesses nothing
            return refused(_margin_unknown())
        await consents.missed(tx, body.purpose)
        return refused(_no_consent())
    assert found is not None  # else there is a ground
    assert act is not None
    content = minimised(act, body.purpose, await acts.died_on(tx, act))
    answered = ExchangeAnswered(
        administration=asker,
        purpose=body.purpose,
        act=str(act.id),
        consent=str(found[0]),
        answered_at=tx.now,
        version=act.version,
        fields=tuple(content),
    )
    await consents.exchanged(tx, exchange_id, act.collectivity, because=answered, outcome="answered")
    PURPOSE.set(body.purpose)
    await read_by_another(tx, Action.EXCHANGE, act)
    return ExchangeOut(
        id=exchange_id, purpose=body.purpose, consent=found[0], answered_at=tx.now, content=content
    )


@router.post("/lookups", dependencies=[Reason], response_model=LookupOut)
async def look_up(
    caller: Annotated[Caller, authorize.caller(Action.LOOK_UP, idempotent=False, limit="60/minute")],
    body: LookupIn,
    response: Response,
) -> LookupOut | Refusal:
    """Acts by their number, or by the identifier of a person: those of the caller's territory."""
    place = body.place()
    tx = await caller.begin(lookup.arrival(place, Action.LOOK_UP))
    act = lookup.found(tx)  # the usual: one act, and that it was read
    found = [] if act is None else [act]
    if not found:
        await not_suspended(tx)
        found = [
            one for one in await _looked_up(tx, place) if may_read(tx.actor, one.collectivity, one.parties)
        ]
        if not found:
            await consents.missed(tx, PURPOSE.get())
            return refused(acts.act_unknown())
        await read_by_another(tx, Action.LOOK_UP, *found)
    shown = [show(tx, response, act) for act in found]
    del response.headers["ETag"]  # a list has none
    return LookupOut(items=shown)


async def _looked_up(tx: Tx, place: Identifier | Place) -> list[Act]:
    if isinstance(place, str):
        return await acts.identified(tx, place)
    act = await acts.numbered(tx, place.kind, place.office, place.year, place.number)
    return [] if act is None else [act]


async def not_suspended(tx: Tx) -> None:
    if await consents.suspended(tx):
        raise TooMany(
            "lookups_suspended",
            {
                "ar": "عُلّق البحث إلى الغد لكثرة عمليات البحث دون نتيجة.",
                "fr": "Trop de recherches sans résultat : la recherche est suspendue jusqu'à demain.",
                "en": "Too many searches found nothing: searching is suspended until tomorrow.",
            },
            retry_after=3600,
        )


def _ground(act: Act | None) -> ExchangeGround | None:
    """Why nothing is told of the act of whom a consent was found."""
    if act is None:
        return ExchangeGround.NO_CONSENT
    if act.state is not ActState.VALID:
        return ExchangeGround.ACT_NOT_VALID
    return None if act.margin_known else ExchangeGround.MARGIN_UNKNOWN


def _margin_unknown() -> Conflict:
    return Conflict(
        "margin_unknown",
        {
            "ar": "لم يقابل هامش الرسم بعد بالسجل الورقي: أعيدوا الطلب بعد ذلك.",
            "fr": "La marge de l'acte n'a pas été comparée au registre papier : redemandez ensuite.",
            "en": "The margin of the act was not compared with the paper register yet: ask again later.",
        },
    )


def _no_consent() -> Forbidden:
    return Forbidden(
        "no_consent",
        {
            "ar": "لا توجد موافقة سارية تسمح بهذا التبادل.",
            "fr": "Aucun consentement en vigueur ne permet cet échange.",
            "en": "No consent in force allows this exchange.",
        },
    )
