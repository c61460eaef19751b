"""A bound paper register: scanned, listed, sampled, accepted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from services.civil_status.domain.digitisation.rules import drawn, rules
from services.civil_status.domain.digitisation.states import VOLUME_ACTIONS, VOLUME_NEXT, VolumeState
from services.civil_status.domain.permissions import demand, not_permitted, serves
from services.civil_status.domain.states import Action, followed
from services.civil_status.events import ActKind
from services.civil_status.events.digitisation import (
    ActChecked,
    Damage,
    DamageReported,
    LotAccepted,
    LotRefused,
    PageReplaced,
    PageScanned,
    SampleDrawn,
    ScanningClosed,
    VolumeEvent,
    VolumeOpened,
    VolumeReopened,
    VolumeResumed,
)
from shared.auth import Actor
from shared.errors import Conflict, Invalid
from shared.time import civil_day

E = TypeVar("E", bound=VolumeEvent)
S = VolumeState

FIRST_YEAR: Final = 1915  # dahir of 4 September 1915


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An act that stands in the volume, and on which of its pages."""

    number: int
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What the controller found: `defects` are fields that differ from the page."""

    number: int
    defects: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What was settled when a sample was drawn. `accepted` is None until it is concluded."""

    ordinal: int
    seed: str
    numbers: tuple[int, ...]
    sample: tuple[int, ...]
    accept: int
    drawn_at: datetime
    checks: tuple[Check, ...] = ()
    accepted: bool | None = None

    @property
    def defective(self) -> int:
        return sum(bool(check.defects) for check in self.checks)

    @property
    def left(self) -> tuple[int, ...]:
        """Numbers of the sample that nobody has checked yet."""
        done = {check.number for check in self.checks}
        return tuple(number for number in self.sample if number not in done)


