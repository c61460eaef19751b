"""Files of acts, CSV or Parquet, as chunks of cells; from any chunk on, without reading what is before."""

import codecs
import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.civil_status.domain.taken_over import faults
from shared.errors import Invalid

LINES: Final = 10_000
"""Of one chunk, which is one transaction: about half a second of work to do again after a kill."""
LONGEST: Final = 64 * 1024  # bytes of one line
LOOKED_AT: Final = 1024 * 1024  # bytes at the start by which the encoding is told
MAGIC: Final = b"PAR1"

Cells = list[str] | str
"""Of one line; or, instead, the code of why it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """`first` is the number of the first line in the file (the header of a CSV is line 1, the first row of a
    Parquet file is line 1); `start` and `offset` say where they begin and where the next ones do; `done` is
    how many acts, good or bad, were read up to `offset`.
    """

    first: int
    done: int
    start: int
    offset: int
    cells: Sequence[Cells]


class Source(Protocol):
    """`size` in the unit of `offset`: bytes of a CSV, rows of a Parquet file."""

    path: Path
    encoding: str
    columns: list[str]
    size: int

    def chunks(self, offset: int, line: int, most: int) -> Iterator[Lines]:
        """From an offset where a chunk ended, with as many lines read before it; `most` lines at once."""


def opened(path: Path, encoding: str = "utf-8") -> "Csv | Parquet":
    """Raises Invalid (`encoding_wrong`, `encoding_unknown`, `columns_wrong`, `file_unreadable`), saying what
    to do; OSError.
    """
    with path.open("rb") as file:
        parquet = file.read(4) == MAGIC
    source = Parquet(path, encoding) if parquet else Csv(path, encoding)
    if wrong := faults(source.columns):
        said = {
            "column_missing": "is missing",
            "column_unknown": "is not known: rename or remove it",
            "column_twice": "is there twice",
        }
        raise Invalid(
            "columns_wrong",
            "; ".join(f"column {name[:40]!r} {said[code]}" for code, name in wrong[:12])
            + f" (found: {', '.join(name[:40] for name in source.columns[:40])})",
        )
    return source


def digest(path: Path, seen: Callable[[int], None] = lambda _: None) -> str:
    """The SHA-256 of a file, by which it is known again; `seen` is told how many bytes were read."""
    with path.open("rb") as file:
        found = hashlib.sha256()
        while block := file.read(4 * 1024 * 1024):
            found.update(block)
            seen(len(block))
        return found.hexdigest()


class Csv:
    """One act a line, whatever is quoted: a lost quotation mark loses a line and not the file."""

    columns: list[str]

    def __init__(self, path: Path, encoding: str) -> None:
        try:
            self.encoding = codecs.lookup(encoding).name
        except LookupError:
            raise Invalid("encoding_unknown", f"No encoding is called {encoding[:40]!r}.") from None
        if len("\n".encode(self.encoding)) != 1:
            raise Invalid("encoding_unknown", "Convert the file: iconv -f UTF-16 -t UTF-8.")
        self.path = path
        self.size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
            _decodable(start, self.encoding)
            file.seek(0)
            header = file.readline(LONGEST)
        self._begin = len(header)
        decoded = header.decode(self.encoding).removeprefix("\ufeff").rstrip("\r\n")
        self._separator = max(",;\t", key=decoded.count)
        named = _split(decoded, self._separator)
        self.columns = [name.strip().lower() for name in named] if isinstance(named, list) else []

    def chunks(self, offset: int, line: int, most: int) -> Iterator[Lines]:
        with self.path.open("rb") as file:
            file.seek(offset or self._begin)
            # The header is a line that people see in their editor; progress counts acts.
            at = offset or self._begin
            while read := list(_lines(file, most)):
                cells = [self._cells(raw) for raw, _ in read]
                at += sum(length for _, length in read)
                first, line = line + 2, line + len(read)
                yield Lines(first=first, done=line, start=offset, offset=at, cells=cells)
                offset = at

    def _cells(self, raw: bytes) -> Cells:
        if len(raw) >= LONGEST:
            return "line_too_long"
        if b"\0" in raw:
            return "null_character"
        try:
            line = raw.decode(self.encoding)
        except UnicodeDecodeError:
            return "not_in_encoding"
        return _split(line.rstrip("\r\n"), self._separator)


def _lines(file: BinaryIO, most: int) -> Iterator[tuple[bytes, int]]:
    """A chunk of lines with their lengths in bytes; of a long one only the beginning is kept."""
    for _ in range(most):
        raw = file.readline(LONGEST)
        if not raw:
            return
        length = len(raw)
        if length == LONGEST and not raw.endswith(b"\n"):
            while rest := file.readline(LONGEST):
                length += len(rest)
                if rest.endswith(b"\n"):
                    break
        yield raw, length


def _split(line: str, separator: str) -> Cells:
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [""])
    except csv.Error:
        return "line_broken"


def _decodable(start: bytes, encoding: str) -> None:
    """Raises Invalid `encoding_wrong` when it is the file that is in another encoding, not a line."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Invalid("encoding_wrong", "The file is UTF-16; convert it: iconv -f UTF-16 -t UTF-8.")
    lines = start.split(b"\n")[:-1] or [start]
    wrong = 0
    for line in lines:
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            wrong += 1
    if wrong * 5 <= len(lines):
        return
    likely = " It looks like Windows-1256: --encoding windows-1256." if _arabic_windows(start) else ""
    raise Invalid("encoding_wrong", f"{wrong} of the first {len(lines)} lines are not {encoding}.{likely}")


