"""A declaration: announced by the family or the hospital, completed at the office, then an act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from services.civil_status.domain.declarants import may_declare
from services.civil_status.domain.permissions import demand, not_allowed, not_permitted, serves
from services.civil_status.domain.states import (
    DECLARATION_ACTIONS,
    DECLARATION_NEXT,
    Action,
    DeclarationState,
    followed,
)
from services.civil_status.domain.values import Blocks, Clock
from services.civil_status.events import ActKind
from services.civil_status.events.declaration import (
    BecameLate,
    Channel,
    Completed,
    DeadlineKnown,
    DeclarationEvent,
    Distinguished,
    OfficeOverdue,
    Opened,
    RefusalGround,
    Refused,
    Registered,
    Withdrawn,
)
from shared.auth import Actor, Role
from shared.data import Names
from shared.errors import Conflict, Forbidden, Invalid
from shared.time import civil_day, midnight

E = TypeVar("E", bound=DeclarationEvent)
S = DeclarationState

UNCLAIMED: Final = "civil_status.unclaimed_death"
"""The one period that is the officer's own: its end makes nothing late, it reproaches."""

LATE: Final[Names] = {
    "ar": "انصرم أجل التصريح: يُسجَّل الرسم بمقتضى حكم تصريحي من المحكمة الابتدائية.",
    "fr": "Le délai est passé : le tribunal ordonne l'acte par jugement déclaratif.",
    "en": "The time to declare has passed: a declaratory judgment of the court orders the act.",
}
CONCERNED: Final = frozenset({"father", "mother", "child", "spouse"})
"""Declarants to whom the act is theirs to read (36-21 art. 43: ascendants, descendants, the spouse)."""


