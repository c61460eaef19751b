"""Running a service: its background work, kept alive and loud about every death."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import structlog
from prometheus_client import Counter

from shared.bus import Bus
from shared.db import Database
from shared.events import repair_topic_of
from shared.inbox import Inbox, answer_repairs
from shared.outbox import Relay
from shared.service import Service
from shared.settings import Settings

log = structlog.get_logger()

DEATHS = Counter("jamaa_task_deaths_total", "Background tasks that died and were begun again", ["task"])


@asynccontextmanager
async def background(
    service: Service, settings: Settings, database: Database, bus: Bus
) -> AsyncIterator[None]:
    """Everything a service does besides answering: relay, repairs, consumers, its own tasks.

    `database` is the worker's pool. All of it ends when the block ends.
    """
    relay = Relay(service.name, database, bus)
    database.on_emit.append(relay.wake)
    inboxes = [Inbox(service.name, consumer, database, bus) for consumer in service.consumers]
    work: dict[str, Callable[[], Awaitable[None]]] = {
        "relay": relay.run,
        "repairs": lambda: answer_repairs(service.name, database, bus),
    }
    for inbox in inboxes:
        work[inbox.consumer.name] = inbox.run
        work[f"{inbox.consumer.name}.mend"] = inbox.mend
    for task in service.tasks:
        work[task.__name__] = partial(task, database, settings)
    await bus.ensure_topics([*(s.topic for s in service.streams), repair_topic_of(service.name)])
    async with asyncio.TaskGroup() as group:
        running = [
            group.create_task(supervised(f"{service.name}/{name}", start), name=f"{service.name}/{name}")
            for name, start in work.items()
        ]
        try:
            yield
        finally:
            for task_ in running:
                task_.cancel()
            database.on_emit.remove(relay.wake)


async def supervised(name: str, start: Callable[[], Awaitable[None]]) -> None:
    """A task that dies silently is the worst failure there is: it is loud, counted and begun again."""
    delay = 1.0
    while True:
        try:
            await start()
        except Exception:
            DEATHS.labels(name).inc()
            log.exception("task.died", task=name, restart_in=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 30.0)
        else:
            return
