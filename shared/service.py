"""What a service is made of. Each `app.py` declares one; `deploy/registry.py` lists them."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fastapi import APIRouter

from shared.db import Database, Tx
from shared.events import Envelope, Stream
from shared.settings import Settings

Handler = Callable[[Tx, Envelope], Awaitable[None]]
"""What a consumer does about one event, inside the transaction that also moves its inbox head.

Raises pydantic's ValidationError or any exception to have the event retried, then parked.
"""

Together = Callable[[Tx, Sequence[Envelope]], AbstractAsyncContextManager[Handler]]
"""The same for many events at once, in the same transaction: loads what they need, yields the handler that is
given each in order, then writes what became of it, each in a statement for all.
"""


class Task(Protocol):
    """Work that runs as long as the service: the worker's pool is passed, and the service's settings;
    cancellation ends it.
    """

    __name__: str

    def __call__(self, database: Database, settings: Settings, /) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Consumer:
    """One reader of other services' events, with its own position in each aggregate's history.

    `name` is `<service>.<purpose>`: the Kafka group and the key of its inbox heads. `topics` are read
    whole; event types that the handler does not know still advance the head. With `together` the inbox asks
    nothing else, for one event too; `handle` must do the same.
    """

    name: str
    topics: tuple[str, ...]
    handle: Handler
    together: Together | None = None

    def at_work(self, tx: Tx, envelopes: Sequence[Envelope]) -> AbstractAsyncContextManager[Handler]:
        return self.together(tx, envelopes) if self.together else nullcontext(self.handle)


@dataclass(frozen=True, slots=True)
class Service:
    """`name` is the URL prefix, the database suffix, the event source and the schema."""

    name: str
    title: dict[str, str]
    router: APIRouter
    streams: tuple[Stream, ...]
    migrations: Path
    consumers: tuple[Consumer, ...] = ()
    tasks: tuple[Task, ...] = ()
