"""Texts for replies: an office writes them, and draws up a reply by one."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Query, Response
from pydantic import BaseModel, Field

from services.chikaya.api.common import Brief, Nothing, Written, authorize, readable
from services.chikaya.domain import Action
from services.chikaya.domain.template import Language, Template
from services.chikaya.events.report import Outcome
from services.chikaya.store import templates
from shared.db import Tx
from shared.http import Body, Collectivity, IfRead, Listing, Page, Router, etag

router = Router(prefix="")

Values = Annotated[
    dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=1000)]],
    Field(max_length=20),
]


class RewrittenIn(Body):
    """A variable is written `{name}`. `reference`, `category`, `received_on`, `commune` and `body` are the
    report's own; whoever replies gives the others their values.
    """

    name: Brief
    outcome: Outcome
    text: Annotated[Written, Field(examples=["Votre signalement {reference} : {works} le {day}."])]


class TemplateIn(RewrittenIn):
    collectivity: Collectivity
    language: Language


class TemplateOut(BaseModel):
    """`wanted`: variables to which whoever replies gives a value."""

    id: UUID
    collectivity: str
    name: str
    language: Language
    outcome: Outcome
    text: str
    wanted: list[str]
    withdrawn: bool
    version: int

    @classmethod
    def of(cls, one: Template) -> "TemplateOut":
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class DraftIn(Body):
    values: Values = Field(default_factory=dict)


class DraftOut(BaseModel):
    """For `…/answer`, once a person has read it."""

    outcome: Outcome
    text: str


@router.get("/templates")
async def find(
    tx: Annotated[Tx, authorize(Action.READ_TEMPLATES)],
    paging: Listing,
    collectivity: Annotated[Collectivity | None, Query()] = None,
) -> Page[TemplateOut]:
    """Of one office, or of all that the caller serves, by name."""
    after = paging.after(str, UUID)
    found = await templates.of_office(
        tx, collectivity, after=after and (after[0], after[1]), limit=paging.fetch
    )
    return paging.page(found, key=lambda one: (one.name, one.id), to=TemplateOut.of)


@router.post("/templates", status_code=201)
async def write(
    tx: Annotated[Tx, authorize(Action.WRITE_TEMPLATE)], body: TemplateIn, response: Response
) -> TemplateOut:
    made, event = Template.write(
        uuid4(), body.collectivity, body.name, body.language, body.outcome, body.text, by=tx.actor, now=tx.now
    )
    await templates.save(tx, made, because=event)
    response.headers["Location"] = f"/chikaya/v1/templates/{made.id}"
    etag(response, made.version)
    return TemplateOut.of(made)


@router.post("/templates/{template_id}/revision")
async def rewrite(
    tx: Annotated[Tx, authorize(Action.WRITE_TEMPLATE)],
    template_id: UUID,
    body: RewrittenIn,
    response: Response,
    version: IfRead,
) -> TemplateOut:
    found = await templates.locked(tx, template_id, version=version)
    event = found.rewrite(body.name, body.outcome, body.text, by=tx.actor, now=tx.now)
    await templates.save(tx, found, because=event)
    etag(response, found.version)
    return TemplateOut.of(found)


@router.post("/templates/{template_id}/withdrawal")
async def withdraw(
    tx: Annotated[Tx, authorize(Action.WRITE_TEMPLATE)],
    template_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> TemplateOut:
    found = await templates.locked(tx, template_id, version=version)
    await templates.save(tx, found, because=found.withdraw(by=tx.actor, now=tx.now))
    etag(response, found.version)
    return TemplateOut.of(found)


@router.post("/reports/{report_id}/drafts/{template_id}")
async def draw_up(
    tx: Annotated[Tx, authorize(Action.READ_TEMPLATES, idempotent=False)],
    report_id: UUID,
    template_id: UUID,
    body: DraftIn,
) -> DraftOut:
    """What a reply by this template would say. Writes nothing."""
    report = await readable(tx, report_id, Action.READ_TEMPLATES)
    report.demand(Action.READ_TEMPLATES, tx.actor)
    found = await templates.get(tx, template_id)
    return DraftOut(outcome=found.outcome, text=found.drawn_up(report, body.values))
