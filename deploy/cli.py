"""`jamaa`: what whoever runs the platform types. Everything it changes leaves a trace."""

# ruff: noqa: PLC0415 -- loading the services takes seconds: a command loads what it needs, when it needs it

import asyncio
import os
import signal
from typing import Annotated

import typer

from deploy.command import Jamaa, command
from deploy.operator.cli import register

app = Jamaa(
    name="jamaa", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)

register(app)

Port = Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="where it answers")]


@app.command()
@command
async def run(
    port: Port = 8000,
    separate: Annotated[bool, typer.Option(help="one process per service, as in production")] = False,
) -> None:
    """Start the engines, migrate, and serve every service until Ctrl-C."""
    await _run(port, separate=separate)


@app.command()
@command
async def demo(port: Port = 8000) -> int:
    """Play the story of the administration's silence on the platform that runs, or on one that it starts."""
    from deploy.demo import demo as demo_
    from deploy.engines import EngineSettings

    return await demo_(EngineSettings.from_environment(), port)


@app.command()
@command
async def kafka(port: Port = 8000) -> None:
    """The same on real Apache Kafka, one process per service, until Ctrl-C."""
    await _run(port, separate=True, real_kafka=True)


async def _run(port: int, *, separate: bool, real_kafka: bool = False) -> None:
    from deploy.engines import EngineSettings, require_free
    from deploy.engines.errors import explained

    require_free(port, "Jamaa", "PORT")  # before all that takes time
    settings = EngineSettings.from_environment()
    with explained(settings.home):
        settings.home.mkdir(parents=True, exist_ok=True)
    from deploy.run import run as run_

    await run_(settings, port, separate=separate, real_kafka=real_kafka)


@app.command()
@command
async def serve(
    service: Annotated[str, typer.Argument(help="the service's name")],
    port: Port = 8000,
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
) -> None:
    """Serve one service, told everything by the environment: production's entry point."""
    from deploy import registry
    from deploy.serve import serve as serve_
    from shared import log
    from shared.settings import settings_for

    chosen = registry.service(service)
    log.configure(level=settings_for(service).log_level)
    async with serve_([chosen], os.environ, port=port, host=host):
        await _told_to_stop()


@app.command()
@command
async def auditor(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="where its /metrics are; without it nowhere")
    ] = None,
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
) -> None:
    """Compare the heads of producers and consumers for ever: once per installation, beside the services."""
    from prometheus_client import start_http_server

    from deploy.auditor import auditor as auditor_
    from shared import log

    log.configure()
    async with auditor_(os.environ) as watch:
        if port is not None:
            start_http_server(port, host)
        looking = asyncio.create_task(watch.run())
        await _told_to_stop()
        looking.cancel()


@app.command()
@command
async def provision() -> None:
    """Make the roles and databases that the services' DSNs name, as the administrator of DATABASE_URL.

    Passwords are those of the DSNs, written again each time: a changed secret takes effect.
    """
    from deploy.command import Refused
    from deploy.provision import provision_all

    administrator = os.environ.get("DATABASE_URL")
    if not administrator:
        raise Refused("DATABASE_URL is not set: give the DSN of a role that may create databases and roles")
    for line in await provision_all(administrator, os.environ):
        print(line)


@app.command()
@command
async def migrate(
    services: Annotated[list[str] | None, typer.Argument(help="all, unless named")] = None,
) -> None:
    """Bring the databases to their newest version, as their owner (JAMAA_<SERVICE>_MIGRATOR_DATABASE_URL)."""
    from deploy import registry
    from shared.migrate import migrate as migrate_
    from shared.settings import migrator_settings_for

    chosen = [registry.service(name) for name in services] if services else registry.SERVICES
    owners = {service.name: migrator_settings_for(service.name) for service in chosen}
    for service in chosen:
        owner = owners[service.name]
        dsn = owner.migrator_database_url.get_secret_value()
        await migrate_(dsn, service.name, service.migrations, development=owner.development)
        print(f"{service.name}: newest version")


@app.command()
@command
async def contracts(
    check: Annotated[
        bool, typer.Option("--check", help="write nothing; refuse what is stale or breaks")
    ] = False,
    base: Annotated[str | None, typer.Option(help="with --check: a git revision to honour as well")] = None,
) -> None:
    """Write what follows from the services: the contracts of all events, and what compose, chart, proxy and
    pages say of each service.
    """
    from deploy import contracts as contracts_
    from deploy import derived

    if check:
        contracts_.check(base=base)
        derived.check()
        print(f"{len(contracts_.generated())} contracts and {len(derived.derived())} derived files hold")
        return
    for name in [*(f"contracts/{name}" for name in contracts_.write()), *derived.write()]:
        print(f"written: {name}")


async def _told_to_stop() -> None:
    """Until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
