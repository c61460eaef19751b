"""`jamaa`: what whoever runs the platform types. Everything it changes leaves a trace."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from deploy.engines import EngineError, EngineSettings
from shared.settings import SettingsError

P = ParamSpec("P")

app = typer.Typer(
    name="jamaa", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)


def command(function: Callable[P, Coroutine[Any, Any, int | None]]) -> Callable[P, None]:
    """An asynchronous command: a mistake of the person or of the machine is one line and exit status 1."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            status = asyncio.run(function(*args, **kwargs))
        except (EngineError, SettingsError, LookupError, ValueError) as error:
            typer.echo(f"jamaa: {error}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        if status:
            raise typer.Exit(status)

    return run


def home() -> Path:
    return Path(os.environ.get("JAMAA_HOME") or ".jamaa").resolve()


@app.command()
@command
async def run(
    port: Annotated[int, typer.Option(envvar="PORT", help="where the services answer")] = 8000,
    separate: Annotated[bool, typer.Option(help="one process per service, as in production")] = False,
) -> None:
    """Start the engines, migrate, and serve every service until Ctrl-C."""
    from deploy.run import run as run_  # noqa: PLC0415  # `jamaa --help` need not load the services

    await run_(EngineSettings.from_environment(), port, separate=separate)


def main() -> None:
    app()


if __name__ == "__main__":
    sys.exit(main())
