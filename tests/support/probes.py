"""Waiting for what happens elsewhere, and saying why it did not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], expected: T, *, within: float = 60.0) -> None:
    """Looks until it sees `expected`; fails with the last thing seen. `within` is patience, not a promise."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    pause = 0.005
    while (seen := await look()) != expected:
        if loop.time() > deadline:
            raise AssertionError(f"after {within:.0f} s still {seen!r}, expected {expected!r}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)
