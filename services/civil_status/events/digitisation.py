"""What happens to a paper register until its acts are in the register: volumes, and each act in work.

No reading of any page travels: events name fields that differed, never what they say.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from services.civil_status.events.act import ActKind
from shared.events import Event, Stream


class RejectGround(StrEnum):
    """Why an act of a volume cannot be keyed; what to do next is in `rules/digitisation.yaml`."""

    PAGE_UNREADABLE = "page_unreadable"
    ACT_MISSING = "act_missing"
    ACT_UNFINISHED = "act_unfinished"
    NUMBER_REPEATED = "number_repeated"


class Damage(StrEnum):
    VOLUME_DAMAGED = "volume_damaged"
    VOLUME_LOST = "volume_lost"


class TakeoverReason(StrEnum):
    """Why a supervisor ends somebody's hold on an act."""

    ABSENT = "absent"
    URGENT = "urgent"
    MISTAKEN = "mistaken"


class ReturnGround(StrEnum):
    """Why a settled act goes back to a third person."""

    DEFECTIVE = "defective"  # the quality controller found it so
    LOT_REFUSED = "lot_refused"  # its lot was refused: all of it is looked at again


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeEvent(Event):
    collectivity: str
    kind: ActKind


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeOpened(VolumeEvent):
    """A bound register of an office and a year; it holds the acts numbered `first` to `last`."""

    TYPE: ClassVar = "ma.jamaa.civil_status.volume.opened.v1"
    office: str
    year: int
    volume: int
    first: int
    last: int
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PageScanned(VolumeEvent):
    """`sha256` is the digest of the image."""

    TYPE: ClassVar = "ma.jamaa.civil_status.volume.page_scanned.v1"
    page: int
    sha256: str
    scanned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReplaced(VolumeEvent):
    """Scanned again: the earlier image was not read, or is of the damaged copy."""

    TYPE: ClassVar = "ma.jamaa.civil_status.volume.page_replaced.v1"
    page: int
    sha256: str
    scanned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanningClosed(VolumeEvent):
    """`missing` are the numbers that no page bears."""

    TYPE: ClassVar = "ma.jamaa.civil_status.volume.scanning_closed.v1"
    pages: int
    listed: int
    missing: tuple[int, ...]
    closed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleDrawn(VolumeEvent):
    """Whoever has the seed and the numbers of the lot draws the same `sample`."""

    TYPE: ClassVar = "ma.jamaa.civil_status.volume.sample_drawn.v1"
    lot: int
    seed: str
    lot_size: int
    sample: tuple[int, ...]
    accept: int
    drawn_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ActChecked(VolumeEvent):
    """A quality controller has compared one act of the sample with its page."""

    TYPE: ClassVar = "ma.jamaa.civil_status.volume.act_checked.v1"
    lot: int
    number: int
    defects: tuple[str, ...]
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LotAccepted(VolumeEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.volume.lot_accepted.v1"
    lot: int
    defective: int
    concluded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRefused(VolumeEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.volume.lot_refused.v1"
    lot: int
    defective: int
    concluded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DamageReported(VolumeEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.volume.damage_reported.v1"
    damage: Damage
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeResumed(VolumeEvent):
    """Restored, or replaced by its second copy: scanning goes on."""

    TYPE: ClassVar = "ma.jamaa.civil_status.volume.resumed.v1"
    resumed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeReopened(VolumeEvent):
    """An act of it that had been rejected can be keyed after all."""

    TYPE: ClassVar = "ma.jamaa.civil_status.volume.reopened.v1"
    number: int
    reopened_at: datetime


VOLUME: Final = Stream(
    "civil_status",
    "volume",
    (
        VolumeOpened,
        PageScanned,
        PageReplaced,
        ScanningClosed,
        SampleDrawn,
        ActChecked,
        LotAccepted,
        LotRefused,
        DamageReported,
        VolumeResumed,
        VolumeReopened,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryEvent(Event):
    """`number` is the act's in its volume."""

    collectivity: str
    volume: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryListed(EntryEvent):
    """An act is there to be keyed; or, with a `ground`, is known to be missing."""

    TYPE: ClassVar = "ma.jamaa.civil_status.entry.listed.v1"
    pages: tuple[int, ...]
    ground: RejectGround | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryKeyed(EntryEvent):
    """The first or the second of two independent keyings; after the second, the names of the fields in
    which they differ.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.entry.keyed.v1"
    ordinal: int
    keyed_at: datetime
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryAdjudicated(EntryEvent):
    """A third person has decided. `overruled` are fields in which both keyings agreed, and were wrong."""

    TYPE: ClassVar = "ma.jamaa.civil_status.entry.adjudicated.v1"
    decided: tuple[str, ...]
    overruled: tuple[str, ...]
    adjudicated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryReturned(EntryEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.entry.returned.v1"
    ground: ReturnGround
    returned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRejected(EntryEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.entry.rejected.v1"
    ground: RejectGround
    rejected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryReopened(EntryEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.entry.reopened.v1"
    reopened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEnded(EntryEvent):
    """A supervisor took an act from who held it."""

    TYPE: ClassVar = "ma.jamaa.civil_status.entry.hold_ended.v1"
    held_by: str
    reason: TakeoverReason
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySuspected(EntryEvent):
    """It resembles acts of the register, by their references: a person decides."""

    TYPE: ClassVar = "ma.jamaa.civil_status.entry.suspected.v1"
    candidates: tuple[str, ...]
    suspected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDistinguished(EntryEvent):
    """Somebody compared: it is another act than those it resembles."""

    TYPE: ClassVar = "ma.jamaa.civil_status.entry.distinguished.v1"
    distinguished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDuplicate(EntryEvent):
    """The register holds this act already, as `act`."""

    TYPE: ClassVar = "ma.jamaa.civil_status.entry.duplicate.v1"
    act: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRegistered(EntryEvent):
    """The officer has entered it in the register, as `act`."""

    TYPE: ClassVar = "ma.jamaa.civil_status.entry.registered.v1"
    act: str
    registered_at: datetime


ENTRY: Final = Stream(
    "civil_status",
    "entry",
    (
        EntryListed,
        EntryKeyed,
        EntryAdjudicated,
        EntryReturned,
        EntryRejected,
        EntryReopened,
        HoldEnded,
        EntrySuspected,
        EntryDistinguished,
        EntryDuplicate,
        EntryRegistered,
    ),
)
