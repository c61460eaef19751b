"""A wire that can be cut: TCP through the harness, whose answers can be swallowed."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum

from deploy.engines.process import LOOPBACK


class Mode(StrEnum):
    PASS = "pass"
    SWALLOW = "swallow"
    """What the client says arrives; what it is answered does not: the acknowledgement is lost."""
    CUT = "cut"
    """Nobody gets through, and open connections end."""


@dataclass(slots=True)
class Proxy:
    """Listens on `port` and forwards to `target`, both on loopback."""

    target: int
    port: int
    mode: Mode = Mode.PASS
    swallowed: int = 0
    """Bytes of answers that never arrived."""
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.hang_up()

    def hang_up(self) -> None:
        """Ends every connection; new ones are taken unless the wire is cut."""
        for task in self._open:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if self.mode is not Mode.CUT:
                await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # either side went away, or we hung up: that is what a wire does
        finally:
            self._open.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(LOOPBACK, self.target)
        try:
            ways = {
                asyncio.ensure_future(self._pump(reader, back, answers=False)),
                asyncio.ensure_future(self._pump(there, writer, answers=True)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            with contextlib.suppress(OSError):
                back.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while data := await reader.read(65536):
            if answers and self.mode is Mode.SWALLOW:
                self.swallowed += len(data)
                continue
            writer.write(data)
            await writer.drain()
