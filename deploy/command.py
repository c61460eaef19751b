"""What every command of `jamaa` has in common: one line for a mistake, and the platform that it is about."""

# ruff: noqa: PLC0415 -- loading the services takes seconds: a command loads what it needs, when it needs it

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final, ParamSpec

import typer
from typer._click import exceptions as click  # typer carries its own click

P = ParamSpec("P")


class Refused(Exception):
    """What was asked cannot be done. The message is one line: what, and what to do instead."""


class Jamaa(typer.Typer):
    """A command line whose complaints are one line too when the line itself is wrong."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            sys.exit(super().__call__(*args, **kwargs | {"standalone_mode": False}))
        except click.NoArgsIsHelpError as help_:
            help_.show()
            sys.exit(2)
        except click.ClickException as error:
            fail(error.format_message().replace("\n", " "), 2)
        except (typer.Abort, KeyboardInterrupt):
            sys.exit(130)


def fail(message: str, status: int = 1) -> None:
    """Ends the program. Several lines only for several mistakes."""
    for line in message.splitlines():
        print(f"jamaa: {line}", file=sys.stderr)
    sys.exit(status)


def command(function: Callable[P, Coroutine[Any, Any, int | None]]) -> Callable[P, None]:
    """An asynchronous command: a mistake of the person or of the machine is one line and exit status 1."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        import uvloop

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                status = runner.run(function(*args, **kwargs))
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `jamaa events tail | head`
        except KeyboardInterrupt:
            sys.exit(130)
        except Exception as error:
            if (line := _said(error)) is None:
                raise
            fail(line)
        else:
            if status:
                raise typer.Exit(status)

    return run


ONE_LINE: Final = (
    "deploy.command:Refused",
    "deploy.engines.errors:EngineError",
    "deploy.issuer:NotDevelopment",
    "deploy.issuer:UnknownPersona",
    "deploy.registry:UnknownService",
    "shared.settings:SettingsError",
)
NOT_RUNNING: Final = (
    "builtins:ConnectionRefusedError",
    "asyncpg:CannotConnectNowError",
    "asyncpg:InvalidCatalogNameError",
)


def _said(error: Exception) -> str | None:
    """The line for a mistake of a person or a machine; None for a bug, which deserves its traceback."""
    if any(_is(error, known) for known in ONE_LINE):
        return str(error)
    if any(_is(error, known) for known in NOT_RUNNING):
        from deploy import platform

        return f"the platform of {platform.home()} is not running: start it with 'make run'"
    if _is(error, "sqlalchemy.exc:DBAPIError") or _is(error, "asyncpg:PostgresError"):
        return f"the database refused: {str(getattr(error, 'orig', error)).splitlines()[0]}"
    if _is(error, "shared.errors:Problem"):
        detail: dict[str, str] = getattr(error, "detail", {})
        return detail.get("en") or str(error)
    return None


def _is(error: Exception, known: str) -> bool:
    """Without importing anything: what was raised was loaded."""
    module, _, name = known.partition(":")
    return module in sys.modules and isinstance(error, getattr(sys.modules[module], name))


def recall() -> dict[str, str]:
    """The environment of the platform that runs here. Raises Refused when there never was one."""
    from deploy import platform

    variables = platform.recall()
    if not any(name.endswith("_DATABASE_URL") for name in variables):
        raise Refused(
            f"no platform was ever started in {platform.home()}: 'make run', set JAMAA_HOME, or give the"
            " services' environment"
        )
    return variables
