"""A material error in an act: asked by whose act it is, decided by the central authority (36-21 art.
48-51).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from services.civil_status.domain.act import Act
from services.civil_status.domain.permissions import not_allowed, not_permitted, serves
from services.civil_status.domain.states import (
    CORRECTION_ACTIONS,
    CORRECTION_NEXT,
    Action,
    ActState,
    CorrectionState,
    followed,
)
from services.civil_status.domain.values import Clock
from services.civil_status.events import ActKind
from services.civil_status.events.correction import (
    CorrectionAccepted,
    CorrectionDeadlineKnown,
    CorrectionEvent,
    CorrectionOverdue,
    CorrectionRejected,
    CorrectionRequested,
    CorrectionWithdrawn,
    RejectionGround,
)
from shared.auth import Actor
from shared.errors import Conflict, Forbidden

E = TypeVar("E", bound=CorrectionEvent)
S = CorrectionState


@dataclass(kw_only=True)
class Correction:
    """`changes` are what the fields should read; `explanation` is the applicant's, and stays here."""

    id: UUID
    act: UUID
    kind: ActKind
    collectivity: str
    requested_by: str
    requested_at: datetime
    changes: dict[str, str]
    explanation: str
    parties: frozenset[str]
    proofs: tuple[str, ...] = ()
    state: CorrectionState = S.REQUESTED
    version: int = 0
    clock: Clock | None = None
    overdue_since: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    ground: RejectionGround | None = None
    mention: UUID | None = None

    @classmethod
    def request(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        act: Act,
        changes: Mapping[str, str],
        *,
        explanation: str,
        proofs: tuple[str, ...],
        by: Actor,
        now: datetime,
    ) -> tuple[Self, CorrectionRequested]:
        """By whose act it is, or the office for them. Raises Forbidden, Conflict, Invalid."""
        if by.subject not in act.parties and not serves(Action.REQUEST_CORRECTION, by, act.collectivity):
            raise not_allowed()
        if act.state is ActState.ANNULLED:
            raise Conflict("act_annulled", "Nothing is corrected in an act that a court annulled.")
        changes = act.restatement(changes, now)
        self = cls(
            id=id,
            act=act.id,
            kind=act.kind,
            collectivity=act.collectivity,
            requested_by=by.subject,
            requested_at=now,
            changes=changes,
            explanation=explanation,
            parties=act.parties | {by.subject},
            proofs=proofs,
        )
        return self, self._announce(CorrectionRequested, requested_at=now, fields=tuple(self.changes))

    def actions(self, by: Actor) -> list[Action]:
        return sorted(a for a in CORRECTION_ACTIONS[self.state] if self._permitted(a, by))

    def may_read(self, by: Actor) -> bool:
        return self._permitted(Action.READ_CORRECTION, by)

    def accept(self, mention: UUID, *, by: Actor, now: datetime) -> CorrectionAccepted:
        """The mention is entered in the same transaction. Late or not: silence corrects nothing."""
        self._may(Action.DECIDE_CORRECTION, by)
        self.mention, self.decided_at, self.decided_by = mention, now, by.subject
        return self._announce(CorrectionAccepted, to=S.ACCEPTED, accepted_at=now, mention=str(mention))

    def reject(self, ground: RejectionGround, *, by: Actor, now: datetime) -> CorrectionRejected:
        self._may(Action.DECIDE_CORRECTION, by)
        self.ground, self.decided_at, self.decided_by = ground, now, by.subject
        return self._announce(CorrectionRejected, to=S.REJECTED, rejected_at=now, ground=ground)

    def withdraw(self, *, by: Actor, now: datetime) -> CorrectionWithdrawn:
        self._may(Action.WITHDRAW_CORRECTION, by)
        return self._announce(CorrectionWithdrawn, to=S.WITHDRAWN, withdrawn_at=now)

    def observe(self, clock: Clock) -> CorrectionDeadlineKnown | None:
        if self.clock == clock:
            return None
        self.clock = clock
        return self._announce(
            CorrectionDeadlineKnown,
            answer_by=clock.answer_by,
            last_day=clock.last_day,
            provisional=clock.provisional,
        )

    def elapsed(self, effective_at: datetime) -> CorrectionOverdue | None:
        if self.state is not S.REQUESTED or self.overdue_since is not None:
            return None
        self.overdue_since = effective_at
        return self._announce(CorrectionOverdue, effective_at=effective_at)

    def _permitted(self, action: Action, by: Actor) -> bool:
        if action is Action.WITHDRAW_CORRECTION:
            return by.subject == self.requested_by
        if action is Action.READ_CORRECTION and by.subject in self.parties:
            return True
        return serves(action, by, self.collectivity)

    def _may(self, action: Action, by: Actor) -> None:
        if not self._permitted(action, by):
            raise not_allowed()
        if action is Action.DECIDE_CORRECTION and by.subject in self.parties:
            raise Forbidden("own_correction", "Nobody decides on a request of their own.")
        if action not in CORRECTION_ACTIONS[self.state]:
            raise not_permitted("correction", self.state, self.actions(by))

    def _announce(self, event: type[E], to: CorrectionState | None = None, **fields: Any) -> E:
        self.state = followed(CORRECTION_NEXT, self.state, to)
        self.version += 1
        return event(collectivity=self.collectivity, kind=self.kind, act=str(self.act), **fields)
