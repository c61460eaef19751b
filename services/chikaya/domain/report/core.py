"""What is kept of a report, what it is, and the steps that every transition takes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from services.chikaya.domain.catalogue import Category, Route, catalogue
from services.chikaya.domain.permissions import FOR_ANOTHER, OWN, not_allowed, serves
from services.chikaya.domain.states import ACTIONS, NEXT, OPEN, Action, State
from services.chikaya.domain.values import (
    Attachment,
    Clock,
    Contact,
    Dismissed,
    Finding,
    Place,
    Rating,
    Reply,
    Review,
    Routed,
)
from services.chikaya.events import ReportEvent
from services.chikaya.events.report import Channel, Competence, Kind
from shared.auth import Actor, Role
from shared.errors import Conflict, Forbidden

E = TypeVar("E", bound=ReportEvent)
S = State
A = Action

REPLY: Final = "chikaya.reply"
REPLY_AGAIN: Final = "chikaya.reply_again"
DEFECT: Final = "chikaya.defect"
REDIRECTION: Final = "chikaya.redirection"
REOPENING: Final = "chikaya.reopening"
LIMITS: Final = {DEFECT: A.DECLARE_DEFECTIVE, REDIRECTION: A.REDIRECT, REOPENING: A.REOPEN}
"""By rule, what may no longer be done once its period is over."""

MOST_ATTACHMENTS: Final = 10


def reporter_without_account(id: UUID) -> str:  # noqa: A002 -- the aggregate's field has this name
    """Their subject: no token's has a colon."""
    return f"report:{id}"


