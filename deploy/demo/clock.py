"""Legal time of a development platform: read and moved forward in every service's database at once."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from deploy.registry import SERVICES


async def legal_now(variables: Mapping[str, str]) -> datetime:
    name = SERVICES[0].name.upper()
    connection = await asyncpg.connect(variables[f"JAMAA_{name}_MIGRATOR_DATABASE_URL"])
    try:
        now: datetime = await connection.fetchval("SELECT msg.legal_now()")
    finally:
        await connection.close()
    return now


async def advance(variables: Mapping[str, str], to: datetime) -> datetime:
    for service in SERVICES:
        dsn = variables[f"JAMAA_{service.name.upper()}_MIGRATOR_DATABASE_URL"]
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute("UPDATE msg.legal_clock SET shift = $1 - clock_timestamp()", to)
        finally:
            await connection.close()
    return await legal_now(variables)
