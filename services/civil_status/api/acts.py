"""Acts: drawn up, read in three outputs, noted on."""

from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import Response
from pydantic import BaseModel, Field

from services.civil_status.api.common import (
    ActOut,
    BlocksIn,
    Change,
    Changes,
    JudgmentReference,
    Nothing,
    Office,
    PersonIn,
    Reason,
    Sha256,
    authorize,
    changing,
    read_by_another,
    show,
)
from services.civil_status.domain import Act, Action
from services.civil_status.domain.outputs import Output, fold
from services.civil_status.domain.permissions import demand, may_read
from services.civil_status.domain.values import Seen
from services.civil_status.events import ActKind, MentionKind, Origin
from services.civil_status.store import acts
from shared.db import Tx
from shared.http import Body, Day, Instant, Router
from shared.http.files import brought

router = Router(prefix="/acts")


class JudgmentIn(Body):
    """An act that a court orders to be drawn up: a late declaration, an act that was lost."""

    kind: ActKind
    office: Office
    judgment: JudgmentReference
    blocks: BlocksIn


class MentionIn(Body):
    """`reference`: the number of the summary or of the act of death."""

    kind: Literal[MentionKind.MARRIAGE, MentionKind.DISSOLUTION, MentionKind.DEATH]
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./ -]{0,63}$")]
    on: Day
    spouse: PersonIn | None = None
    proof: Sha256 | None = None


class AmendmentIn(Body):
    """`changes`: what fields read from now on, as `{"subject.given.latin": "Yassine"}`."""

    judgment: JudgmentReference
    judged_on: Day
    changes: Changes
    proof: Sha256 | None = None


class AnnulmentIn(Body):
    judgment: JudgmentReference
    judged_on: Day


class HolderIn(Body):
    """`account`: the reference by which the person signs in, as they show it; null takes a link back."""

    account: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")] | None
    identity: Seen | None = None


class DuplicateIn(Body):
    other: UUID


class OutputOut(BaseModel):
    """`version` of the act that it was folded from: a document issued of it is superseded by a later one."""

    act: UUID
    version: int
    at: Instant
    content: dict[str, Any]


@router.post("", status_code=201)
async def register_judgment(
    tx: Annotated[Tx, authorize(Action.REGISTER_JUDGMENT)], body: JudgmentIn, response: Response
) -> ActOut:
    """Numbered and signed at once."""
    collectivity = body.office.rpartition("-")[0]
    demand(Action.REGISTER_JUDGMENT, tx.actor, collectivity)  # before a number is drawn
    await brought(tx, *body.blocks.annexed)
    act, registered = Act.register(
        uuid4(),
        kind=body.kind,
        collectivity=collectivity,
        office=body.office,
        number=await acts.number(tx, body.office, body.kind, tx.now),
        identifier=body.blocks.subject.identifier
        if body.kind is ActKind.DEATH
        else await acts.identifier(tx),
        blocks=body.blocks.value(),
        origin=Origin.JUDGMENT,
        by=tx.actor,
        now=tx.now,
        judgment=body.judgment,
    )
    await acts.save(tx, act, because=registered)
    await read_by_another(tx, Action.REGISTER_JUDGMENT, act)
    response.headers["Location"] = f"/civil_status/v1/acts/{act.id}"
    return show(tx, response, act)


async def _readable(tx: Tx, act_id: UUID) -> Act:
    """Raises `NotFound` for what another part of the caller's, of the same commune, does not make theirs."""
    act = await acts.get(tx, act_id)
    if not may_read(tx.actor, act.collectivity, act.parties):
        raise acts.act_unknown()
    return act


@router.get("/{act_id}", dependencies=[Reason])
async def read(tx: Annotated[Tx, authorize(Action.READ_ACT)], act_id: UUID, response: Response) -> ActOut:
    """As it was drawn up, with what the caller may do now."""
    act = await _readable(tx, act_id)
    await read_by_another(tx, Action.READ_ACT, act)
    return show(tx, response, act)


@router.get("/{act_id}/outputs/{output}", dependencies=[Reason])
async def output(
    tx: Annotated[Tx, authorize(Action.READ_ACT)], act_id: UUID, output: Output, at: Instant | None = None
) -> OutputOut:
    """Copy, full copy or extract, as the register said `at` an instant, now by default."""
    act = await _readable(tx, act_id)
    past = at if at is not None and at < tx.now else None
    await read_by_another(tx, Action.READ_ACT, act)
    return OutputOut(act=act.id, version=act.version, at=past or tx.now, content=fold(act, output, past))


@router.post("/{act_id}/mentions")
async def add_mention(file: Annotated[Change, changing(Action.ADD_MENTION)], body: MentionIn) -> ActOut:
    """A marriage, its dissolution, a death, in the margin of an act of birth. The fifteen days in which a
    summary is to be sent (2-22-04 art. 15) bind who drew up the deed, and nothing counts them here: `on` is
    the day of the deed, `entered_at` that of the entry.
    """
    await file.brought(body.proof)
    noted = file.act.note(
        uuid4(),
        body.kind,
        reference=body.reference,
        on=body.on,
        spouse=body.spouse.value() if body.spouse else None,
        proof=body.proof,
        **file.officer,
    )
    return await file.answer(noted)


@router.post("/{act_id}/judgments")
async def enter_judgment(
    file: Annotated[Change, changing(Action.ENTER_JUDGMENT)], body: AmendmentIn
) -> ActOut:
    """What a court changed of the substance (36-21 art. 48-51)."""
    await file.brought(body.proof)
    noted = file.act.note(
        uuid4(),
        MentionKind.JUDGMENT,
        reference=body.judgment,
        on=body.judged_on,
        changes=body.changes,
        proof=body.proof,
        **file.officer,
    )
    return await file.answer(noted)


@router.post("/{act_id}/annulment")
async def annul(file: Annotated[Change, changing(Action.ANNUL)], body: AnnulmentIn) -> ActOut:
    """By a court; the act stays in the register."""
    return await file.answer(file.act.annul(body.judgment, body.judged_on, **file.officer))


@router.post("/{act_id}/holder")
async def link_holder(file: Annotated[Change, changing(Action.LINK_HOLDER)], body: HolderIn) -> ActOut:
    """Of paper nobody declared anything here: the officer has seen the person and their card, and from now on
    the register knows them when they ask.
    """
    return await file.answer(file.act.link(body.account, body.identity, **file.officer))


@router.post("/{act_id}/duplicate")
async def flag_duplicate(
    file: Annotated[Change, changing(Action.FLAG_DUPLICATE)], body: DuplicateIn
) -> ActOut:
    """Another act, in whatever commune, seems to say the same: nothing is issued of this one until a person
    has looked.
    """
    await acts.known(file.tx, body.other)
    return await file.answer(file.act.flag_duplicate(body.other, **file.officer))


@router.post("/{act_id}/duplicate/clearance")
async def clear_duplicate(file: Annotated[Change, changing(Action.CLEAR_DUPLICATE)], body: Nothing) -> ActOut:
    """They are two persons."""
    return await file.answer(file.act.clear_duplicate(**file.officer))
