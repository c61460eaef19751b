"""Lines that are laid down together, as COPY reads them into the table where they are staged. Knows no
database: whoever reads a file writes this in a process of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.civil_status.domain.spelling import Spelled
from services.civil_status.domain.taken_over import Taking

COLUMNS: Final = (
    "line", "id", "kind", "collectivity", "office", "year", "number", "identifier", "event_on", "drawn_up_at",
    "body", "family_name", "given_name", "father_name", "mother_name",
)  # fmt: skip
NULL: Final = "\\N"


@dataclass(frozen=True, slots=True)
class Reject:
    line: int
    code: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Lines that were read together, from `start` up to `offset`, `line` of the file by then: `acts` good
    ones as `rows`; bad ones as rejects; and those that say what another one of these lines says (`repeats`:
    line to the line that comes first).
    """

    start: int
    offset: int
    line: int
    acts: int
    rows: bytes
    repeats: Mapping[int, int]
    rejects: Sequence[Reject]


def rows(takings: Mapping[int, Taking], names: Mapping[Spelled, int]) -> Iterator[str]:
    """Nothing of an act holds a control character; a backslash is doubled."""
    known: dict[Spelled | None, int | str] = {None: NULL}
    known.update(names.items())
    for line, one in takings.items():
        body = one.body.replace("\\", "\\\\") if "\\" in one.body else one.body
        yield (
            f"{line}\t{one.id}\t{one.kind}\t{one.collectivity}\t{one.office}\t{one.year}\t{one.number}\t"
            f"{one.identifier or NULL}\t{one.event_on}\t{one.drawn_up_on} 12:00:00+00\t{body}\t"
            f"{known[one.family]}\t{known[one.given]}\t{known[one.father]}\t{known[one.mother]}\n"
        )
