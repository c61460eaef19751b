"""From an empty PostgreSQL to a service's database: roles, database, kernel tables, its own migrations."""

import re
from pathlib import Path
from typing import Final

import asyncpg
from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection

from shared import territory
from shared.db import engine_of

HERE: Final = Path(__file__).parent
MIGRATOR: Final = "jamaa_migrator"
NAME = re.compile(r"[a-z][a-z0-9_]*")
LOCK: Final = 7_234_801  # two launchers migrating one database wait for each other


def roles(service: str) -> tuple[str, str]:
    """The API's role, on which row-level security applies, and the role of consumers and relay."""
    return f"jamaa_{service}", f"jamaa_{service}_worker"


def database_of(service: str) -> str:
    return f"jamaa_{service}"


async def provision(
    admin_dsn: str,
    service: str,
    passwords: dict[str, str],
    *,
    database: str | None = None,
    development: bool = False,
) -> None:
    """Creates what is missing: the migrator, the two roles and the database. Needs an administrator's DSN.

    `passwords` maps each role to its password and is written again at every start, so that a changed
    secret takes effect. Raises `ProductionDatabase`, before it touches anything, when `development` would
    take over a database that lives in production.
    """
    if not NAME.fullmatch(service):
        raise ValueError(f"{service!r} is no service name: lower-case letters, digits and underscores")
    database = database or database_of(service)
    connection = await asyncpg.connect(admin_dsn)
    try:
        # Roles belong to the whole server: two launchers, or two workers of a test run, take turns.
        await connection.execute(f"SELECT pg_advisory_lock({LOCK})")
        exists = await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", database)
        if exists and development:
            await _refuse_production(admin_dsn, database)
        for role in (MIGRATOR, *roles(service)):
            known = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
            secret = await connection.fetchval("SELECT quote_literal($1::text)", passwords[role])
            verb = "ALTER" if known else "CREATE"  # a new role has no right but to log in
            await connection.execute(f"{verb} ROLE {role} LOGIN PASSWORD {secret}")
        if not exists:
            await connection.execute(f"GRANT {MIGRATOR} TO CURRENT_USER")
            await connection.execute(f"CREATE DATABASE {database} OWNER {MIGRATOR} TEMPLATE template0")
        await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {', '.join(roles(service))}")
    finally:
        await connection.close()


async def _refuse_production(admin_dsn: str, database: str) -> None:
    connection = await asyncpg.connect(admin_dsn, database=database)
    try:
        if await connection.fetchval("SELECT to_regclass('msg.legal_clock') IS NOT NULL") and (
            await connection.fetchval(
                "SELECT profile = 'production' AND EXISTS (SELECT FROM msg.event_log) FROM msg.legal_clock"
            )
        ):
            raise ProductionDatabase(
                f"{database} holds production's data and this is the development platform:"
                " unset DATABASE_URL, or run `jamaa migrate` and `jamaa serve` with production's environment"
            )
    finally:
        await connection.close()


class ProductionDatabase(ValueError):
    """Development refuses to take over a database that lives in production."""


async def migrate(migrator_dsn: str, service: str, migrations: Path, *, development: bool = False) -> None:
    """Brings the database to the newest version in one transaction and loads the territory.

    Additive only, with lock and statement timeouts: a running service keeps working meanwhile.
    """
    engine = engine_of(
        migrator_dsn, {"server_settings": {"lock_timeout": "5s", "statement_timeout": "10min"}}
    )
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            for schema, folder in (("kernel", HERE / "migrations" / "kernel"), (service, migrations)):
                await connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                await connection.run_sync(_upgrade, service, schema, folder)
            profile = "development" if development else "production"
            await connection.exec_driver_sql(
                "UPDATE msg.legal_clock SET profile = $1,"
                " shift = CASE WHEN $1 = 'development' THEN shift ELSE interval '0' END",
                (profile,),
            )
            await connection.exec_driver_sql("SELECT msg.ensure_partitions()")
            await territory.load(connection)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, service: str, schema: str, folder: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(HERE / "migrations"))
    config.set_main_option("version_locations", str(folder))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, version_schema=schema, service=service)
    command.upgrade(config, "head")


def run_script(script: str) -> None:
    """Executes a whole SQL script inside a migration, `@api` and `@worker` standing for the roles
    and `@service` for the name.
    """
    service = op.get_context().config.attributes["service"]  # type: ignore[union-attr]  # set by migrate
    api, worker = roles(service)
    names = {"@api": api, "@worker": worker, "@service": service}
    sql = re.sub(r"@(?:api|worker|service)\b", lambda found: names[found[0]], script)
    adapted = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda connection: connection.execute(sql))  # type: ignore[union-attr]  # asyncpg's adapter
