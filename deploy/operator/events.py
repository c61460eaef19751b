"""What the services announced, as their logs keep it."""

import asyncio
import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final
from uuid import UUID

from rich.console import Console
from rich.text import Text
from sqlalchemy import text

from deploy.auditor import workers
from deploy.command import Refused
from deploy.operator import operate
from deploy.operator.operate import LoggedEvent
from deploy.registry import SERVICES, service
from shared.db import Database
from shared.events import topic_of
from shared.time import format_instant

POLL_SECONDS: Final = 0.3
LOOK_BACK: Final = 500  # positions: a transaction may commit after a later one, which must not hide it
MOST: Final = 5000

HEADS: Final = text("""
    SELECT consumer, last_seq, state FROM msg.inbox_head
    WHERE source = :source AND aggregatetype = :aggregate AND aggregateid = :subject ORDER BY consumer""")


async def tail(
    variables: Mapping[str, str], *, only: str | None, kind: str | None, lines: int, follow: bool
) -> None:
    """The newest events of one service or all, oldest first, then what comes until Ctrl-C."""
    chosen = (service(only),) if only else SERVICES
    seen: dict[str, dict[int, None]] = {each.name: {} for each in chosen}
    async with workers(variables, chosen) as databases:
        most = MOST if kind else lines
        found = [e for name in seen for e in await operate.events(databases[name], most=most)]
        found.sort(key=lambda event: event.recorded_at)
        for event in found:
            seen[event.source.removeprefix("/")][event.position] = None
        for event in [event for event in found if _matches(event, kind)][-lines:]:
            _line(event)
        while follow:
            await asyncio.sleep(POLL_SECONDS)
            fresh = [e for name, known in seen.items() for e in await _fresh(databases[name], known)]
            for event in sorted(fresh, key=lambda event: event.recorded_at):
                if _matches(event, kind):
                    _line(event)


async def _fresh(database: Database, seen: dict[int, None]) -> list[LoggedEvent]:
    after = max(seen, default=0) - LOOK_BACK
    for old in [position for position in seen if position < after]:
        del seen[old]
    found = await operate.events(database, after=max(after, 0), most=MOST)
    fresh = [event for event in found if event.position not in seen]
    seen.update(dict.fromkeys(event.position for event in fresh))
    return fresh


def _matches(event: LoggedEvent, kind: str | None) -> bool:
    """`elapsed`, `clock.elapsed`, the whole type, or a pattern with `*`."""
    if kind is None:
        return True
    if "*" in kind:
        return fnmatchcase(event.type, kind)
    return event.type == kind or bool(re.search(rf"\.{re.escape(kind)}(\.v\d+)?$", event.type))


def _line(event: LoggedEvent) -> None:
    what = event.type.removeprefix("ma.jamaa.")
    Console(highlight=False, soft_wrap=True).print(
        Text.assemble(
            (format_instant(event.occurred_at.replace(microsecond=0)), "dim"),
            " ",
            (what, "bold"),
            f" {event.subject} #{event.sequence} {event.collectivity} ",
            (str(event.id), "dim"),
        )
    )


async def show(variables: Mapping[str, str], identifier: UUID) -> None:
    """One event with its data, and which consumers have applied it. Raises Refused when there is none."""
    async with workers(variables) as databases:
        for database in databases.values():
            if found := await operate.events(database, identifier=identifier, most=1):
                event = found[0]
                break
        else:
            raise Refused(f"no service announced an event {identifier}")
        applied = {}
        for database in databases.values():
            async with database.transaction() as tx:
                of = {"source": event.source, "aggregate": event.aggregate, "subject": event.subject}
                for head in await tx.execute(HEADS, of):
                    done = head.last_seq >= event.sequence
                    applied[head.consumer] = "applied" if done else f"not yet ({head.state})"
    document = {
        "id": str(event.id),
        "type": event.type,
        "topic": topic_of(event.source.removeprefix("/"), event.aggregate),
        "position": event.position,
        "subject": event.subject,
        "sequence": event.sequence,
        "collectivity": event.collectivity,
        "occurred_at": format_instant(event.occurred_at),
        "recorded_at": format_instant(event.recorded_at),
        **event.headers,
        "data": json.loads(event.payload),
        "consumers": applied,
    }
    print(json.dumps(document, indent=2, ensure_ascii=False))