@dataclass(kw_only=True)
class Volume:
    """`version` is the sequence of its last event. It holds the acts `first` to `last` of the office's year;
    `pages` counts those scanned. A transition raises before it changes anything.
    """

    id: UUID
    kind: ActKind
    collectivity: str
    office: str
    year: int
    volume: int
    first: int
    last: int
    opened_at: datetime
    opened_by: str
    pages: int = 0
    state: VolumeState = S.SCANNING
    version: int = 0
    damage: Damage | None = None
    lots: list[Lot] = field(default_factory=list)
    recalled: dict[int, int] = field(default_factory=dict)
    """Acts that were reopened, with how many lots there were then: those do not clear them."""

    @classmethod
    def open(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        *,
        kind: ActKind,
        collectivity: str,
        office: str,
        year: int,
        volume: int,
        first: int,
        last: int,
        by: Actor,
        now: datetime,
    ) -> tuple[Self, VolumeOpened]:
        """As its closing statement says. Raises Forbidden; Invalid `volume_year`, `volume_numbers`."""
        demand(Action.OPEN_VOLUME, by, collectivity)
        if not FIRST_YEAR <= year <= civil_day(now).year:
            raise Invalid("volume_year", "Registers are of 1915 to this year.")
        if not 1 <= first <= last or last - first >= rules().most_acts:
            raise Invalid(
                "volume_numbers", "The first and the last number of its acts.", most_acts=rules().most_acts
            )
        self = cls(
            id=id,
            kind=kind,
            collectivity=collectivity,
            office=office,
            year=year,
            volume=volume,
            first=first,
            last=last,
            opened_at=now,
            opened_by=by.subject,
        )
        return self, self._announce(
            VolumeOpened, office=office, year=year, volume=volume, first=first, last=last, opened_at=now
        )

    def actions(self, by: Actor) -> list[Action]:
        """What `by` may do now; the API returns it with the volume and a 409 lists it."""
        return sorted(a for a in VOLUME_ACTIONS[self.state] if serves(a, by, self.collectivity))

    @property
    def newest(self) -> Lot:
        """The one that was drawn last."""
        return self.lots[-1]

    def cleared(self, number: int) -> bool:
        """Whether this act was in a lot that was accepted: only then may it enter the register."""
        since = self.recalled.get(number, 0)
        return any(lot.accepted and number in lot.numbers for lot in self.lots[since:])

    def scan(self, page: int, sha256: str, *, by: Actor, now: datetime) -> PageScanned:
        self._may(Action.ADD_PAGE, by)
        self.pages += 1
        return self._announce(PageScanned, page=page, sha256=sha256, scanned_at=now)

    def rescan(
        self, page: int, sha256: str, *, by: Actor, now: datetime, read: Collection[int] = ()
    ) -> PageReplaced:
        """`read` are acts that were read from the present image, or are being read. Raises Conflict
        `page_read`: nobody would compare another image with what was keyed from this one.
        """
        self._may(Action.REPLACE_PAGE, by)
        if read:
            raise Conflict(
                "page_read",
                {
                    "ar": "قرئت رسوم من هذه الصورة: يرفض أولا ما يمكن رفضه منها.",
                    "fr": "Des actes ont été lus sur cette image : rejetez d'abord ceux qui peuvent l'être.",
                    "en": "Acts were read from this image: reject first those that can be.",
                },
                acts=sorted(read),
            )
        return self._announce(PageReplaced, page=page, sha256=sha256, scanned_at=now)

    def close_scanning(
        self,
        listed: Sequence[Listing],
        scanned: Collection[int],
        *,
        by: Actor,
        now: datetime,
        reopened: Collection[int] = (),
    ) -> ScanningClosed:
        """Every act that stands in the volume with its pages; numbers that no page bears are missing. Those
        `reopened` are keyed anew: whatever lot they were in before does not clear them.

        Raises Invalid `act_not_in_volume`, `act_listed_twice`, `page_not_scanned`.
        """
        self._may(Action.CLOSE_SCANNING, by)
        numbers = [one.number for one in listed]
        if any(not self.first <= number <= self.last for number in numbers):
            raise Invalid("act_not_in_volume", "An act's number lies outside the volume.")
        if len(set(numbers)) < len(numbers):
            raise Invalid("act_listed_twice", "A number is listed twice.")
        if absent := sorted({page for one in listed for page in one.pages} - set(scanned)):
            raise Invalid("page_not_scanned", "An act stands on a page that was not scanned.", pages=absent)
        self.recalled = self.recalled | dict.fromkeys(reopened, len(self.lots))
        missing = tuple(sorted(set(range(self.first, self.last + 1)) - set(numbers)))
        return self._announce(
            ScanningClosed,
            to=S.KEYING,
            pages=self.pages,
            listed=len(listed),
            missing=missing,
            closed_at=now,
        )

    def draw(
        self, seed: str, settled: Collection[int], unfinished: int, *, by: Actor, now: datetime
    ) -> SampleDrawn:
        """A sample of what is settled and in no accepted lot, by the rule. `unfinished` counts acts that
        still wait for a keying or for adjudication.

        Raises Conflict `keying_unfinished`, `nothing_to_sample`.
        """
        self._may(Action.DRAW_SAMPLE, by)
        if unfinished:
            raise Conflict(
                "keying_unfinished",
                {
                    "ar": "ما زالت رسوم تنتظر الإدخال أو التحكيم.",
                    "fr": "Des actes attendent encore la saisie ou l'arbitrage.",
                    "en": "Acts still wait to be keyed or adjudicated.",
                },
                unfinished=unfinished,
            )
        numbers = tuple(sorted(number for number in settled if not self.cleared(number)))
        if not numbers:
            raise Conflict("nothing_to_sample", "No act of this volume waits for a sample.")
        plan = rules().sampling.plan_of(len(numbers))
        lot = Lot(
            ordinal=len(self.lots) + 1,
            seed=seed,
            numbers=numbers,
            sample=drawn(seed, numbers, plan.sample),
            accept=plan.accept,
            drawn_at=now,
        )
        self.lots = [*self.lots, lot]
        return self._announce(
            SampleDrawn,
            to=S.SAMPLED,
            lot=lot.ordinal,
            seed=seed,
            lot_size=len(numbers),
            sample=lot.sample,
            accept=lot.accept,
            drawn_at=now,
        )

    def check(self, number: int, defects: Sequence[str], *, by: Actor, now: datetime) -> ActChecked:
        """Raises Conflict `not_in_sample`, `checked_already`."""
        self._may(Action.CHECK_ACT, by)
        if number not in self.newest.sample:
            raise Conflict("not_in_sample", "This act is not of the sample.")
        if number not in self.newest.left:
            raise Conflict("checked_already", "Somebody has checked this act.")
        found = Check(number=number, defects=tuple(sorted(set(defects))), by=by.subject)
        self._replaced(replace(self.newest, checks=(*self.newest.checks, found)))
        return self._announce(
            ActChecked, lot=self.newest.ordinal, number=number, defects=found.defects, checked_at=now
        )

    def conclude(self, *, by: Actor, now: datetime) -> LotAccepted | LotRefused:
        """The rule decides, not the controller. Raises Conflict `sample_unfinished`."""
        self._may(Action.CONCLUDE_LOT, by)
        lot = self.newest
        if lot.left and lot.defective <= lot.accept:
            raise Conflict(
                "sample_unfinished",
                {
                    "ar": "لم تُفحص العينة كلها بعد.",
                    "fr": "L'échantillon n'est pas entièrement contrôlé.",
                    "en": "The sample is not wholly checked yet.",
                },
                left=list(lot.left),
            )
        accepted = lot.defective <= lot.accept
        self._replaced(replace(lot, accepted=accepted))
        if accepted:
            return self._announce(
                LotAccepted, to=S.ACCEPTED, lot=lot.ordinal, defective=lot.defective, concluded_at=now
            )
        return self._announce(
            LotRefused, to=S.KEYING, lot=lot.ordinal, defective=lot.defective, concluded_at=now
        )

    def report_damage(self, damage: Damage, *, by: Actor, now: datetime) -> DamageReported:
        self._may(Action.REPORT_DAMAGE, by)
        self.damage = damage
        return self._announce(DamageReported, to=S.DAMAGED, damage=damage, reported_at=now)

    def resume(self, *, by: Actor, now: datetime) -> VolumeResumed:
        self._may(Action.RESUME_VOLUME, by)
        self.damage = None
        return self._announce(VolumeResumed, to=S.SCANNING, resumed_at=now)

    def reopened(self, number: int, *, now: datetime) -> VolumeReopened:
        """An act is keyed after all, and will be in another lot. Who may reopen it, the entry has asked.

        Raises Conflict `sample_unfinished` while a sample is under way.
        """
        if self.state is S.SAMPLED:
            raise Conflict("sample_unfinished", "The sample under way comes first.", state=self.state)
        self.recalled = self.recalled | {number: len(self.lots)}
        to = S.KEYING if self.state is S.ACCEPTED else None
        return self._announce(VolumeReopened, to=to, number=number, reopened_at=now)

    def _replaced(self, lot: Lot) -> None:
        self.lots = [*self.lots[:-1], lot]

    def _may(self, action: Action, by: Actor) -> None:
        demand(action, by, self.collectivity)
        if action not in VOLUME_ACTIONS[self.state]:
            raise not_permitted("volume", self.state, self.actions(by))

    def _announce(self, event: type[E], to: VolumeState | None = None, **fields: Any) -> E:
        self.state = followed(VOLUME_NEXT, self.state, to)
        self.version += 1
        return event(collectivity=self.collectivity, kind=self.kind, **fields)
