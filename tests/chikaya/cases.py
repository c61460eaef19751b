"""People and reports for the tests of complaints: every state is reached by real transitions."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.chikaya.domain import Action, Report, State
from services.chikaya.domain.report.core import DEFECT, REDIRECTION, REPLY
from services.chikaya.domain.values import Clock, Contact, Desk, Method, Place
from services.chikaya.events import ReportEvent
from services.chikaya.events.report import Channel, Defect, InadmissibleGround, Kind, Outcome
from shared.auth import Actor, Role
from shared.time import civil_day

CASABLANCA: Final = "06.141.01.0"
BEN_AHMED: Final = "06.461.01.01"
NOW: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
REASONS: Final = "Les travaux sont programmés."


def _of_office(subject: str, *roles: Role) -> Actor:
    return Actor(subject=subject, roles=frozenset(roles), communes=frozenset({CASABLANCA}))


CITIZEN: Final = Actor(subject="citizen-1", roles=frozenset({Role.CITIZEN}))
STRANGER: Final = Actor(subject="citizen-2", roles=frozenset({Role.CITIZEN}))
AGENT: Final = _of_office("agent-1", Role.AGENT)
OFFICER: Final = _of_office("officer-1", Role.INSTRUCTOR)
AUDITOR: Final = _of_office("auditor-1", Role.AUDITOR)
GOVERNOR: Final = Actor(
    subject="governor-1", roles=frozenset({Role.GOVERNOR}), provinces=frozenset({"06.141"})
)
ELSEWHERE: Final = Actor(subject="else-1", roles=frozenset(Role), communes=frozenset({"06.371.01.01"}))
NOBODY: Final = Actor(subject="anonymous")
DESK: Final = Desk(
    collectivity=CASABLANCA, address="Boulevard Mohammed V", phone="+212522000000", web="https://example.ma"
)
HERE: Final = Place(method=Method.STATED)


def received(by: Actor = CITIZEN, *, account: bool = True, **changes: Any) -> Report:
    """Received, and nothing more."""
    said: dict[str, Any] = {
        "kind": Kind.COMPLAINT,
        "category": "pothole",
        "collectivity": CASABLANCA,
        "channel": Channel.WEB,
        "text": "حفرة كبيرة أمام المدرسة",
        "place": HERE,
    } | changes
    made, _ = Report.receive(UUID(int=1), by=by, now=NOW, account=account, **said)
    return made


def acknowledged(by: Actor = CITIZEN, **changes: Any) -> Report:
    made = received(by, **changes)
    made.acknowledge(NOW)
    return made


def at_counter() -> Report:
    return acknowledged(AGENT, account=False, channel=Channel.COUNTER)


def without_account() -> Report:
    """Its contact may be confirmed."""
    return acknowledged(NOBODY, account=False, contact=Contact(phone="+212612345678"))


def clock(rule: str, days: int = 15) -> Clock:
    due = NOW + timedelta(days=days)
    return Clock(rule=rule, answer_by=due, last_day=civil_day(due), provisional=False)


def timed(made: Report) -> Report:
    """All clocks of a report that was received are known."""
    for rule, days in ((REPLY, 60), (DEFECT, 15), (REDIRECTION, 15)):
        made.observe(clock(rule, days))
    return made


def defective(made: Report | None = None) -> Report:
    made = made or acknowledged()
    made.declare_defective(Defect.UNCLEAR, REASONS, DESK, by=OFFICER, now=NOW)
    return made


def completed() -> Report:
    made = defective()
    made.complete("قرب مدرسة الأمل", by=CITIZEN, now=NOW)
    return made


def assigned(made: Report | None = None) -> Report:
    made = made or acknowledged()
    made.assign(OFFICER.subject, by=AGENT, now=NOW)
    return made


def in_progress(made: Report | None = None) -> Report:
    made = assigned(made)
    made.start(by=OFFICER, now=NOW)
    return made


def leading() -> Report:
    """Another one of the same thing."""
    made, _ = Report.receive(
        UUID(int=2),
        kind=Kind.COMPLAINT,
        category="pothole",
        collectivity=CASABLANCA,
        channel=Channel.WEB,
        text="حفرة خطيرة أمام المدرسة",
        place=HERE,
        by=STRANGER,
        now=NOW,
        account=True,
    )
    made.acknowledge(NOW)
    return made


def merged(made: Report | None = None) -> Report:
    made = made or acknowledged()
    made.merge(leading(), leads=False, by=AGENT, now=NOW)
    return made


def answered(made: Report | None = None) -> Report:
    made = in_progress(made)
    made.answer(Outcome.PLANNED, REASONS, DESK, by=OFFICER, now=NOW)
    return made


def reopened() -> Report:
    made = answered()
    made.reopen("لم يصلح شيء", by=CITIZEN, now=NOW)
    return made


def closed() -> Report:
    made = answered()
    made.rate(satisfied=False, by=CITIZEN, now=NOW)
    return made


def inadmissible() -> Report:
    made = acknowledged()
    made.declare_inadmissible(InadmissibleGround.BEFORE_COURT, REASONS, DESK, by=OFFICER, now=NOW)
    return made


def redirected() -> Report:
    made = acknowledged()
    made.redirect("equipment", REASONS, DESK, by=OFFICER, now=NOW)
    return made


REACH: Final[Mapping[State, Callable[[], Report]]] = {
    State.RECEIVED: received,
    State.ACKNOWLEDGED: acknowledged,
    State.DEFECTIVE: defective,
    State.COMPLETED: completed,
    State.ASSIGNED: assigned,
    State.IN_PROGRESS: in_progress,
    State.MERGED: merged,
    State.ANSWERED: answered,
    State.REOPENED: reopened,
    State.CLOSED: closed,
    State.INADMISSIBLE: inadmissible,
    State.REDIRECTED: redirected,
}

Take = Callable[[Report], ReportEvent | None]
TAKE: Final[Mapping[Action, tuple[Actor, Take]]] = {
    Action.NOTE: (GOVERNOR, lambda one: one.note(by=GOVERNOR, now=NOW)),
    Action.COMPLETE: (CITIZEN, lambda one: one.complete("قرب المدرسة", by=CITIZEN, now=NOW)),
    Action.REOPEN: (CITIZEN, lambda one: one.reopen("لم يصلح شيء", by=CITIZEN, now=NOW)),
    Action.RATE: (CITIZEN, lambda one: one.rate(satisfied=True, by=CITIZEN, now=NOW)),
    Action.ASSIGN: (AGENT, lambda one: one.assign("officer-2", by=AGENT, now=NOW)),
    Action.START: (OFFICER, lambda one: one.start(by=OFFICER, now=NOW)),
    Action.ANSWER: (
        OFFICER,
        lambda one: one.answer(Outcome.RESOLVED, REASONS, DESK, by=OFFICER, now=NOW),
    ),
    Action.DECLARE_DEFECTIVE: (
        OFFICER,
        lambda one: one.declare_defective(Defect.FORM, REASONS, DESK, by=OFFICER, now=NOW),
    ),
    Action.DECLARE_INADMISSIBLE: (
        OFFICER,
        lambda one: one.declare_inadmissible(InadmissibleGround.ABUSIVE, REASONS, DESK, by=OFFICER, now=NOW),
    ),
    Action.REROUTE: (
        AGENT,
        lambda one: one.reroute("street_light", CASABLANCA, REASONS, by=AGENT, now=NOW),
    ),
    Action.MERGE: (AGENT, lambda one: one.merge(leading(), leads=False, by=AGENT, now=NOW)),
    Action.DISMISS: (AGENT, lambda one: one.dismiss(leading(), REASONS, by=AGENT, now=NOW)),
    Action.SEPARATE: (AGENT, lambda one: one.separate(by=AGENT, now=NOW)),
    Action.PUBLISH: (AGENT, lambda one: one.publish(by=AGENT, now=NOW)),
    Action.WITHHOLD: (AGENT, lambda one: one.withhold(REASONS, by=AGENT, now=NOW)),
    Action.REDIRECT: (
        OFFICER,
        lambda one: one.redirect("equipment", REASONS, DESK, by=OFFICER, now=NOW),
    ),
}
