"""The yearly report of an administration on what it received (2-17-265 art. 14, 18)."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from shared.events import Event, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class YearlyReportEvent(Event):
    """The aggregate is `<collectivity>:<year>`."""

    collectivity: str
    year: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed(YearlyReportEvent):
    """Its proposals were entered anew; they stay here."""

    TYPE: ClassVar = "ma.jamaa.chikaya.yearly_report.proposed.v1"
    proposed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class YearlyReportPublished(YearlyReportEvent):
    """Its figures are fixed, and it is sealed."""

    TYPE: ClassVar = "ma.jamaa.chikaya.yearly_report.published.v1"
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class YearlyReportCorrected(YearlyReportEvent):
    """It was published with something wrong: its figures are fixed anew, and another page takes the place of
    the sealed one. Why stays here.
    """

    TYPE: ClassVar = "ma.jamaa.chikaya.yearly_report.corrected.v1"
    corrected_at: datetime


YEARLY_REPORT: Final = Stream(
    "chikaya", "yearly_report", (Proposed, YearlyReportPublished, YearlyReportCorrected)
)
