"""Running a service: what it does besides answering, kept alive, and whether that has begun."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from shared.bus import Bus
from shared.db import Database
from shared.http.app import Check
from shared.http.idempotency import forget_keys
from shared.inbox import Inbox, answer_repairs
from shared.inbox.standing import watch
from shared.outbox import Relay
from shared.service import Service
from shared.settings import Settings
from shared.tasks import keep_going

Work = Callable[[], Awaitable[None]]


@asynccontextmanager
async def background(
    service: Service,
    settings: Settings,
    database: Database,
    bus: Bus,
    *,
    on_epoch: Sequence[Callable[[], None]] = (),
) -> AsyncIterator[dict[str, Check]]:
    """Relay, repairs, consumers and the service's own tasks, on `database`, the worker's pool, until the
    block ends. `on_epoch` is called when a consumer finds that the broker lost what it held.

    Yields the readiness checks. A service is ready once its relay and its consumers have worked; a broker
    that goes away later is no reason to send people away, because what they do waits in the outbox.
    """
    relay = Relay(service.name, database, bus)
    relay.on_epoch.extend(on_epoch)
    inboxes = [
        Inbox(service.name, consumer, database, bus, on_epoch=list(on_epoch))
        for consumer in service.consumers
    ]
    work: dict[str, Work] = {
        "relay": relay.run,
        "relay.watch": _kept(f"{service.name}.relay.watch", relay.watch),
        "repairs": partial(answer_repairs, service.name, database, bus),
        "forget_keys": _kept(f"{service.name}.forget_keys", partial(forget_keys, database)),
    }
    if inboxes:
        names = [inbox.consumer.name for inbox in inboxes]
        work["inbox.watch"] = _kept(
            f"{service.name}.inbox.watch", partial(watch, service.name, names, database)
        )
    for inbox in inboxes:
        work[inbox.consumer.name] = inbox.run
        work[f"{inbox.consumer.name}.mend"] = inbox.mend
    for task in service.tasks:
        start = partial(task, database, settings)
        work[task.__name__] = _kept(f"{service.name}.{task.__name__}", start)
    running = {name: asyncio.ensure_future(start()) for name, start in work.items()}
    database.on_emit.append(relay.wake)
    try:
        yield {
            "relay": lambda: _check(relay.begun, running["relay"]),
            **{
                inbox.consumer.name: partial(_check_inbox, inbox, running[inbox.consumer.name])
                for inbox in inboxes
            },
            "tasks": lambda: _check(True, *running.values()),
        }
    finally:
        database.on_emit.remove(relay.wake)
        for ending in running.values():
            ending.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def _kept(name: str, work: Work) -> Work:
    return partial(keep_going, name, work)


async def _check_inbox(inbox: Inbox, reading: "asyncio.Future[None]") -> None:
    await _check(inbox.begun, reading)


async def _check(begun: bool, *work: "asyncio.Future[None]") -> None:
    """Lasting work ends with the service only: if it ended before, a bug ended it."""
    if not begun:
        raise NotBegun
    if any(one.done() for one in work):
        raise Ended


class NotBegun(Exception):
    """Not yet: the broker or the database has not answered since the start."""


class Ended(Exception):
    """Work that goes on as long as the service has ended before it."""