def _arabic_windows(start: bytes) -> bool:
    """Whether what is not ASCII would be Arabic letters in Windows-1256."""
    text = start.decode("cp1256", errors="replace")
    letters = [letter for letter in text if letter > "\x7f"]
    return bool(letters) and sum("\u0621" <= letter <= "\u064a" for letter in letters) > len(letters) * 0.7


class Parquet:
    """Row group by row group; every column is read as text, days and numbers too."""

    columns: list[str]

    def __init__(self, path: Path, encoding: str) -> None:
        self.path, self.encoding = path, encoding
        try:
            self._file = pq.ParquetFile(path, memory_map=True)
        except pa.ArrowException as error:
            raise Invalid("file_unreadable", f"Not a Parquet file that can be read: {error}") from None
        schema = self._file.schema_arrow
        self.columns = [name.lower() for name in schema.names]
        nested = [field.name for field in schema if pa.types.is_nested(field.type)]
        if nested:
            raise Invalid("columns_wrong", f"Column {nested[0][:40]!r} is nested: one text each, please.")
        self.size = self._file.metadata.num_rows

    def chunks(self, offset: int, line: int, most: int) -> Iterator[Lines]:  # noqa: ARG002 -- as every source
        """`offset` and `line` are one here: rows. Row groups that were read before are passed over."""
        at, groups = 0, list(range(self._file.num_row_groups))
        while groups and at + (rows := self._file.metadata.row_group(groups[0]).num_rows) <= offset:
            at += rows
            del groups[0]
        for batch in self._file.iter_batches(batch_size=most, row_groups=groups):
            fresh = batch.slice(min(batch.num_rows, max(0, offset - at)))
            start, at = max(at, offset), at + batch.num_rows
            if fresh.num_rows:
                yield Lines(first=start + 1, done=at, start=start, offset=at, cells=list(_rows(fresh)))


def _rows(batch: Any) -> Iterator[Cells]:
    columns = []
    for column in batch.columns:
        try:
            texts = pc.fill_null(pc.cast(column, pa.string()), "").to_pylist()
        except (pa.ArrowException, UnicodeDecodeError):
            texts = [_text(one) for one in column]
        columns.append(texts)
    for cells in zip(*columns, strict=True):
        if any(cell is None for cell in cells):
            yield "not_in_encoding"
        elif any("\0" in cell for cell in cells):
            yield "null_character"
        else:
            yield list(cells)


def _text(scalar: Any) -> str | None:
    """One cell where the column as a whole cannot be read; None where it is this one."""
    try:
        return "" if not scalar.is_valid else str(pc.cast(scalar, pa.string()).as_py())
    except (pa.ArrowException, UnicodeDecodeError):
        return None
