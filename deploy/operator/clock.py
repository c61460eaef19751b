"""The legal clock of a development platform: every database lives at the same shifted time.

Leases, retries and tokens use real time; only what the law counts is moved.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from deploy.command import Refused
from deploy.operator.identity import operator, record
from deploy.registry import SERVICES
from shared.settings import migrator_settings_for
from shared.time import format_instant

UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
DURATION: Final = re.compile(r"(-?)((?:\d+[wdhms])+)")
LONGEST: Final = timedelta(days=36525)


def duration(written: str) -> timedelta:
    """`30d`, `12h`, `1w2d`, `-1d`. Raises Refused."""
    if not (found := DURATION.fullmatch(written)):
        raise Refused(f"{written!r} is no duration: write 30d, 12h, 1w2d, 90m or 45s")
    try:
        parts = {UNITS[unit]: int(amount) for amount, unit in re.findall(r"(\d+)([wdhms])", found[2])}
        length = timedelta(**parts)
    except OverflowError:
        length = timedelta.max
    if length > LONGEST:
        raise Refused(f"{written!r} is more than a hundred years")
    return -length if found[1] else length


@asynccontextmanager
async def _locked(variables: Mapping[str, str]) -> AsyncIterator[list[asyncpg.Connection]]:
    """Every database's clock, held by one open transaction each; all commit at the end, or none.

    Nobody can change one of them meanwhile, and committing is all that is left to do: if that fails for one
    database after another has committed, the command fails, `status` says that they differ, and doing it
    again makes them equal.
    """
    owners = {service.name: migrator_settings_for(service.name, variables) for service in SERVICES}
    async with AsyncExitStack() as stack:
        connections = []
        for name, owner in owners.items():
            connection = await asyncpg.connect(owner.migrator_database_url.get_secret_value())
            stack.push_async_callback(connection.close)
            profile = await connection.fetchval("SELECT profile FROM msg.legal_clock")
            if not owner.development or profile != "development":
                raise Refused(f"{name} lives in the profile {profile!r}: only development may move its clock")
            connections.append(connection)
        transactions = [connection.transaction() for connection in connections]
        for connection, transaction in zip(connections, transactions, strict=True):
            await transaction.start()
            await connection.execute("SET LOCAL lock_timeout = '10s'")
            await connection.execute("SELECT FROM msg.legal_clock FOR UPDATE")
        yield connections
        for transaction in transactions:
            await transaction.commit()


async def show(variables: Mapping[str, str]) -> None:
    async with _locked(variables) as connections:
        for service, connection in zip(SERVICES, connections, strict=True):
            row = await connection.fetchrow("SELECT msg.legal_now() AS now, shift FROM msg.legal_clock")
            print(f"{service.name}: {_said(row['now'])}, moved by {row['shift']}")


async def advance(variables: Mapping[str, str], by: timedelta, *, force: bool = False) -> None:
    """Raises Refused for a step back without `force`: what was announced is not taken back."""
    who = await operator(variables)
    async with _locked(variables) as connections:
        shift = max([await _shift(connection) for connection in connections])
        _tell(await _move(connections, shift + by, by=who, force=force))


async def set_to(variables: Mapping[str, str], instant: datetime, *, force: bool = False) -> None:
    _tell(await move_to(variables, instant, force=force))


async def move_to(variables: Mapping[str, str], instant: datetime, *, force: bool = False) -> datetime:
    """The legal instant afterwards, the same in every database. Raises Refused for a step back."""
    who = await operator(variables)
    async with _locked(variables) as connections:
        now = await connections[0].fetchval("SELECT clock_timestamp()")
        return await _move(connections, instant - now, by=who, force=force)


async def legal_now(variables: Mapping[str, str]) -> datetime:
    owner = migrator_settings_for(SERVICES[0].name, variables)
    connection = await asyncpg.connect(owner.migrator_database_url.get_secret_value())
    try:
        now: datetime = await connection.fetchval("SELECT msg.legal_now()")
    finally:
        await connection.close()
    return now


async def reset(variables: Mapping[str, str], *, force: bool = False) -> None:
    """Back to real time."""
    who = await operator(variables)
    async with _locked(variables) as connections:
        _tell(await _move(connections, timedelta(), by=who, force=force))


async def _shift(connection: asyncpg.Connection) -> timedelta:
    shift: timedelta = await connection.fetchval("SELECT shift FROM msg.legal_clock")
    return shift


async def _move(connections: list[asyncpg.Connection], shift: timedelta, *, by: str, force: bool) -> datetime:
    furthest = max([await _shift(connection) for connection in connections])
    if shift < furthest and not force:
        raise Refused(
            f"that is {furthest - shift} back: what was announced is not taken back, and dates already"
            " passed will not come again; say --force if you mean it"
        )
    for connection in connections:
        before = await _shift(connection)
        await connection.execute("UPDATE msg.legal_clock SET shift = $1", shift)
        await record(connection, by, "clock", moved_from=before, moved_to=shift)
    now: datetime = await connections[0].fetchval("SELECT msg.legal_now()")
    return now


def _tell(now: datetime) -> None:
    print(f"legal time is {_said(now)} in every database")


def _said(instant: datetime) -> str:
    return format_instant(instant.replace(microsecond=0))
