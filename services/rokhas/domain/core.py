"""The permit file's fields and the three steps of every transition: may I, change, announce."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from services.rokhas.domain.permissions import (
    DECIDING,
    INSTRUCTING,
    Delegation,
    Parties,
    allowed,
    permitted,
)
from services.rokhas.domain.recueil import Category, Procedure, Session, SilenceEffect
from services.rokhas.domain.states import ACTIONS, NEXT, Action, State
from services.rokhas.domain.values import (
    LAPSE,
    Appeal,
    Attachment,
    Clock,
    ClockChange,
    ClockRule,
    Counter,
    Decision,
    Extension,
    Fee,
    Handover,
    Minutes,
    Opinion,
    Paper,
    PaperKind,
    Payment,
    Recipient,
    Request,
    Sitting,
)
from services.rokhas.events import BindingOpinion, Channel, DossierEvent
from shared.auth import Actor
from shared.errors import Conflict, Invalid

E = TypeVar("E", bound=DossierEvent)

_COMMISSION: Final = frozenset(
    {Action.FORWARD, Action.CONVENE, Action.SIGN_MINUTES, Action.REQUEST_MODIFICATION}
)

DUE: Final[dict[State, tuple[ClockRule, ...]]] = {
    State.INCOMPLETE: (ClockRule.MISSING_ITEMS,),
    State.SUSPENDED: (ClockRule.REPLACEMENT, ClockRule.UNANSWERED),
    State.SILENCE_INVOKED: (ClockRule.DELIVERY,),
    State.ATTESTATION_REQUESTED: (ClockRule.ATTESTATION,),
    State.APPEAL_PRESIDENT: (ClockRule.APPEAL_PRESIDENT,),
    State.APPEAL_GOVERNOR: (ClockRule.APPEAL_GOVERNOR,),
}
"""By which rules the office is awaited next, outside the period of the file itself."""


@dataclass(kw_only=True)
class Core:
    """What is kept of a file. `version` is the sequence of its last event; persons are opaque references.

    A transition checks, changes the fields and returns its one event; it raises Forbidden, Conflict or
    Invalid before it changes anything.
    """

    id: UUID
    procedure: Procedure
    collectivity: str
    applicant: str
    channel: Channel
    drafted_at: datetime
    state: State = State.DRAFT
    version: int = 0
    unit: str | None = None
    site: str = ""
    purpose: str = ""
    circumstances: str = ""  # what changed since an earlier refusal (55-19 art. 15)
    reference: str | None = None
    submitted_at: datetime | None = None
    completed_at: datetime | None = None
    missing: tuple[str, ...] = ()
    documents: dict[str, Attachment] = field(default_factory=dict)
    papers: list[Paper] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    extension: Extension | None = None
    proxies: dict[str, datetime] = field(default_factory=dict)
    instructor: str | None = None
    instructed_by: set[str] = field(default_factory=set)
    decided_by: set[str] = field(default_factory=set)
    opinions: dict[str, Opinion] = field(default_factory=dict)
    forwarded_at: datetime | None = None
    sitting: Sitting | None = None
    minutes: Minutes | None = None
    decision: Decision | None = None
    handover: Handover | None = None
    late_attempts: int = 0
    clock: Clock | None = None
    awaiting: ClockChange | None = None
    """The announcement by which the deadlines service reacts to this file's own last change of its clock:
    until it comes, `clock` is not known."""
    awaiting_since: datetime | None = None
    restart_due: bool = False
    clocks: dict[str, Clock] = field(default_factory=dict)
    silence_at: datetime | None = None
    effective_at: datetime | None = None
    invoked_at: datetime | None = None
    attestation_requested_at: datetime | None = None
    delivered_at: datetime | None = None
    attested_at: datetime | None = None
    works_started_at: datetime | None = None
    transmitted: dict[Recipient, datetime] = field(default_factory=dict)
    appeals: list[Appeal] = field(default_factory=list)
    fees: dict[str, Fee] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    repeats: UUID | None = None
    annulment: str | None = None
    """The judgment or order that annulled the permit, as it was written."""
    ended_at: datetime | None = None

    @property
    def parties(self) -> Parties:
        return Parties(
            self.collectivity,
            self.applicant,
            frozenset(self.proxies),
            frozenset(self.instructed_by),
            frozenset(self.decided_by),
            self.instructor,
        )

    @property
    def available(self) -> frozenset[Action]:
        """What the state allows, less what this procedure or file gives no occasion for."""
        moot: set[Action] = set()
        if self.procedure.session is Session.NONE:
            moot |= _COMMISSION
        elif self.procedure.session is Session.ON_THE_SPOT:
            moot.add(Action.FORWARD)
        if not self.procedure.opinions:
            moot |= {Action.REQUEST_OPINION, Action.GIVE_OPINION}
        if self._lapse_clock is None:
            moot.add(Action.LAPSE)
        if self.procedure.validity is None or not self.procedure.validity.kept_by_works:
            moot.add(Action.START_WORKS)
        if self.procedure.category is not Category.URBAN:
            moot.add(Action.TRANSMIT)
        if self.state is State.GRANTED:
            moot |= {Action.INVOKE, Action.REQUEST_ATTESTATION} - self._open_after_silence
        moot |= (
            {Action.CONFIRM_HANDOVER, Action.REJECT_HANDOVER}
            if self.handover is None
            else {Action.RECORD_HANDOVER}
        )
        return ACTIONS[self.state] - moot

    @property
    def _open_after_silence(self) -> set[Action]:
        """A grant that came after the silence does not undo it: until the permit is delivered its holder may
        still ask for the act, then for the attestation (55-19 art. 19-20).
        """
        if self.silence_at is None or self.procedure.silence.effect is not SilenceEffect.APPROVAL:
            return set()
        return {Action.INVOKE if self.invoked_at is None else Action.REQUEST_ATTESTATION}

    @property
    def contents(self) -> dict[str, Attachment | Paper]:
        """Every content that the file holds, by its digest: who may read the file may read them."""
        held: list[Attachment | Paper] = [*self.papers, *self.documents.values()]
        return {one.file: one for one in held}

    def actions(self, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()) -> list[Action]:
        """What `by` may do now; the API returns it with the file and a 409 lists it."""
        return permitted(self.available, by, self.parties, now, delegations)

    def binding_opinion(self) -> BindingOpinion:
        """The state of the opinion that binds the commune (113-14 art. 101, RGC art. 39)."""
        binding = [listed.actor for listed in self.procedure.opinions if listed.binding]
        if not binding:
            return BindingOpinion.NOT_REQUIRED
        given = [self.opinions[actor] for actor in binding if actor in self.opinions]
        if any(opinion.given_at and not opinion.favourable for opinion in given):
            return BindingOpinion.UNFAVOURABLE
        if len([opinion for opinion in given if opinion.given_at]) < len(binding):
            return BindingOpinion.MISSING
        return BindingOpinion.FAVOURABLE

    def _may(
        self,
        action: Action,
        by: Actor,
        now: datetime,
        *,
        counter: Counter | None = None,
        delegations: Iterable[Delegation] = (),
        also_in: frozenset[State] = frozenset(),
    ) -> None:
        """Raises Forbidden, or Conflict `action_not_permitted` with the actions that are."""
        if now.tzinfo is None:
            raise ValueError("an instant needs an offset")
        lent = list(delegations)
        unit = counter.unit if counter else None
        if refusal := allowed(action, by, self.parties, now=now, unit=unit, delegations=lent):
            raise refusal
        if action not in self.available and self.state not in also_in:
            raise Conflict(
                "action_not_permitted",
                {
                    "ar": "حالة الملف لا تسمح بهذا الإجراء.",
                    "fr": "L'état du dossier ne permet pas cette action.",
                    "en": "The state of the file does not allow this.",
                },
                state=self.state,
                actions=self.actions(by, now, lent),
            )

    def _acted(self, action: Action, by: Actor) -> None:
        """Remembers who instructed and who decided, so that nobody ever does both."""
        if action in INSTRUCTING:
            self.instructed_by.add(by.subject)
        if action in DECIDING:
            self.decided_by.add(by.subject)

    def _announce(self, event: type[E], to: State | None = None, **fields: Any) -> E:
        if to is not None and to is not self.state:
            if to not in NEXT[self.state]:
                raise AssertionError(f"{self.state} is never followed by {to}")
            self.state = to
        self.version += 1
        return event(procedure=self.procedure.code, collectivity=self.collectivity, **fields)

    def _received(self, by: Actor, counter: Counter | None) -> dict[str, Any]:
        """The fields of `Deposited`: at a counter, the unit and the agent (55-19 art. 30)."""
        if counter is None or by.subject in self.parties.proxies | {self.applicant}:
            return {"channel": Channel.PORTAL}
        return {"channel": counter.channel, "unit": counter.unit, "agent": by.subject}

    def _proof(self, kind: PaperKind, by: Actor, now: datetime, evidence: str | None) -> str | None:
        """What ends an applicant's rights is proven when somebody else enters it at a counter.

        Raises Invalid `evidence_missing`.
        """
        if by.subject not in self.parties.proxies | {self.applicant}:
            wanted(evidence or "", "evidence_missing")
        self._keep(kind, evidence, by, now)
        return evidence

    def _keep(self, kind: PaperKind, file: str | None, by: Actor, now: datetime) -> None:
        if file:
            self.papers = [*self.papers, Paper(kind=kind, file=file, kept_at=now, by=by.subject)]

    def _attach(self, supplied: Attachment) -> None:
        """In the place of an earlier one; which is kept, once the office may have looked at it."""
        old = self.documents.get(supplied.document)
        if old is not None and old.file != supplied.file and self.submitted_at is not None:
            at = supplied.attached_at
            self.papers = [*self.papers, Paper(kind=PaperKind.REPLACED, file=old.file, kept_at=at, by=old.by)]
        self.documents[supplied.document] = supplied

    def _answer_by(self) -> datetime:
        """The instant from which a refusal has no effect. Raises Conflict `clock_unknown`: try again."""
        if self.clock is None or self.clock.answer_by is None or self.awaiting:
            raise clock_unknown()
        return self.clock.answer_by

    def _is_late(self, now: datetime) -> bool:
        known = self.clock is not None and self.clock.answer_by is not None and not self.awaiting
        return known and now >= self._answer_by()

    def _await(self, change: ClockChange, since: datetime) -> None:
        self.awaiting = change
        self.awaiting_since = min(since, self.awaiting_since or since)

    def _due(self, *rules: ClockRule) -> datetime | None:
        """When the first clock of these rules runs out, if there is one."""
        dates = (clock.answer_by for clock in self.clocks.values() if clock.rule in rules)
        return min((date for date in dates if date), default=None)

    @property
    def due_at(self) -> datetime | None:
        """The office's next date in the order of its work: the end of the period while it runs, then of the
        period that the present state opened; for what an applicant owes, when the file may be returned.
        """
        if self.state is State.UNDER_REVIEW:
            return self.clock.answer_by if self.clock else None
        return self._due(*DUE.get(self.state, ()))

    @property
    def _lapse_clock(self) -> Clock | None:
        """The validity of the permit, from the grant or the silence that approved it (12-90 art. 49)."""
        return next((clock for clock in self.clocks.values() if clock.rule.startswith(LAPSE)), None)

    def _forget(self, *rules: ClockRule) -> None:
        """Their period ended otherwise, or another one begins."""
        self.clocks = {key: clock for key, clock in self.clocks.items() if clock.rule not in rules}

    def _replace_request(self, answered: Request, **changes: Any) -> None:
        self.requests = [
            replace(request, **changes) if request.id == answered.id else request for request in self.requests
        ]


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


def too_early(earliest: datetime | None) -> Conflict:
    """Raised where the law first lets a period pass; without a known date the answer is `clock_unknown`."""
    if earliest is None:
        return clock_unknown()
    return Conflict(
        "too_early",
        {
            "ar": "لم ينصرم الأجل القانوني بعد.",
            "fr": "Le délai légal n'est pas encore écoulé.",
            "en": "The legal period has not passed yet.",
        },
        earliest=earliest.isoformat().replace("+00:00", "Z"),
    )


def wanted(text: str, code: str) -> str:
    """Raises Invalid for a text that says nothing where the law wants one (reasons, evidence)."""
    if not text.strip():
        raise Invalid(code, "This cannot be empty.")
    return text
