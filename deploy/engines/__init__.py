"""The two engines Jamaa runs on: a PostgreSQL and a Kafka-protocol broker, embedded or external."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.engines.broker import Broker, EmbeddedBroker, ExternalBroker
from deploy.engines.errors import EngineError
from deploy.engines.postgres import EmbeddedPostgres, ExternalPostgres, Postgres, installed_programs
from deploy.engines.process import free_port, require_free

__all__ = [
    "Broker",
    "EmbeddedBroker",
    "EmbeddedPostgres",
    "EngineError",
    "EngineSettings",
    "Engines",
    "ExternalBroker",
    "ExternalPostgres",
    "Postgres",
    "engines",
    "free_port",
    "installed_programs",
    "require_free",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Where the engines are, or where to make them."""

    home: Path
    """The data directory."""
    database_url: str | None = None
    """The DSN of an administrator of a PostgreSQL that runs; None starts the embedded one."""
    kafka_bootstrap: str | None = None
    """``host:port`` of a Kafka that runs; None starts the embedded broker."""
    postgres_port: int | None = None
    broker_port: int | None = None
    durable: bool = True
    """False trades safety against a crash of the machine for speed: tests only."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, *, durable: bool = True) -> Self:
        """Reads JAMAA_HOME (default ``.jamaa``), DATABASE_URL, KAFKA_BOOTSTRAP, JAMAA_POSTGRES_PORT and
        JAMAA_KAFKA_PORT; raises :class:`EngineError` for a port that is none.
        """
        return cls(
            home=Path(environment.get("JAMAA_HOME") or ".jamaa").resolve(),
            database_url=environment.get("DATABASE_URL") or None,
            kafka_bootstrap=environment.get("KAFKA_BOOTSTRAP") or None,
            postgres_port=_port(environment, "JAMAA_POSTGRES_PORT"),
            broker_port=_port(environment, "JAMAA_KAFKA_PORT"),
            durable=durable,
        )


def _port(environment: Mapping[str, str], name: str) -> int | None:
    if not (text := environment.get(name)):
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise EngineError(f"{name}={text} is no port: set a number from 1 to 65535, or unset it")
    return int(text)


class Engines:
    """Both engines, started in order and stopped in the reverse order."""

    def __init__(self, postgres: Postgres, broker: Broker) -> None:
        self.postgres = postgres
        self.broker = broker

    async def start(self) -> None:
        """Start both or neither; raises :class:`EngineError`."""
        await self.postgres.start()
        try:
            await self.broker.start()
        except BaseException:
            await self.postgres.stop()
            raise

    async def stop(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.postgres.stop)
            stack.push_async_callback(self.broker.stop)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def engines(settings: EngineSettings) -> Engines:
    """The engines that ``settings`` ask for, not yet started."""
    return Engines(
        ExternalPostgres(settings.database_url, settings.home)
        if settings.database_url
        else EmbeddedPostgres(settings.home, port=settings.postgres_port, durable=settings.durable),
        ExternalBroker(settings.kafka_bootstrap)
        if settings.kafka_bootstrap
        else EmbeddedBroker(settings.home, port=settings.broker_port),
    )
