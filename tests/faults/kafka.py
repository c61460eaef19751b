"""Three nodes of Apache Kafka: three copies of everything, two needed to acknowledge.

Each node has a second listener that is advertised behind a proxy of ours: whoever is given the `proxied`
addresses talks to the cluster through wires that can be cut.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.engines import free_port
from deploy.engines.process import LOOPBACK
from deploy.kafka import Address, KafkaNode
from tests.faults.proxy import Mode, Proxy

NODES = 3
HEAP = "320m"


class Node(KafkaNode):
    def __init__(self, home: Path, me: Address, cluster: Sequence[Address]) -> None:
        super().__init__(home, me, cluster, heap=HEAP)
        self.number = me.node
        self.place = self._place
        self.proxy = Proxy(target=free_port(), port=free_port())

    def _properties(self) -> str:
        changed = []
        for line in super()._properties().splitlines():
            name, _, value = line.partition("=")
            match name:
                case "listeners":
                    value += f",WIRE://{LOOPBACK}:{self.proxy.target}"
                case "advertised.listeners":
                    value += f",WIRE://{LOOPBACK}:{self.proxy.port}"
                case "listener.security.protocol.map":
                    value += ",WIRE:PLAINTEXT"
            changed.append(f"{name}={value}")
        changed += ["broker.session.timeout.ms=6000", "replica.lag.time.max.ms=10000"]
        return "\n".join(changed) + "\n"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    async def kill(self) -> None:
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            await self.exited()

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


class Brokers:
    """The cluster; satisfies the launcher's protocol of a broker."""

    def __init__(self, home: Path, nodes: int = NODES) -> None:
        cluster = [
            Address(node=n, port=free_port(), controller_port=free_port()) for n in range(1, nodes + 1)
        ]
        self.nodes = [Node(home, address, cluster) for address in cluster]
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)
        self.proxied = ",".join(f"{LOOPBACK}:{node.proxy.port}" for node in self.nodes)
        self.notes: list[str] = []

    @property
    def epoch(self) -> int:
        return 1

    async def start(self) -> None:
        for node in self.nodes:
            await node.proxy.start()
        await self.restart()

    async def restart(self) -> None:
        """Starts the nodes that do not run and returns once all answer."""
        missing = [node for node in self.nodes if not node.running]
        for node in missing:  # all before waiting: a quorum needs a majority
            await node.launch()
        for node in missing:
            await node.ready()

    async def kill(self) -> None:
        """All at once, with -9."""
        await asyncio.gather(*(node.kill() for node in self.nodes))

    async def stop(self) -> None:
        await asyncio.gather(*(node.proxy.stop() for node in self.nodes))
        # Their order of leaving does not matter any more: nobody will read what they hold.
        await self.kill()
        await asyncio.gather(*(node.stop() for node in self.nodes))

    async def exited(self) -> int:
        await asyncio.Event().wait()
        raise AssertionError

    def wires(self, mode: Mode) -> None:
        for node in self.nodes:
            node.proxy.mode = mode

    async def places(self, topics: Sequence[str]) -> list[TopicPartition]:
        """Every partition of the topics."""
        return [
            TopicPartition(d["topic"], p["partition"])
            for d in await self._described(topics)
            for p in d["partitions"]
        ]

    async def _described(self, topics: Sequence[str]) -> list[dict[str, Any]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            described: list[dict[str, Any]] = await admin.describe_topics(list(topics))
        finally:
            await admin.close()
        return described

    async def leader(self, topic: str) -> Node:
        """The node that leads most partitions of the topic."""
        (described,) = await self._described([topic])
        leads = Counter(partition["leader"] for partition in described["partitions"])
        number = leads.most_common(1)[0][0]
        return next(node for node in self.nodes if node.number == number)