@dataclass(kw_only=True)
class Declaration:
    """`version` is the sequence of its last event; `opener` an opaque reference of who announced it;
    `announced_by_declarant`: the office has seen that this is who declares. A transition raises before it
    changes anything.
    """

    id: UUID
    kind: ActKind
    collectivity: str
    office: str
    channel: Channel
    opener: str
    opened_at: datetime
    blocks: Blocks
    unclaimed: bool = False
    state: DeclarationState = S.ANNOUNCED
    version: int = 0
    clock: Clock | None = None
    completed_at: datetime | None = None
    completed_by: str | None = None
    suspects: tuple[str, ...] = ()
    announced_by_declarant: bool = False
    act: UUID | None = None
    ground: RefusalGround | None = None
    late_since: datetime | None = None
    overdue_since: datetime | None = None

    @classmethod
    def open(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        *,
        kind: ActKind,
        collectivity: str,
        office: str,
        blocks: Blocks,
        by: Actor,
        now: datetime,
        unclaimed: bool = False,
    ) -> tuple[Self, Opened]:
        """An announcement: it declares nothing yet, and the period runs from the day after the event (2-22-04
        art. 40). The family and a hospital may choose any office (36-21 art. 19).

        Raises Forbidden, Invalid (`event_in_future`, `event_date_inexact`, `not_unclaimed`,
        `facility_missing`).
        """
        channel = _channel(by, collectivity)
        day = blocks.event.on.exact
        if day is None:
            raise Invalid("event_date_inexact", "A declaration knows the day; of other days a court judges.")
        if day > civil_day(now):
            raise Invalid("event_in_future", "The event is still to come.")
        if unclaimed and (kind is not ActKind.DEATH or channel is Channel.FAMILY):
            raise Invalid("not_unclaimed", "Only a death that no family declares is unclaimed.")
        if channel is Channel.HOSPITAL and blocks.event.facility is None:
            raise Invalid("facility_missing", "A notice names the health facility.")
        self = cls(
            id=id,
            kind=kind,
            collectivity=collectivity,
            office=office,
            channel=channel,
            opener=by.subject,
            opened_at=now,
            blocks=blocks.checked(),
            unclaimed=unclaimed,
        )
        return self, self._announce(
            Opened,
            channel=channel,
            opened_at=now,
            counts_from=midnight(day),
            abroad=blocks.event.abroad,
            unclaimed=unclaimed,
        )

    def actions(self, by: Actor) -> list[Action]:
        """What `by` may do now; the API returns it with the declaration and a 409 lists it."""
        return sorted(a for a in DECLARATION_ACTIONS[self.state] if self._permitted(a, by))

    def may_read(self, by: Actor) -> bool:
        return self._permitted(Action.READ_DECLARATION, by)

    @property
    def parties(self) -> frozenset[str]:
        """Whose the act is to read: a form is written by anybody, so the office must have seen who did."""
        declarant = self.blocks.declarant
        theirs = declarant is not None and declarant.relation in CONCERNED and self.announced_by_declarant
        return frozenset({self.opener} if theirs and self.channel is Channel.FAMILY else ())

    def complete(
        self,
        blocks: Blocks,
        *,
        by: Actor,
        now: datetime,
        suspects: Sequence[str] = (),
        announced_by_declarant: bool = False,
    ) -> Completed:
        """The declarant is present, with the papers: from now on it is declared, in time or not at all.

        Raises Conflict `clock_unknown` (try again), `declaration_late`; Invalid `declarant_missing`,
        `not_a_declarant`, `proof_missing`, `event_changed`.
        """
        self._may(Action.COMPLETE, by)
        if blocks.event.on != self.blocks.event.on or blocks.event.abroad != self.blocks.event.abroad:
            raise Invalid(
                "event_changed", "The period counts from the event as announced: withdraw, open anew."
            )
        if self.unclaimed:
            relation = "local_authority"
        elif blocks.declarant is None:
            raise Invalid("declarant_missing", "Say who declares.")
        else:
            relation = blocks.declarant.relation
            may_declare(self.kind, relation)
        if not blocks.annexed:
            raise Invalid("proof_missing", "The certificate of birth or of death is annexed.")
        if not self.unclaimed and now >= self._answer_by():
            raise late(self._answer_by())
        self.blocks = blocks.checked()
        self.announced_by_declarant = announced_by_declarant
        self.completed_at, self.completed_by, self.suspects = now, by.subject, tuple(suspects)
        return self._announce(
            Completed,
            to=S.SUSPECTED if suspects else S.COMPLETED,
            completed_at=now,
            relation=relation,
            suspects=self.suspects,
        )

    def distinguish(self, *, by: Actor, now: datetime) -> Distinguished:
        """An officer has compared it with the acts it resembles: another child, another deceased."""
        self._may(Action.DISTINGUISH, by)
        return self._announce(Distinguished, to=S.COMPLETED, distinguished_at=now)

    def registered(self, act: UUID, *, by: Actor, now: datetime) -> Registered:
        """The officer has drawn up the act."""
        self._may(Action.REGISTER, by)
        self.act = act
        return self._announce(Registered, to=S.REGISTERED, act=str(act), registered_at=now, by_judgment=False)

    def ordered(
        self, act: UUID, *, by: Actor, now: datetime, announced_by_declarant: bool = False
    ) -> Registered:
        """A court has ordered the registration, in time or late."""
        self._may(Action.REGISTER_JUDGMENT, by)
        self.announced_by_declarant = announced_by_declarant
        self.act = act
        return self._announce(Registered, to=S.REGISTERED, act=str(act), registered_at=now, by_judgment=True)

    def refuse(self, ground: RefusalGround, *, by: Actor, now: datetime) -> Refused:
        self._may(Action.REFUSE, by)
        self.ground = ground
        return self._announce(Refused, to=S.REFUSED, ground=ground, refused_at=now)

    def withdraw(self, *, by: Actor, now: datetime) -> Withdrawn:
        """By who announced it, before anybody declared."""
        self._may(Action.WITHDRAW, by)
        return self._announce(Withdrawn, to=S.WITHDRAWN, withdrawn_at=now)

    def observe(self, clock: Clock) -> DeadlineKnown | None:
        """The date, as the deadlines service says. None when it says nothing new."""
        if self.clock == clock:
            return None
        self.clock = clock
        return self._announce(
            DeadlineKnown,
            rule=clock.rule,
            answer_by=clock.answer_by,
            last_day=clock.last_day,
            provisional=clock.provisional,
        )

    def elapsed(self, rule: str, effective_at: datetime) -> BecameLate | OfficeOverdue | None:
        """The period has passed. What was completed before that instant is in time, whoever hears of it
        when.
        """
        if rule == UNCLAIMED:
            if self.state in {S.REGISTERED, S.REFUSED, S.WITHDRAWN} or self.overdue_since is not None:
                return None
            self.overdue_since = effective_at
            return self._announce(OfficeOverdue, effective_at=effective_at)
        if self.state is not S.ANNOUNCED:
            return None
        self.late_since = effective_at
        return self._announce(BecameLate, to=S.LATE, effective_at=effective_at)

    def _answer_by(self) -> datetime:
        if self.clock is None or self.clock.answer_by is None:
            raise clock_unknown()
        return self.clock.answer_by

    def _permitted(self, action: Action, by: Actor) -> bool:
        if action in {Action.READ_DECLARATION, Action.WITHDRAW} and by.subject == self.opener:
            return True
        if action is Action.WITHDRAW:
            return False
        office = action is not Action.READ_DECLARATION or by.holds(Role.AGENT, Role.CIVIL_STATUS_OFFICER)
        return office and serves(action, by, self.collectivity)

    def _may(self, action: Action, by: Actor) -> None:
        """Raises Forbidden, or Conflict `action_not_permitted` with the actions that are."""
        if not self._permitted(action, by):
            raise not_allowed()
        if (
            by.subject == self.opener
            and self.channel is not Channel.COUNTER
            and action is not Action.WITHDRAW
        ):
            raise Forbidden("own_declaration", "Nobody receives a declaration of their own.")
        if action not in DECLARATION_ACTIONS[self.state]:
            raise not_permitted("declaration", self.state, self.actions(by))

    def _announce(self, event: type[E], to: DeclarationState | None = None, **fields: Any) -> E:
        self.state = followed(DECLARATION_NEXT, self.state, to)
        self.version += 1
        return event(collectivity=self.collectivity, kind=self.kind, **fields)


def _channel(by: Actor, collectivity: str) -> Channel:
    if by.holds(Role.AGENT, Role.CIVIL_STATUS_OFFICER):
        demand(Action.COMPLETE, by, collectivity)
        return Channel.COUNTER
    return Channel.HOSPITAL if by.holds(Role.HEALTH_FACILITY) else Channel.FAMILY


def clock_unknown() -> Conflict:
    return Conflict(
        "clock_unknown",
        {
            "ar": "الأجل القانوني قيد الاحتساب، يرجى إعادة المحاولة بعد لحظات.",
            "fr": "Le délai est en cours de calcul : réessayez dans un instant.",
            "en": "The deadline is being computed: try again in a moment.",
        },
        retry=True,
    )


def late(since: datetime) -> Conflict:
    return Conflict("declaration_late", LATE, late_since=since.isoformat().replace("+00:00", "Z"))
