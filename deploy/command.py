"""What every command of `jamaa` has in common: one line for a mistake, and the platform that it is about."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import asyncpg
import typer
import uvloop
from sqlalchemy.exc import DBAPIError
from typer._click import exceptions as click  # typer carries its own click

from deploy import platform
from deploy.engines import EngineError
from deploy.issuer import NotDevelopment, UnknownPersona
from deploy.registry import UnknownService
from shared.errors import Problem
from shared.settings import SettingsError

P = ParamSpec("P")


class Refused(Exception):
    """What was asked cannot be done. The message is one line: what, and what to do instead."""


MISTAKES = (EngineError, SettingsError, Refused, NotDevelopment, UnknownPersona, UnknownService)


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
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                status = runner.run(function(*args, **kwargs))
        except MISTAKES as error:
            fail(str(error))
        except Problem as error:
            fail(error.detail.get("en") or error.code)
        except (ConnectionRefusedError, asyncpg.CannotConnectNowError, asyncpg.InvalidCatalogNameError):
            fail(f"the platform of {platform.home()} is not running: start it with 'make run'")
        except (DBAPIError, asyncpg.PostgresError) as error:
            fail(f"the database refused: {str(getattr(error, 'orig', error)).splitlines()[0]}")
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `jamaa events tail | head`
        except KeyboardInterrupt:
            sys.exit(130)
        else:
            if status:
                raise typer.Exit(status)

    return run


def recall() -> dict[str, str]:
    """The environment of the platform that runs here. Raises Refused when there never was one."""
    variables = platform.recall()
    if not any(name.endswith("_DATABASE_URL") for name in variables):
        raise Refused(
            f"no platform was ever started in {platform.home()}: 'make run', set JAMAA_HOME, or give the"
            " services' environment"
        )
    return variables


def home() -> Path:
    return platform.home()
