"""Lines of a file as acts to be laid down, a chunk at a time: what is good of them, what is wrong, what is
said twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Final

from services.civil_status.domain.spelling import Spelled
from services.civil_status.domain.taken_over import Refused, Taking, reader
from services.civil_status.store.staged import Chunk, Reject, rows
from services.civil_status.take_over.reading import Lines, Source

DENSE: Final = 100_000
"""Up to here the numbers of a yearly register are bits, in a trial: no office draws up more a year."""

Learn = Callable[[list[Spelled]], Mapping[Spelled, int]]
"""The numbers of names in the dictionary."""


class _Numbers:
    """The numbers that a file had so far, by yearly register: a bit each, as 55 million are many."""

    def __init__(self) -> None:
        self._registers: dict[tuple[str, int, str], bytearray] = {}
        self._far: set[str] = set()

    def hold(self, one: Taking) -> bool:
        if one.number > DENSE:
            return one.id in self._far
        bits = self._registers.get((one.office, one.year, one.kind), b"")
        byte, bit = divmod(one.number, 8)
        return byte < len(bits) and bool(bits[byte] & 1 << bit)

    def add(self, takings: Iterable[Taking]) -> None:
        for one in takings:
            if one.number > DENSE:
                self._far.add(one.id)
                continue
            bits = self._registers.setdefault((one.office, one.year, one.kind), bytearray())
            byte, bit = divmod(one.number, 8)
            if byte >= len(bits):
                bits.extend(bytes(byte + 1 - len(bits)))
            bits[byte] |= 1 << bit


def chunks(
    source: Source, offset: int, line: int, most: int, today: date, *, trial: bool, learn: Learn
) -> Iterator[Chunk]:
    """What is left of a file from an offset on. A trial lays nothing down, so that it remembers itself which
    numbers the chunks before had.
    """
    read, known = reader(source.columns, today), dict[Spelled, int]()
    before = _Numbers()
    for lines in source.chunks(offset, line, most):
        takings, repeats, rejects = _taken(lines, read, before)
        if trial:
            before.add(takings.values())
        names = {name for one in takings.values() for name in (one.family, one.given, one.father, one.mother)}
        if fresh := sorted(name for name in names - known.keys() if name is not None):
            known |= learn(fresh)
        yield Chunk(
            start=lines.start,
            offset=lines.offset,
            line=lines.done,
            acts=len(takings),
            rows="".join(rows(takings, known)).encode(),
            repeats=repeats,
            rejects=rejects,
        )


def _taken(
    lines: Lines, read: Callable[[list[str]], Taking], before: _Numbers
) -> tuple[dict[int, Taking], dict[int, int], list[Reject]]:
    """The acts by line, the lines that repeat one of them, what is wrong with others."""
    takings: dict[int, Taking] = {}
    first: dict[str, int] = {}
    repeats: dict[int, int] = {}
    rejects: list[Reject] = []
    for at, cells in enumerate(lines.cells, lines.first):
        if isinstance(cells, str):
            rejects.append(Reject(at, cells, ""))
            continue
        try:
            one = read(cells)
        except Refused as refused:
            rejects.append(Reject(at, refused.code, refused.field))
            continue
        if before.hold(one):
            rejects.append(Reject(at, "number_repeated", "number"))
        elif (known := first.setdefault(one.id, at)) == at:
            takings[at] = one
        elif takings[known] == one:
            repeats[at] = known
        else:
            rejects.append(Reject(at, "number_taken", "number"))
    return takings, repeats, rejects
