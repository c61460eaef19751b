"""Declarations: announced online, by a hospital or at the counter; completed, compared, drawn up as acts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field

from services.civil_status.api.common import (
    ActOut,
    BlocksIn,
    By,
    JudgmentReference,
    Nothing,
    Office,
    Reason,
    authorize,
    read_by_another,
    show,
)
from services.civil_status.domain import Act, Action
from services.civil_status.domain.declarants import declarants
from services.civil_status.domain.declaration import Declaration
from services.civil_status.domain.states import DeclarationState
from services.civil_status.domain.values import Blocks, Clock
from services.civil_status.events import ActKind, Origin
from services.civil_status.events.declaration import Channel, DeclarationEvent, RefusalGround
from services.civil_status.store import acts, declarations
from shared.access import recorded
from shared.auth import Role
from shared.db import Tx
from shared.http import PUBLIC, Body, IfRead, Instant, Listing, Page, Router, Texts, etag
from shared.http.files import brought

router = Router(prefix="")


class DeclarationIn(Body):
    """`unclaimed`: a death that nobody declares, notified by a hospital or entered by the office."""

    kind: ActKind
    office: Office
    blocks: BlocksIn
    unclaimed: bool = False


class CompletionIn(Body):
    """The blocks as the declarant states them at the office, `declarant` and `annexed` included.
    `announced_by_declarant`: the office has seen, by their papers, that the declarant is who announced it
    online; a parent, a child, a spouse of whom that is said may read the act.
    """

    blocks: BlocksIn
    announced_by_declarant: bool = False


class OrderIn(Body):
    """`announced_by_declarant` as in a completion, for what nobody completes."""

    judgment: JudgmentReference
    announced_by_declarant: bool = False


class RefusalIn(Body):
    ground: RefusalGround


class DeclarationOut(BaseModel):
    """`clock` is null until the date is known; `suspects` are references of acts that seem to say the
    same.
    """

    id: UUID
    kind: ActKind
    collectivity: str
    office: str
    channel: Channel
    opened_at: Instant
    unclaimed: bool
    blocks: Blocks
    state: DeclarationState
    clock: Clock | None
    completed_at: Instant | None
    suspects: list[str]
    act: UUID | None
    ground: RefusalGround | None
    late_since: Instant | None
    overdue_since: Instant | None
    actions: list[Action]
    version: int


class DeclarationLine(BaseModel):
    """A line of a list: no name stands in it."""

    id: UUID
    kind: ActKind
    office: str
    channel: Channel
    opened_at: Instant
    state: DeclarationState
    answer_by: Instant | None
    version: int


class RelationOut(BaseModel):
    code: str
    label: Texts


class RequirementsOut(BaseModel):
    """Who may declare, in the order of the law, with its source and how sure it is."""

    kind: ActKind
    source: str
    confidence: Annotated[str, Field(pattern="^[CPBU]$")]
    declarants: list[RelationOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One declaration, locked, to be changed once in the transaction of this request: decision 0032."""

    tx: Tx
    response: Response
    action: Action
    declaration: Declaration

    @property
    def officer(self) -> By:
        return By(by=self.tx.actor, now=self.tx.now)

    async def answer(self, event: DeclarationEvent) -> DeclarationOut:
        await declarations.save(self.tx, self.declaration, because=event)
        await _read(self.tx, self.action, self.declaration)
        return _show(self.tx, self.response, self.declaration)


def stepping(action: Action) -> Any:
    """The dependency of every route that changes a declaration."""

    async def load(
        tx: Annotated[Tx, authorize(action)], declaration_id: UUID, response: Response, version: IfRead
    ) -> Step:
        found = await declarations.locked(tx, declaration_id, version=version)
        return Step(tx=tx, response=response, action=action, declaration=found)

    return Depends(load)


def _show(tx: Tx, response: Response, found: Declaration) -> DeclarationOut:
    etag(response, found.version)
    fields = {name: getattr(found, name) for name in DeclarationOut.model_fields if hasattr(found, name)}
    return DeclarationOut(**(fields | {"suspects": list(found.suspects), "actions": found.actions(tx.actor)}))


async def _read(tx: Tx, action: Action, *read: Declaration) -> None:
    for collectivity in sorted({found.collectivity for found in read}):
        owners = {str(found.id): found.opener for found in read if found.collectivity == collectivity}
        await recorded(
            tx,
            "civil_status",
            action=action,
            aggregate="declaration",
            owners=owners,
            collectivity=collectivity,
        )


@router.get("/requirements/{kind}")
async def requirements(tx: Annotated[Tx, authorize(PUBLIC)], kind: ActKind) -> RequirementsOut:
    """Who may declare a birth or a death."""
    known = declarants()
    return RequirementsOut(
        kind=kind,
        source=known.source,
        confidence=known.confidence,
        declarants=[RelationOut(code=code, label=Texts(**label)) for code, label in known.of(kind).items()],
    )


@router.post("/declarations", status_code=201)
async def open_declaration(
    tx: Annotated[Tx, authorize(Action.OPEN_DECLARATION, limit="60/hour")],
    body: DeclarationIn,
    response: Response,
) -> DeclarationOut:
    """A pre-declaration by the family, a hospital's notice, or the beginning of a declaration at the
    counter.
    """
    declaration, opened = Declaration.open(
        uuid4(),
        kind=body.kind,
        collectivity=body.office.rpartition("-")[0],
        office=body.office,
        blocks=body.blocks.value(),
        by=tx.actor,
        now=tx.now,
        unclaimed=body.unclaimed,
    )
    await brought(tx, *body.blocks.annexed)
    await declarations.save(tx, declaration, because=opened)
    response.headers["Location"] = f"/civil_status/v1/declarations/{declaration.id}"
    return _show(tx, response, declaration)