@dataclass(kw_only=True)
class Core:
    """`version` is the sequence of its last event. `reporter` is a subject, or one of this report alone for
    whoever has no account; `filed_by` typed it in. `past` are collectivities that had it before. `round` is
    that of the reply that is due or was given, from 1. `published`: a person said what everybody may see of
    it, which `review` holds. `flagged`: a rule found something in its text or in a reply. `answers` are to
    the category's questions. `links` were given instead of photos: nobody here opens them, and they are never
    public, because what lies there may change. `sent_by` is the Open311 client that sent it.
    `merged_into` is the report that is worked on instead, or whose answer this one got: that of the round
    `merged_round`, or a later one; `dismissed` are those that a person said it is no duplicate of.
    """

    id: UUID
    reference: str
    kind: Kind
    category: str
    collectivity: str
    competence: Competence
    body: str
    channel: Channel
    reporter: str
    filed_by: str
    received_at: datetime
    text: str
    place: Place
    contact: Contact | None = None
    attachments: tuple[Attachment, ...] = ()
    state: State = S.RECEIVED
    version: int = 0
    past: tuple[str, ...] = ()
    history: tuple[Routed, ...] = ()
    clocks: dict[str, Clock] = field(default_factory=dict)
    contact_confirmed_at: datetime | None = None
    assignee: str | None = None
    finding: Finding | None = None
    completions: tuple[str, ...] = ()
    replies: tuple[Reply, ...] = ()
    ratings: tuple[Rating, ...] = ()
    round: int = 1
    reopened_for: tuple[str, ...] = ()
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    published: bool = False
    flagged: bool = False
    review: Review | None = None
    merged_into: UUID | None = None
    merged_round: int = 1
    dismissed: tuple[Dismissed, ...] = ()
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    sent_by: str | None = None

    # -- what it is

    @property
    def listed(self) -> Category:
        return catalogue().category(self.category)

    @property
    def account(self) -> bool:
        """Whether whoever reported signs in."""
        return self.reporter != reporter_without_account(self.id)

    @property
    def reply_rule(self) -> str:
        return REPLY if self.round == 1 else REPLY_AGAIN

    @property
    def answer_by(self) -> datetime | None:
        """Until when the reply is due; None once it was given, and while the date is not known."""
        clock = self.clocks.get(self.reply_rule)
        return clock.answer_by if clock and self.state in OPEN else None

    @property
    def to_review(self) -> bool:
        """A person has yet to say what everybody may see of it."""
        if not self.listed.public or A.PUBLISH not in ACTIONS[self.state]:
            return False
        return self.review is None or self.review.replies < len(self.replies)

    @property
    def available(self) -> frozenset[Action]:
        """What its state allows anybody, and the periods that are over do not. What was answered once was
        clear enough (art. 11), and nothing suspends the second period.
        """
        moot = {action for rule, action in LIMITS.items() if self._over(rule)}
        if self.round > 1:
            moot.add(A.DECLARE_DEFECTIVE)
        reached = self.contact is not None and self.contact.address is not None
        if self.account or not reached or self.contact_confirmed_at is not None:
            moot.add(A.CONFIRM_CONTACT)
        return ACTIONS[self.state] - moot

    def actions(self, by: Actor) -> list[Action]:
        """What `by` may do now; the API returns it and a 409 lists it."""
        return sorted(action for action in self.available if self._refusal(action, by) is None)

    def may_read(self, by: Actor) -> bool:
        return self._refusal(A.READ, by) is None

    def demand(self, action: Action, by: Actor) -> None:
        """In whatever state it is. Raises Forbidden."""
        if refusal := self._refusal(action, by):
            raise refusal

    def as_reporter(self) -> Actor:
        """Whoever holds its follow-up code."""
        return Actor(subject=self.reporter, roles=frozenset({Role.CITIZEN}))

    # -- the steps of every transition

    def _over(self, rule: str) -> bool:
        return rule in self.clocks and self.clocks[rule].elapsed_at is not None

    @property
    def _waits(self) -> State:
        """Where it waits for somebody to take it."""
        return S.REOPENED if self.round > 1 else S.ACKNOWLEDGED

    def _route(self, category: str, collectivity: str) -> Route:
        return catalogue().route(category, collectivity)

    def _refusal(self, action: Action, by: Actor) -> Forbidden | None:
        """Nobody handles what they report; and what is the reporter's alone, an agent does only for who came
        to one and has no account: nobody else's satisfaction is an office's to state. Where a report lay
        before, it may still be read.
        """
        mine = by.subject == self.reporter
        if action in OWN and mine:
            return None
        if mine or (by.subject == self.filed_by and action in {A.ANSWER, A.DECLARE_INADMISSIBLE}):
            return Forbidden(
                "own_report",
                {
                    "ar": "لا يبت أحد في تبليغ قدمه بنفسه.",
                    "fr": "Nul ne traite un signalement qu'il a lui-même déposé.",
                    "en": "Nobody handles a report that they filed.",
                },
            )
        came = self.filed_by and not self.account
        if action is A.CONFIRM_CONTACT or (action in FOR_ANOTHER and not came):
            return not_allowed()
        if action is A.READ and (
            by.subject == self.filed_by or any(serves(action, by, code) for code in self.past)
        ):
            return None
        return None if serves(action, by, self.collectivity) else not_allowed()

    def _may(self, action: Action, by: Actor, now: datetime | None = None) -> None:
        """Raises Forbidden, or Conflict `action_not_permitted` with the actions that are. With `now`, also
        `period_over` for a period that ended and of which nobody has heard yet.
        """
        if refusal := self._refusal(action, by):
            raise refusal
        for rule, limited in LIMITS.items():
            ended = self.clocks[rule].answer_by if rule in self.clocks else None
            late = self._over(rule) or (now is not None and ended is not None and now >= ended)
            if limited is action and late and action in ACTIONS[self.state]:
                raise Conflict(
                    "period_over",
                    {
                        "ar": "انصرم الأجل المحدد لهذا الإجراء.",
                        "fr": "Le délai de cette action est passé.",
                        "en": "The time for this is over.",
                    },
                    rule=rule,
                    actions=[one for one in self.actions(by) if one is not action],
                )
        if action not in self.available:
            raise Conflict(
                "action_not_permitted",
                {
                    "ar": "حالة التبليغ لا تسمح بهذا الإجراء.",
                    "fr": "L'état du signalement ne permet pas cette action.",
                    "en": "The state of the report does not allow this.",
                },
                state=self.state,
                actions=self.actions(by),
            )

    def _announce(self, event: type[E], to: State | None = None, **fields: Any) -> E:
        if to is not None and to is not self.state:
            if to not in NEXT[self.state]:
                raise AssertionError(f"{self.state} is never followed by {to}")
            self.state = to
        self.version += 1
        return event(collectivity=self.collectivity, category=self.category, **fields)
