"""An engine that somebody else started: looked at, never stopped."""

import asyncio
from abc import ABC, abstractmethod
from typing import Self


class External(ABC):
    """`notes` is empty: what is not ours needs no explaining at the start."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @abstractmethod
    async def start(self) -> None:
        """Check that it is there and will do; raises :class:`EngineError`."""

    async def stop(self) -> None:  # noqa: B027 -- all there is to it
        """Nothing: it is not ours to stop."""

    async def exited(self) -> int:
        """Never: nobody tells us when it ends."""
        await asyncio.Event().wait()
        raise AssertionError
