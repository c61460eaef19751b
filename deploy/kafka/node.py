"""Real Apache Kafka on this machine: one node, or several that form one cluster (KRaft, no ZooKeeper)."""

import asyncio
import base64
import signal
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from deploy.engines.broker import await_ready
from deploy.engines.errors import EngineError, explained
from deploy.engines.process import LOOPBACK, Child, Claim, free_port, last_line, require_free
from deploy.kafka.fetch import jars, java

_LOGGING: Final = Path(__file__).with_name("log4j2.properties")
_START_PATIENCE: Final = 120.0
_CLUSTERS: Final = uuid.UUID("6f1f3a3e-54a8-4a0e-9d8b-7d0a1c1e5b11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where one node listens on 127.0.0.1."""

    node: int
    port: int
    """For clients."""
    controller_port: int
    """For the metadata quorum."""


def single(port: int | None = None) -> tuple[Address, ...]:
    """One node, on ``port`` or a free one."""
    return (Address(node=1, port=port or free_port(), controller_port=free_port()),)


class KafkaNode:
    """One node: broker and controller in one Java process. It dies with this process; its data stays in
    ``home/kafka-<node>``.

    ``cluster`` lists every node, itself included. Ports may change from one start of the cluster to the
    next, the set of nodes may not.
    """

    def __init__(self, home: Path, me: Address, cluster: Sequence[Address], *, heap: str = "1g") -> None:
        self.home = home.resolve()
        self.bootstrap = f"{LOOPBACK}:{me.port}"
        self._me = me
        self._cluster = tuple(cluster)
        self._heap = heap
        self._place = self.home / f"kafka-{me.node}"
        self._claim = Claim(self.home, self._place.name)
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    def _running(self) -> Child:
        if self._child is None:
            raise EngineError(f"Kafka node {self._me.node} of {self.home} is not running: start it first")
        return self._child

    async def exited(self) -> int:
        """Wait until it ends by itself; its exit status, negative for a signal."""
        return await self._running().exited()

    async def launch(self) -> None:
        """Format its storage when new and start it, without waiting until it answers."""
        await self.stop()
        program, libraries = java(), jars()
        with explained(self.home):
            self.home.mkdir(parents=True, exist_ok=True)
            await self._claim.take()
            try:
                require_free(self._me.port, "Apache Kafka", "its port")
                require_free(self._me.controller_port, "Apache Kafka's controller", "its port")
                self._place.mkdir(exist_ok=True)
                configuration = self._place / "server.properties"
                configuration.write_text(self._properties())
                if not (self._place / "data" / "meta.properties").exists():
                    await self._format(program, libraries, configuration)
                self._child = self._java(
                    program, libraries, f"-Xmx{self._heap}", "kafka.Kafka", configuration
                )
            except BaseException:
                await self.stop()
                raise

    async def ready(self) -> None:
        """Return once it answers as a broker; raises :class:`EngineError` when it ended instead."""
        child = self._running()
        if not await await_ready(child, self.bootstrap, _START_PATIENCE):
            said = last_line(child.said())
            await self.stop()
            raise EngineError(
                f"Apache Kafka did not start on {self.bootstrap}: {said} (see {child.log});"
                f" if its data is damaged, delete {self._place} and start again"
            )

    async def stop(self) -> None:
        """End it in order: leadership is handed over, logs are flushed. Safe to repeat."""
        if self._child is not None:
            await self._child.stop((signal.SIGTERM, 30))
            self._child = None
        self._claim.release()

    async def _format(self, program: str, libraries: Path, configuration: Path) -> None:
        # Every node of one cluster carries the same id, on whatever ports it listens this time.
        members = ",".join(str(address.node) for address in self._cluster)
        cluster = base64.urlsafe_b64encode(uuid.uuid5(_CLUSTERS, members).bytes)
        child = self._java(
            program,
            libraries,
            "-Xmx256m",
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            f"--cluster-id={cluster.decode().rstrip('=')}",
            "--config",
            configuration,
        )
        try:
            status = await child.exited()
        finally:
            await child.stop()
        if status:
            raise EngineError(
                f"Apache Kafka could not format {self._place}: {last_line(child.said())} (see {child.log})"
            )

    def _java(self, program: str, libraries: Path, heap: str, *arguments: str | Path) -> Child:
        return Child(
            [
                program,
                heap,
                "-XX:+UseSerialGC",  # one small broker beside everything else on two cores
                "-XX:TieredStopAtLevel=1",  # starts in half the time; throughput is not what it is for
                f"-Dlog4j2.configurationFile={_LOGGING}",
                "-cp",
                f"{libraries}/*",
                *arguments,
            ],
            log=self.home / "log" / f"{self._place.name}.log",
            death_signal=signal.SIGTERM,
            inherit=[self._claim.inherited],
        )

    def _voters(self) -> str:
        return ",".join(f"{node.node}@{LOOPBACK}:{node.controller_port}" for node in self._cluster)

    def _properties(self) -> str:
        copies = min(3, len(self._cluster))
        properties = {
            "process.roles": "broker,controller",
            "node.id": self._me.node,
            "controller.quorum.voters": self._voters(),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{LOOPBACK}:{self._me.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self._place / "data",
            "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a topic
            "default.replication.factor": copies,
            "min.insync.replicas": max(1, copies - 1),
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": max(1, copies - 1),
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": max(1, copies - 1),
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
        }
        return "".join(f"{name}={value}\n" for name, value in properties.items())


class KafkaCluster:
    """Nodes that start and stop together; satisfies the same protocol as the embedded broker."""

    def __init__(self, home: Path, addresses: Sequence[Address], *, heap: str = "1g") -> None:
        self.nodes = tuple(KafkaNode(home, address, addresses, heap=heap) for address in addresses)
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)
        self.notes: list[str] = []

    @property
    def epoch(self) -> int:
        return 1  # durable: what it acknowledged is there after a restart

    async def start(self) -> None:
        """Start every node and return once each answers; raises :class:`EngineError`."""
        try:
            for node in self.nodes:  # all before waiting: a quorum needs a majority
                await node.launch()
            for node in self.nodes:
                await node.ready()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all at once: stopped in turn, the last one would wait for a quorum that is gone."""
        await asyncio.gather(*(node.stop() for node in self.nodes))

    async def exited(self) -> int:
        """Wait until the first node ends by itself; of a cluster, watch each node instead."""
        return await self.nodes[0].exited()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