@router.get("/declarations", dependencies=[Reason])
async def list_declarations(
    tx: Annotated[Tx, authorize(Action.LIST_DECLARATIONS)],
    paging: Listing,
    state: Annotated[list[DeclarationState] | None, Query()] = None,
) -> Page[DeclarationLine]:
    """The oldest first: those of one's office, or that one announced."""
    office = tx.actor.holds(Role.AGENT, Role.CIVIL_STATUS_OFFICER)
    after = paging.after(datetime, UUID)
    found = await declarations.find(
        tx,
        states=state,
        opener=None if office else tx.actor.subject,
        after=after and (after[0], after[1]),
        limit=paging.fetch,
    )
    await _read(tx, Action.LIST_DECLARATIONS, *found[: paging.limit])
    return paging.page(found, key=lambda d: (d.opened_at, d.id), to=_line)


def _line(found: Declaration) -> DeclarationLine:
    return DeclarationLine(
        id=found.id,
        kind=found.kind,
        office=found.office,
        channel=found.channel,
        opened_at=found.opened_at,
        state=found.state,
        answer_by=found.clock.answer_by if found.clock else None,
        version=found.version,
    )


@router.get("/declarations/{declaration_id}", dependencies=[Reason])
async def read(
    tx: Annotated[Tx, authorize(Action.READ_DECLARATION)], declaration_id: UUID, response: Response
) -> DeclarationOut:
    """With what the caller may do now."""
    found = await declarations.get(tx, declaration_id)
    if not found.may_read(tx.actor):
        raise declarations.declaration_unknown()
    await _read(tx, Action.READ_DECLARATION, found)
    return _show(tx, response, found)


@router.post("/declarations/{declaration_id}/completion")
async def complete(file: Annotated[Step, stepping(Action.COMPLETE)], body: CompletionIn) -> DeclarationOut:
    """The declarant is at the office with the papers. What resembles an act of the register waits for a
    person.
    """
    blocks = body.blocks.value()
    await brought(file.tx, *body.blocks.annexed, held=file.declaration.blocks.annexed)
    suspects = await declarations.resembling(file.tx, file.declaration.kind, blocks)
    completed = file.declaration.complete(
        blocks,
        suspects=suspects,
        announced_by_declarant=body.announced_by_declarant,
        **file.officer,
    )
    return await file.answer(completed)


@router.post("/declarations/{declaration_id}/distinction")
async def distinguish(file: Annotated[Step, stepping(Action.DISTINGUISH)], body: Nothing) -> DeclarationOut:
    """It is no duplicate: another person than those whom it resembles."""
    return await file.answer(file.declaration.distinguish(**file.officer))


@router.post("/declarations/{declaration_id}/refusal")
async def refuse(file: Annotated[Step, stepping(Action.REFUSE)], body: RefusalIn) -> DeclarationOut:
    return await file.answer(file.declaration.refuse(body.ground, **file.officer))


@router.post("/declarations/{declaration_id}/withdrawal")
async def withdraw(file: Annotated[Step, stepping(Action.WITHDRAW)], body: Nothing) -> DeclarationOut:
    """By who announced it, before anybody declared."""
    return await file.answer(file.declaration.withdraw(**file.officer))


@router.post("/declarations/{declaration_id}/act", status_code=201)
async def register(file: Annotated[Step, stepping(Action.REGISTER)], body: Nothing) -> ActOut:
    """The officer draws up and signs the act: numbered, and at a birth with a new identifier."""
    act_id = uuid4()
    registered = file.declaration.registered(act_id, **file.officer)
    return await _drawn_up(file, registered, act_id, None)


@router.post("/declarations/{declaration_id}/judgment", status_code=201)
async def order(file: Annotated[Step, stepping(Action.REGISTER_JUDGMENT)], body: OrderIn) -> ActOut:
    """A court ordered the registration: of what was declared late, or not at all."""
    act_id = uuid4()
    ordered = file.declaration.ordered(
        act_id, announced_by_declarant=body.announced_by_declarant, **file.officer
    )
    return await _drawn_up(file, ordered, act_id, body.judgment)


async def _drawn_up(file: Step, registered: DeclarationEvent, act_id: UUID, judgment: str | None) -> ActOut:
    tx, declaration = file.tx, file.declaration
    birth = declaration.kind is ActKind.BIRTH
    act, drawn_up = Act.register(
        act_id,
        kind=declaration.kind,
        collectivity=declaration.collectivity,
        office=declaration.office,
        number=await acts.number(tx, declaration.office, declaration.kind, tx.now),
        identifier=await acts.identifier(tx) if birth else declaration.blocks.subject.identifier,
        blocks=declaration.blocks,
        origin=Origin.DECLARATION if judgment is None else Origin.JUDGMENT,
        parties=declaration.parties,
        declaration=declaration.id,
        judgment=judgment,
        **file.officer,
    )
    await acts.save(tx, act, because=drawn_up)
    await declarations.save(tx, declaration, because=registered)
    await read_by_another(tx, file.action, act)
    file.response.headers["Location"] = f"/civil_status/v1/acts/{act.id}"
    return show(tx, file.response, act)
