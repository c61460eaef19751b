"""Whose fault a failure is: the database's, for which the reader waits, or the message's, which is held."""

import re
from typing import Final

import asyncpg
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, InternalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

ARGUMENT: Final = re.compile(r"(query argument \$\d+):.*")  # asyncpg quotes the value it refuses


def is_infrastructure(error: BaseException) -> bool:
    """Whether the database, not the message, is at fault: then nothing is parked, the reader waits.

    Errors that are not SQLAlchemy's come from connecting: a handler's own arrive as `HandlerFailed`.
    """
    if isinstance(error, PoolTimeout | OSError | asyncpg.PostgresError | asyncpg.InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    # A statement that the driver refuses has no state and is the handler's mistake. Otherwise: connection,
    # resources, operator (but not a statement that takes too long), system, deadlock, lock timeout. The
    # driver's own internal error has no state either: in a failover no server is one that takes writes.
    state = getattr(error.orig, "sqlstate", None) or ""
    return (error.connection_invalidated or (isinstance(error, InternalError) and not state)) or (
        (state[:2] in {"08", "53", "57", "58", "40"} or state == "55P03") and state != "57014"
    )


class HandlerFailed(Exception):
    """A handler raised something that is not the database's; the cause says what."""


def describe(error: BaseException) -> str:
    """What went wrong, without the data: a validation error names fields and rules, not values."""
    if isinstance(error, HandlerFailed) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)
        )
    first_line = legible(f"{type(error).__name__}: {error}").splitlines()[0]
    return ARGUMENT.sub(r"\1", first_line)[:500]


def legible(raw: str | bytes | None) -> str:
    """For a person who looks at what failed; a text column takes neither NUL nor half a surrogate pair."""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")
