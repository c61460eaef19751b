"""Volumes and acts in work for the tests of the domain: every state is reached by real transitions."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from services.civil_status.domain import Action
from services.civil_status.domain.dates import RegisterDate
from services.civil_status.domain.digitisation.entry import Entry, Hold
from services.civil_status.domain.digitisation.states import EntryState, VolumeState
from services.civil_status.domain.digitisation.transcription import Transcription
from services.civil_status.domain.digitisation.volume import Listing, Volume
from services.civil_status.domain.values import Blocks, Happening
from services.civil_status.events import ActKind
from services.civil_status.events.digitisation import Damage, RejectGround, TakeoverReason
from shared.auth import Actor, Role
from shared.errors import Conflict
from tests.civil_status.cases import CASABLANCA, NOW, OFFICE, OFFICER, Take, _of_office, person

KEYER: Final = _of_office("keyer-1", Role.KEYING_OPERATOR)
SECOND: Final = _of_office("keyer-2", Role.KEYING_OPERATOR)
THIRD: Final = _of_office("third-1", Role.ADJUDICATOR)
CONTROLLER: Final = _of_office("controller-1", Role.QUALITY_CONTROLLER)
CANDIDATE: Final = UUID(int=77)
YEAR: Final = 1962


def said(latin: str = "Yassine", **changes: Any) -> Transcription:
    blocks = Blocks(
        event=Happening(on=RegisterDate.of(date(YEAR, 3, 4)), place="الدار البيضاء"),
        subject=person("ياسين", latin),
        mother=person("فاطمة"),
    )
    return Transcription(blocks=blocks, **changes)


def volume(last: int = 3) -> Volume:
    made, _ = Volume.open(
        UUID(int=50),
        kind=ActKind.BIRTH,
        collectivity=CASABLANCA,
        office=OFFICE,
        year=YEAR,
        volume=1,
        first=1,
        last=last,
        by=OFFICER,
        now=NOW,
    )
    return made


def keying(last: int = 3) -> Volume:
    made = volume(last)
    made.scan(1, "0" * 64, by=KEYER, now=NOW)
    listed = [Listing(number=number, pages=(1,)) for number in range(1, last + 1)]
    made.close_scanning(listed, {1}, by=OFFICER, now=NOW)
    return made


def sampled(last: int = 3) -> Volume:
    made = keying(last)
    made.draw("seed", range(1, last + 1), 0, by=CONTROLLER, now=NOW)
    return made


def doubtful() -> Volume:
    """One of its sample is defective, which is one too many; others are not checked yet."""
    made = sampled()
    made.check(made.newest.sample[0], ("subject.given.ar",), by=CONTROLLER, now=NOW)
    return made


def checked(defective: int = 0, last: int = 3) -> Volume:
    """The whole sample."""
    made = sampled(last)
    for at, number in enumerate(made.newest.sample):
        defects = ("subject.given.ar",) if at < defective else ()
        made.check(number, defects, by=CONTROLLER, now=NOW)
    return made


def concluded(defective: int = 0, last: int = 3) -> Volume:
    made = checked(defective, last)
    made.conclude(by=CONTROLLER, now=NOW)
    return made


def damaged() -> Volume:
    made = volume()
    made.report_damage(Damage.VOLUME_DAMAGED, by=OFFICER, now=NOW)
    return made


def held(of: Entry, by: Actor) -> Entry:
    of.hold = Hold(holder=by.subject, until=NOW + timedelta(minutes=20))
    return of


def entry(pages: tuple[int, ...] = (1,)) -> Entry:
    made, _ = Entry.listed(UUID(int=60), keying(), 1, pages)
    return made


def keyed(times: int = 1, latin: str = "Yassine") -> Entry:
    """The second keying reads `latin`."""
    made = entry()
    for operator, read in ((KEYER, "Yassine"), (SECOND, latin))[:times]:
        held(made, operator).key(said(read), by=operator, now=NOW)
    return made


def differing() -> Entry:
    return keyed(2, "Yacine")


def settled() -> Entry:
    return keyed(2)


def suspected(*, number_taken: bool = False) -> Entry:
    made = settled()
    made.suspect([CANDIDATE], number_taken=number_taken, by=OFFICER, now=NOW)
    return made


def rejected() -> Entry:
    made = held(entry(), KEYER)
    made.reject(RejectGround.PAGE_UNREADABLE, by=KEYER, now=NOW)
    return made


def duplicate() -> Entry:
    made = held(suspected(), OFFICER)
    made.same(CANDIDATE, by=OFFICER, now=NOW)
    return made


def registered() -> Entry:
    made = settled()
    made.entered(UUID(int=78), by=OFFICER, now=NOW)
    return made


V, E = VolumeState, EntryState

VOLUMES: Final[dict[VolumeState, Callable[[], Volume]]] = {
    V.SCANNING: volume,
    V.KEYING: keying,
    V.SAMPLED: doubtful,
    V.ACCEPTED: concluded,
    V.DAMAGED: damaged,
}
ENTRIES: Final[dict[EntryState, Callable[[], Entry]]] = {
    E.WAITING: entry,
    E.KEYED_ONCE: keyed,
    E.DIFFERING: differing,
    E.SETTLED: settled,
    E.SUSPECTED: suspected,
    E.REJECTED: rejected,
    E.DUPLICATE: duplicate,
    E.REGISTERED: registered,
}


def holding(by: Actor, step: Callable[[Entry], Any]) -> Take:
    """What is done by who holds it; a refusal leaves it as it was."""

    def take(of: Entry) -> Any:
        before = of.hold
        try:
            return step(held(of, by))
        except Conflict:
            of.hold = before
            raise

    return by, take


def _left(of: Volume) -> int:
    return of.newest.left[0] if of.lots and of.newest.left else 1


ANYBODY: Final = _of_office("anybody-1", *KEYER.roles, *THIRD.roles, *OFFICER.roles)
"""Who may do the work of every state."""

TAKE_VOLUME: Final[dict[Action, Take]] = {
    Action.ADD_PAGE: (KEYER, lambda v: v.scan(2, "1" * 64, by=KEYER, now=NOW)),
    Action.REPLACE_PAGE: (KEYER, lambda v: v.rescan(1, "2" * 64, by=KEYER, now=NOW)),
    Action.CLOSE_SCANNING: (OFFICER, lambda v: v.close_scanning([], {1}, by=OFFICER, now=NOW)),
    Action.DRAW_SAMPLE: (CONTROLLER, lambda v: v.draw("s", [1], 0, by=CONTROLLER, now=NOW)),
    Action.CHECK_ACT: (CONTROLLER, lambda v: v.check(_left(v), (), by=CONTROLLER, now=NOW)),
    Action.CONCLUDE_LOT: (CONTROLLER, lambda v: v.conclude(by=CONTROLLER, now=NOW)),
    Action.REPORT_DAMAGE: (KEYER, lambda v: v.report_damage(Damage.VOLUME_LOST, by=KEYER, now=NOW)),
    Action.RESUME_VOLUME: (OFFICER, lambda v: v.resume(by=OFFICER, now=NOW)),
}
TAKE_ENTRY: Final[dict[Action, Take]] = {
    Action.TAKE_OVER: (
        OFFICER,
        holding(KEYER, lambda e: e.taken_over(TakeoverReason.ABSENT, by=OFFICER, now=NOW))[1],
    ),
    Action.KEY: holding(SECOND, lambda e: e.key(said(), by=SECOND, now=NOW)),
    Action.ADJUDICATE: holding(THIRD, lambda e: e.adjudicate(said(), by=THIRD, now=NOW)),
    Action.REJECT_ENTRY: holding(
        ANYBODY, lambda e: e.reject(RejectGround.ACT_UNFINISHED, by=ANYBODY, now=NOW)
    ),
    Action.REOPEN_ENTRY: (OFFICER, lambda e: e.reopen((2,), by=OFFICER, now=NOW)),
    Action.DECIDE_DUPLICATE: holding(OFFICER, lambda e: e.distinguish(by=OFFICER, now=NOW)),
    Action.ENTER_ACT: (OFFICER, lambda e: e.entered(UUID(int=78), by=OFFICER, now=NOW)),
}
