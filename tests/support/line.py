"""The way to a server, which may be blocked or cut."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Line:
    """The way to the server. While it is not `clear`, what is sent does not arrive."""

    def __init__(self, dsn: str) -> None:
        self._to = urlsplit(dsn)
        self.clear = asyncio.Event()
        self.clear.set()
        self.stuck = asyncio.Event()
        """Something waits on the way."""
        self._ends: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """The DSN at its other end."""
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # narrow: much has no room in it
        async with await asyncio.start_server(self._carry, sock=listening):
            port = listening.getsockname()[1]
            yield self._to._replace(netloc=f"{self._to.netloc.rpartition(':')[0]}:{port}").geturl()
            self.cut()

    def cut(self) -> None:
        """Both ends lose their connections."""
        while self._ends:
            self._ends.pop().transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._ends += writer, server
        async with asyncio.TaskGroup() as both:
            both.create_task(self._pass(reader, server, held=True))
            both.create_task(self._pass(answers, writer, held=False))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, held: bool) -> None:
        with suppress(ConnectionError):
            while said := await reader.read(65536):
                if held and not self.clear.is_set():
                    self.stuck.set()
                    await self.clear.wait()
                writer.write(said)
            writer.close()
