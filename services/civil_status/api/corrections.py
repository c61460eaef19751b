"""Material errors: asked by whose act it is, decided by the central authority, put right in the margin."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field

from services.civil_status.api.common import By, Changes, Nothing, Reason, Sha256, authorize
from services.civil_status.domain import Action
from services.civil_status.domain.correction import Correction
from services.civil_status.domain.states import CorrectionState
from services.civil_status.domain.values import Clock
from services.civil_status.domain.writing import plain
from services.civil_status.events import ActKind
from services.civil_status.events.correction import CorrectionEvent, RejectionGround
from services.civil_status.store import acts, corrections
from shared.access import recorded
from shared.auth import Role
from shared.db import Tx
from shared.http import Body, IfRead, Instant, Listing, Page, Router, etag
from shared.http.files import brought

router = Router(prefix="")


class CorrectionIn(Body):
    """`changes`: what fields should read, as `{"father.family.latin": "Alami"}`."""

    changes: Changes
    explanation: Annotated[str, Field(min_length=1, max_length=2000)]
    proofs: Annotated[list[Sha256], Field(max_length=10)] = Field(default_factory=list)


class AcceptanceIn(Body):
    """`reference`: the number of the decision."""

    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./ -]{0,63}$", examples=["DEC 12/2026"])]


class RejectionIn(Body):
    ground: RejectionGround


class CorrectionOut(BaseModel):
    """`clock` is null until the date of the decision is known."""

    id: UUID
    act: UUID
    kind: ActKind
    collectivity: str
    requested_at: Instant
    changes: dict[str, str]
    explanation: str
    proofs: list[str]
    state: CorrectionState
    clock: Clock | None
    overdue_since: Instant | None
    decided_at: Instant | None
    ground: RejectionGround | None
    mention: UUID | None
    actions: list[Action]
    version: int


class CorrectionLine(BaseModel):
    id: UUID
    act: UUID
    kind: ActKind
    collectivity: str
    requested_at: Instant
    state: CorrectionState
    answer_by: Instant | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request, locked, to be changed once in the transaction of this request: decision 0032."""

    tx: Tx
    response: Response
    action: Action
    correction: Correction

    @property
    def officer(self) -> By:
        return By(by=self.tx.actor, now=self.tx.now)

    async def answer(self, event: CorrectionEvent) -> CorrectionOut:
        await corrections.save(self.tx, self.correction, because=event)
        await _read(self.tx, self.action, self.correction)
        return _show(self.tx, self.response, self.correction)


def stepping(action: Action) -> Any:
    """The dependency of every route that changes a request for correction."""

    async def load(
        tx: Annotated[Tx, authorize(action)], correction_id: UUID, response: Response, version: IfRead
    ) -> Step:
        found = await corrections.locked(tx, correction_id, version=version)
        return Step(tx=tx, response=response, action=action, correction=found)

    return Depends(load)


def _show(tx: Tx, response: Response, found: Correction) -> CorrectionOut:
    etag(response, found.version)
    fields = {name: getattr(found, name) for name in CorrectionOut.model_fields if hasattr(found, name)}
    return CorrectionOut(**(fields | {"proofs": list(found.proofs), "actions": found.actions(tx.actor)}))


async def _read(tx: Tx, action: Action, *read: Correction) -> None:
    for collectivity in sorted({found.collectivity for found in read}):
        owners = {
            str(found.id): tx.actor.subject if tx.actor.subject in found.parties else ""
            for found in read
            if found.collectivity == collectivity
        }
        await recorded(
            tx,
            "civil_status",
            action=action,
            aggregate="correction",
            owners=owners,
            collectivity=collectivity,
        )


@router.post("/acts/{act_id}/corrections", status_code=201)
async def request_correction(
    tx: Annotated[Tx, authorize(Action.REQUEST_CORRECTION)],
    act_id: UUID,
    body: CorrectionIn,
    response: Response,
) -> CorrectionOut:
    """By whose act it is, or the office for them; decided within fifteen days (36-21 art. 48-51)."""
    act = await acts.get(tx, act_id)
    await brought(tx, *body.proofs)
    correction, requested = Correction.request(
        uuid4(),
        act,
        body.changes,
        explanation=plain(body.explanation, "explanation"),
        proofs=tuple(body.proofs),
        by=tx.actor,
        now=tx.now,
    )
    await corrections.save(tx, correction, because=requested)
    await _read(tx, Action.REQUEST_CORRECTION, correction)
    response.headers["Location"] = f"/civil_status/v1/corrections/{correction.id}"
    return _show(tx, response, correction)


@router.get("/corrections", dependencies=[Reason])
async def list_corrections(
    tx: Annotated[Tx, authorize(Action.LIST_CORRECTIONS)],
    paging: Listing,
    state: Annotated[list[CorrectionState] | None, Query()] = None,
) -> Page[CorrectionLine]:
    """The oldest first: one's own, those of one's office, or those that one's authority decides."""
    citizen = not tx.actor.holds(*set(Role) - {Role.CITIZEN})
    after = paging.after(datetime, UUID)
    found = await corrections.find(
        tx,
        states=state,
        party=tx.actor.subject if citizen else None,
        after=after and (after[0], after[1]),
        limit=paging.fetch,
    )
    await _read(tx, Action.LIST_CORRECTIONS, *found[: paging.limit])
    return paging.page(found, key=lambda c: (c.requested_at, c.id), to=_line)


def _line(found: Correction) -> CorrectionLine:
    return CorrectionLine(
        id=found.id,
        act=found.act,
        kind=found.kind,
        collectivity=found.collectivity,
        requested_at=found.requested_at,
        state=found.state,
        answer_by=found.clock.answer_by if found.clock else None,
        version=found.version,
    )


@router.get("/corrections/{correction_id}", dependencies=[Reason])
async def read(
    tx: Annotated[Tx, authorize(Action.READ_CORRECTION)], correction_id: UUID, response: Response
) -> CorrectionOut:
    found = await corrections.get(tx, correction_id)
    if not found.may_read(tx.actor):
        raise corrections.correction_unknown()
    await _read(tx, Action.READ_CORRECTION, found)
    return _show(tx, response, found)


@router.post("/corrections/{correction_id}/acceptance")
async def accept(
    file: Annotated[Step, stepping(Action.DECIDE_CORRECTION)], body: AcceptanceIn
) -> CorrectionOut:
    """The decision and its mention in the margin of the act, at once."""
    mention = uuid4()
    accepted = file.correction.accept(mention, **file.officer)
    act = await acts.locked(file.tx, file.correction.act)
    noted = act.corrected(mention, reference=body.reference, changes=file.correction.changes, **file.officer)
    await acts.save(file.tx, act, because=noted)
    return await file.answer(accepted)


@router.post("/corrections/{correction_id}/rejection")
async def reject(
    file: Annotated[Step, stepping(Action.DECIDE_CORRECTION)], body: RejectionIn
) -> CorrectionOut:
    """`substantial`: a court's to change."""
    return await file.answer(file.correction.reject(body.ground, **file.officer))


@router.post("/corrections/{correction_id}/withdrawal")
async def withdraw(
    file: Annotated[Step, stepping(Action.WITHDRAW_CORRECTION)], body: Nothing
) -> CorrectionOut:
    """By who asked."""
    return await file.answer(file.correction.withdraw(**file.officer))
