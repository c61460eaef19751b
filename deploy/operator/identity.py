"""Who types a command, and the trace that it leaves in each database it changes."""

import getpass
import json
import os
from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from deploy.command import Refused
from deploy.registry import SERVICES
from deploy.serve import tokens_of
from shared.auth import Role
from shared.errors import Problem
from shared.settings import Settings, settings_for

TOKEN: Final = "JAMAA_TOKEN"  # noqa: S105  # the variable's name
RECORD: Final = "INSERT INTO msg.operation (by, what, detail) VALUES ($1, $2, $3)"
PRODUCTION: Final = "SELECT profile = 'production' FROM msg.legal_clock"


async def operator(variables: Mapping[str, str], by: str | None = None, *, proven: bool = False) -> str:
    """The subject of the operator's token in JAMAA_TOKEN. Without one: `by`, which only development takes, or
    whoever is logged in, unless it must be `proven`; production cannot believe either to be a second person.

    Raises Refused for a token that is none, or not an operator's.
    """
    settings = settings_for(SERVICES[0].name, variables)
    token = variables.get(TOKEN)
    believed = not token and not ((by or proven) and await _production(settings))
    if by and not believed:
        raise Refused(f"--by is for development without {TOKEN}: who you are is what your token says")
    if token:
        try:
            actor = await tokens_of(settings).actor(token)
        except Problem as problem:
            raise Refused(f"{TOKEN} is refused ({problem.code}): ask the issuer for a new one") from None
        if not actor.holds(Role.OPERATOR):
            raise Refused(f"{TOKEN} is {actor.subject}'s, who is no operator")
        return actor.subject
    if proven and not believed:
        raise Refused(f"this wants to know who you are: set {TOKEN} to an operator's token of yours")
    return by or login()


async def _production(settings: Settings) -> bool:
    """By the shell's word or the database's, which no shell can change."""
    if not settings.development:
        return True
    connection = await asyncpg.connect(settings.worker_database_url.get_secret_value(), timeout=10)
    try:
        return bool(await connection.fetchval(PRODUCTION))
    finally:
        await connection.close()


def login() -> str:
    """Whoever is logged in; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


async def record(connection: asyncpg.Connection, by: str, what: str, **detail: Any) -> None:
    """Into the operators' log, for what is done as the database's owner."""
    await connection.execute(RECORD, by, what, json.dumps(detail, default=str))
