"""What is stuck, and how an operator mends it. Every skip takes two persons and is kept in a register."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from deploy.auditor import workers
from deploy.command import Refused
from deploy.operator import operate
from deploy.operator.identity import operator
from deploy.operator.operate import Redriven
from deploy.registry import SERVICES, service
from deploy.serve import bus_of
from shared.db import Database
from shared.inbox import Inbox, Key
from shared.service import Consumer, Service
from shared.settings import settings_for
from shared.time import format_instant

KEYS: Final = text("""
    SELECT source, aggregatetype, aggregateid FROM msg.inbox_head
    WHERE consumer = :consumer AND aggregateid = :subject""")


def consumer_named(name: str) -> tuple[Service, Consumer]:
    for candidate in SERVICES:
        for consumer in candidate.consumers:
            if consumer.name == name:
                return candidate, consumer
    known = ", ".join(consumer.name for each in SERVICES for consumer in each.consumers)
    raise Refused(f"no consumer is called {name!r}; there are {known}")


@asynccontextmanager
async def _held(
    variables: Mapping[str, str], name: str, subject: str
) -> AsyncIterator[tuple[Inbox, Database, Key]]:
    """The consumer at work on one aggregate, and its producer's database. Raises Refused when it never met
    the aggregate.
    """
    owner, consumer = consumer_named(name)
    async with workers(variables) as databases:
        database = databases[owner.name]
        async with database.transaction() as tx:
            rows = (await tx.execute(KEYS, {"consumer": name, "subject": subject})).all()
        if not rows:
            raise Refused(f"{name} never met {subject}")
        if len(rows) > 1:
            raise Refused(f"{subject} names {len(rows)} aggregates of {name}: {rows}")
        bus = bus_of(settings_for(owner.name, variables))
        key = (rows[0][0], rows[0][1], rows[0][2])
        yield Inbox(owner.name, consumer, database, bus), databases[service(key[0].strip("/")).name], key


async def stuck(variables: Mapping[str, str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    found = 0
    async with workers(variables) as databases:
        for database in databases.values():
            for held in await operate.stuck(database):
                found += 1
                again = (
                    f", next try {format_instant(held.next_try)}"
                    if held.state == "blocked" and held.next_try
                    else ""
                )
                console.print(
                    f"[bold]{held.consumer} {held.key[2]}[/] {held.state} at {held.sequence} of"
                    f" {held.key[0]} {held.key[1]}, {held.attempts} tries{again},"
                    f" {held.waiting} waiting behind"
                )
                if held.furthest and held.furthest > held.sequence + held.waiting:
                    console.print(f"  the last of them is {held.furthest}: something before it is missing")
                console.print(f"  {held.error or 'nothing failed, that event never came'}", markup=False)
                if held.skip_proposed_by:
                    who = f"skip of {held.skip_proposed} proposed by {held.skip_proposed_by}"
                    console.print(f"  {who}: {held.skip_reason}", markup=False)
    if not found:
        console.print("nothing is stuck")


async def redrive(variables: Mapping[str, str], consumer: str, subject: str) -> int:
    by = await operator(variables)
    async with _held(variables, consumer, subject) as (inbox, _, key):
        return _outcome(await operate.redrive(inbox, key, by=by))


async def propose_skip(
    variables: Mapping[str, str], consumer: str, subject: str, sequence: int, *, by: str | None, reason: str
) -> None:
    by = await operator(variables, by, proven=True)
    async with _held(variables, consumer, subject) as (inbox, producer, key):
        await operate.propose_skip(inbox.database, producer, consumer, key, sequence, by=by, reason=reason)
    print(f"proposed by {by}; somebody else confirms: jamaa skip confirm {consumer} {subject} {sequence}")


async def confirm_skip(
    variables: Mapping[str, str], consumer: str, subject: str, sequence: int, *, by: str | None
) -> int:
    by = await operator(variables, by, proven=True)
    async with _held(variables, consumer, subject) as (inbox, producer, key):
        outcome = await operate.confirm_skip(inbox, producer, key, sequence, by=by)
    print(f"{sequence} is skipped, confirmed by {by}")
    return _outcome(outcome)


def _outcome(outcome: Redriven) -> int:
    """Prints it; the exit status is 1 when the aggregate is held again."""
    print(f"applied {outcome.applied}, now {outcome.state}, {outcome.parked} parked")
    if outcome.error:
        print(outcome.error)
    return 0 if outcome.state == "open" else 1


async def replay(
    variables: Mapping[str, str], name: str, *, subject: str | None, since: datetime | None
) -> None:
    """Consumers skip what they have applied, so this is safe at any time."""
    chosen = service(name)
    by = await operator(variables)
    async with workers(variables, [chosen]) as databases:
        count = await operate.replay(databases[name], by=by, subject=subject, since=since)
    print(f"{count} events of {name} are sent again")


async def dead_letters(variables: Mapping[str, str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table("consumer", "where", "received", "why", "bytes")
    async with workers(variables) as databases:
        for database in databases.values():
            for letter in await operate.dead_letters(database):
                table.add_row(
                    letter.consumer,
                    f"{letter.topic} {letter.partition} {letter.offset}",
                    format_instant(letter.received_at),
                    letter.reason,
                    str(len(letter.raw or b"")),
                )
    console.print(table if table.row_count else "no dead letters")


async def resolve_dead_letter(
    variables: Mapping[str, str],
    consumer: str,
    topic: str,
    partition: int,
    offset: int,
    *,
    by: str | None,
    resolution: str,
) -> None:
    owner, _ = consumer_named(consumer)
    by = await operator(variables, by)
    async with workers(variables, [owner]) as databases:
        await operate.resolve_dead_letter(
            databases[owner.name], consumer, topic, partition, offset, by=by, resolution=resolution
        )
    print(f"resolved by {by}")


async def log(variables: Mapping[str, str], lines: int) -> None:
    """What operators did, in every database, oldest first."""
    async with workers(variables) as databases:
        found = [
            (done, name)
            for name, database in databases.items()
            for done in await operate.operations(database, most=lines)
        ]
    for done, name in sorted(found, key=lambda each: each[0].at)[-lines:] if lines else []:
        detail = " ".join(f"{key}={value}" for key, value in done.detail.items() if value is not None)
        print(f"{format_instant(done.at)} {name}: {done.by} ({done.role}) {done.what} {detail}")
    if not found:
        print("no operator did anything")
