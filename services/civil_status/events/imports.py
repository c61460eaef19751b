"""What came into the register from files of acts that somebody had digitised before."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from services.civil_status.events.act import ActKind
from shared.events import Event, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Acts of one yearly register. `numbers`: `1-340,342`. The id of each follows from its place: decision
    0053.
    """

    collectivity: str
    office: str
    year: int
    kind: ActKind
    numbers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActsImported(Event):
    """One for thousands of acts, each of which is in `registers` and has no event of its own until something
    happens to it: its version is 0.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.import.acts_imported.v1"
    acts: int
    registers: tuple[Taken, ...]
    imported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFinished(Event):
    """Every line of the file was one of the three."""

    TYPE: ClassVar = "ma.jamaa.civil_status.import.finished.v1"
    imported: int
    already: int
    rejected: int
    finished_at: datetime


IMPORT: Final = Stream("civil_status", "import", (ActsImported, ImportFinished))
