"""People, acts and files for the tests of the register: every state is reached by real transitions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.civil_status.domain import Act, Action, ActState
from services.civil_status.domain.correction import Correction
from services.civil_status.domain.dates import RegisterDate
from services.civil_status.domain.declaration import Declaration
from services.civil_status.domain.states import CorrectionState, DeclarationState
from services.civil_status.domain.values import (
    Blocks,
    Clock,
    Declarant,
    Happening,
    Name,
    Person,
    Seen,
    Sex,
)
from services.civil_status.events import ActKind, MentionKind, Origin
from services.civil_status.events.correction import RejectionGround
from services.civil_status.events.declaration import RefusalGround
from shared.auth import Actor, Role

CASABLANCA: Final = "06.141.01.0"
OFFICE: Final = f"{CASABLANCA}-01"


def _of_office(subject: str, *roles: Role) -> Actor:
    return Actor(subject=subject, roles=frozenset(roles), communes=frozenset({CASABLANCA}))


def _of_province(subject: str, role: Role) -> Actor:
    return Actor(subject=subject, roles=frozenset({role}), provinces=frozenset({"06.141"}))


CITIZEN: Final = Actor(subject="citizen-1", roles=frozenset({Role.CITIZEN}))
STRANGER: Final = Actor(subject="citizen-2", roles=frozenset({Role.CITIZEN}))
HOSPITAL: Final = _of_office("hospital-1", Role.HEALTH_FACILITY)
AGENT: Final = _of_office("agent-1", Role.AGENT)
OFFICER: Final = _of_office("officer-1", Role.CIVIL_STATUS_OFFICER)
PRESIDENT: Final = _of_office("president-1", Role.PRESIDENT)
COURT: Final = _of_province("court-1", Role.COURT_CLERK)
AUTHORITY: Final = _of_province("authority-1", Role.CIVIL_STATUS_AUTHORITY)
ELSEWHERE: Final = Actor(subject="else-1", roles=frozenset(Role), communes=frozenset({"01.051.01.01"}))

BORN: Final = date(2026, 11, 2)
NOW: Final = datetime(2026, 11, 10, 10, tzinfo=UTC)
ANSWER_BY: Final = datetime(2026, 12, 3, tzinfo=UTC)
LATE: Final = ANSWER_BY + timedelta(hours=9)
YASSINE: Final = Name(ar="ياسين", latin="Yassine", tifinagh="ⵢⴰⵙⵉⵏ")
ALAMI: Final = Name(ar="العلمي", latin="Alami")


def person(ar: str, latin: str | None = None, **more: Any) -> Person:
    return Person(given=Name(ar=ar, latin=latin), family=ALAMI, **more)


def blocks(day: date = BORN, **changes: Any) -> Blocks:
    made = Blocks(
        event=Happening(on=RegisterDate.of(day), time="06:40", place="الدار البيضاء", facility="ابن رشد"),
        subject=Person(given=YASSINE, family=ALAMI, sex=Sex.MALE),
        father=person("محمد", "Mohammed", occupation="أستاذ"),
        mother=person("فاطمة", "Fatima"),
    )
    return replace(made, **changes)


def declared(relation: str = "father") -> Blocks:
    return blocks(declarant=Declarant(person=person("محمد"), relation=relation), annexed=("0" * 64,))


def act(
    kind: ActKind = ActKind.BIRTH, *, parties: frozenset[str] = frozenset({"citizen-1"}), number: int = 1
) -> Act:
    made, _ = Act.register(
        UUID(int=number),
        kind=kind,
        collectivity=CASABLANCA,
        office=OFFICE,
        number=number,
        identifier="00000000195",
        blocks=blocks(),
        origin=Origin.DECLARATION,
        by=OFFICER,
        now=NOW,
        parties=parties,
    )
    return made


def taken_over() -> Act:
    """From a file: what was drawn up, and nothing of the margin."""
    made = act()
    made.origin = Origin.IMPORTED
    return made


def disputed() -> Act:
    made = taken_over()
    made.flag_duplicate(UUID(int=2), by=AGENT, now=NOW)
    return made


def annulled() -> Act:
    made = taken_over()
    made.annul("TPI 1/2026", NOW.date(), by=COURT, now=NOW)
    return made


def announced(by: Actor = CITIZEN) -> Declaration:
    made, _ = Declaration.open(
        UUID(int=3),
        kind=ActKind.BIRTH,
        collectivity=CASABLANCA,
        office=OFFICE,
        blocks=blocks(),
        by=by,
        now=NOW,
    )
    made.observe(Clock(rule="civil_status.declaration", answer_by=ANSWER_BY, last_day=date(2026, 12, 2)))
    return made


def after(step: Callable[[Declaration], object], start: Callable[[], Declaration] = announced) -> Declaration:
    made = start()
    step(made)
    return made


def completed() -> Declaration:
    return after(lambda d: d.complete(declared(), by=AGENT, now=NOW))


REQUEST: Final = {"father.given.latin": "Mohamed"}


def requested() -> Correction:
    made, _ = Correction.request(
        UUID(int=4), act(), REQUEST, explanation="Une lettre", proofs=(), by=CITIZEN, now=NOW
    )
    return made


def then(step: Callable[[Correction], object]) -> Correction:
    made = requested()
    step(made)
    return made


A, D, C = ActState, DeclarationState, CorrectionState

ACTS: Final[dict[ActState, Callable[[], Act]]] = {
    A.VALID: taken_over,
    A.DISPUTED: disputed,
    A.ANNULLED: annulled,
}
DECLARATIONS: Final[dict[DeclarationState, Callable[[], Declaration]]] = {
    D.ANNOUNCED: announced,
    D.COMPLETED: completed,
    D.SUSPECTED: lambda: after(lambda d: d.complete(declared(), by=AGENT, now=NOW, suspects=["1/2026/x"])),
    D.LATE: lambda: after(lambda d: d.elapsed("civil_status.declaration", ANSWER_BY)),
    D.REGISTERED: lambda: after(lambda d: d.registered(UUID(int=9), by=OFFICER, now=NOW), completed),
    D.REFUSED: lambda: after(lambda d: d.refuse(RefusalGround.UNFOUNDED, by=OFFICER, now=NOW)),
    D.WITHDRAWN: lambda: after(lambda d: d.withdraw(by=CITIZEN, now=NOW)),
}
CORRECTIONS: Final[dict[CorrectionState, Callable[[], Correction]]] = {
    C.REQUESTED: requested,
    C.ACCEPTED: lambda: then(lambda c: c.accept(UUID(int=8), by=AUTHORITY, now=NOW)),
    C.REJECTED: lambda: then(lambda c: c.reject(RejectionGround.SUBSTANTIAL, by=AUTHORITY, now=NOW)),
    C.WITHDRAWN: lambda: then(lambda c: c.withdraw(by=CITIZEN, now=NOW)),
}


def marry(of: Act, reference: str = "12/2026", on: date = BORN, now: datetime = NOW) -> Any:
    return of.note(
        UUID(int=len(of.mentions) + 100),
        MentionKind.MARRIAGE,
        reference=reference,
        on=on,
        spouse=person("مريم", "Meryem"),
        by=OFFICER,
        now=now,
    )


Take = tuple[Actor, Callable[[Any], Any]]

TAKE_ACT: Final[dict[Action, Take]] = {
    Action.ADD_MENTION: (OFFICER, marry),
    Action.ENTER_JUDGMENT: (
        COURT,
        lambda a: a.note(
            UUID(int=7),
            MentionKind.JUDGMENT,
            reference="TPI 3/2026",
            on=NOW.date(),
            changes=REQUEST,
            by=COURT,
            now=NOW,
        ),
    ),
    Action.LINK_HOLDER: (
        OFFICER,
        lambda a: a.link("citizen-9", Seen.NATIONAL_CARD, by=OFFICER, now=NOW),
    ),
    Action.CONFIRM_MARGIN: (OFFICER, lambda a: a.confirm_margin(by=OFFICER, now=NOW)),
    Action.ANNUL: (COURT, lambda a: a.annul("TPI 2/2026", NOW.date(), by=COURT, now=NOW)),
    Action.FLAG_DUPLICATE: (AGENT, lambda a: a.flag_duplicate(UUID(int=2), by=AGENT, now=NOW)),
    Action.CLEAR_DUPLICATE: (OFFICER, lambda a: a.clear_duplicate(by=OFFICER, now=NOW)),
}
TAKE_DECLARATION: Final[dict[Action, Take]] = {
    Action.COMPLETE: (AGENT, lambda d: d.complete(declared(), by=AGENT, now=NOW)),
    Action.DISTINGUISH: (OFFICER, lambda d: d.distinguish(by=OFFICER, now=NOW)),
    Action.REGISTER: (OFFICER, lambda d: d.registered(UUID(int=9), by=OFFICER, now=NOW)),
    Action.REGISTER_JUDGMENT: (OFFICER, lambda d: d.ordered(UUID(int=9), by=OFFICER, now=LATE)),
    Action.REFUSE: (OFFICER, lambda d: d.refuse(RefusalGround.UNFOUNDED, by=OFFICER, now=NOW)),
    Action.WITHDRAW: (CITIZEN, lambda d: d.withdraw(by=CITIZEN, now=NOW)),
}
TAKE_CORRECTION: Final[dict[Action, Take]] = {
    Action.DECIDE_CORRECTION: (AUTHORITY, lambda c: c.accept(UUID(int=8), by=AUTHORITY, now=NOW)),
    Action.WITHDRAW_CORRECTION: (CITIZEN, lambda c: c.withdraw(by=CITIZEN, now=NOW)),
}
