"""A file is read in a process of its own: Python spends more on a line than the database does, so each has a
core. The two processes send each other pickles, each with its length before it: the reader asks for the
numbers of names that it meets first and sends chunks; the end of the file is None, what it fails of is the
exception.
"""

import asyncio
import gc
import os
import pickle
import signal
import struct
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from services.civil_status.domain.spelling import Spelled
from services.civil_status.store.staged import Chunk
from services.civil_status.take_over import reading
from services.civil_status.take_over.chunks import chunks
from services.civil_status.take_over.reading import Source, opened

LENGTH: Final = struct.Struct(">Q")
AHEAD: Final = 16 * 2**20
"""Bytes of a chunk that wait here while the database works on the one before, and the reader on the next."""
HERE: Final = "from services.civil_status.take_over.apart import main; main()"

Learned = Callable[[list[Spelled]], Awaitable[Mapping[Spelled, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of a file is to be read, `most` lines a chunk."""

    path: Path
    encoding: str
    offset: int
    line: int
    most: int
    today: date
    trial: bool

    @classmethod
    def of(cls, source: Source, *, offset: int, line: int, today: date, trial: bool) -> Self:
        return cls(
            path=source.path,
            encoding=source.encoding,
            offset=offset,
            line=line,
            most=reading.LINES,
            today=today,
            trial=trial,
        )


@asynccontextmanager
async def reading_apart(asked: Asked, learned: Learned) -> AsyncIterator[AsyncIterator[Chunk]]:
    """The chunks of a file, one ahead. Raises what reading it raises; RuntimeError when its process ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", HERE),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=AHEAD,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)},
    )
    found = _chunks(process, asked, learned)
    try:
        yield found
    finally:
        await found.aclose()
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _chunks(process: Process, asked: Asked, learned: Learned) -> AsyncGenerator[Chunk, None]:
    await _tell(process, asked)
    following = asyncio.create_task(_next(process, learned))
    try:
        while (chunk := await following) is not None:
            following = asyncio.create_task(_next(process, learned))
            yield chunk
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _next(process: Process, learned: Learned) -> Chunk | None:
    while isinstance(said := await _told(process), list):
        await _tell(process, await learned(said))
    if isinstance(said, Exception):
        raise said
    assert said is None or isinstance(said, Chunk)
    return said


async def _tell(process: Process, what: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(_packed(what))
    # Whoever has ended says why in what is read of them.
    with suppress(ConnectionError):
        await process.stdin.drain()


async def _told(process: Process) -> Any:
    assert process.stdout is not None
    try:
        [length] = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 -- of our own process
    except asyncio.IncompleteReadError:
        raise RuntimeError(f"whoever read the file ended with status {await process.wait()}") from None


def _packed(what: Any) -> bytes:
    packed = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(packed)) + packed


def main() -> None:
    """The reader: told on its standard input what to read, it writes to what was its standard output. It ends
    when nobody hears it any more, who was killed with 9 too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the importer hears it and ends both
    said, heard = os.fdopen(os.dup(1), "wb"), sys.stdin.buffer
    os.dup2(2, 1)
    gc.disable()  # an act is no cycle, and what names were met grows for ever
    with suppress(BrokenPipeError, EOFError):
        asked: Asked = _heard(heard)
        try:
            _read(asked, said, heard)
        except (BrokenPipeError, EOFError):
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is the importer's to say
            _say(said, error)


def _read(asked: Asked, said: BinaryIO, heard: BinaryIO) -> None:
    def learn(fresh: list[Spelled]) -> Mapping[Spelled, int]:
        _say(said, fresh)
        known: Mapping[Spelled, int] = _heard(heard)
        return known

    source = opened(asked.path, asked.encoding)
    for chunk in chunks(
        source, asked.offset, asked.line, asked.most, asked.today, trial=asked.trial, learn=learn
    ):
        _say(said, chunk)
    _say(said, None)


def _say(said: BinaryIO, what: Any) -> None:
    said.write(_packed(what))
    said.flush()


def _heard(heard: BinaryIO) -> Any:
    """Raises EOFError when nobody is there any more."""
    head = heard.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    return pickle.loads(heard.read(LENGTH.unpack(head)[0]))  # noqa: S301 -- of the process that started this one
