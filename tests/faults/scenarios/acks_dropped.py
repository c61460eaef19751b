"""What is written arrives; that it arrived is never heard."""

import asyncio
from typing import Final

from tests.faults.proxy import Mode
from tests.faults.registry import CI, DEFAULT, Scenario, Trial


async def run(trial: Trial) -> None:
    cluster = trial.cluster
    before = trial.observer.counter("jamaa_inbox_duplicates_total")
    try:
        await cluster.again("rokhas", JAMAA_KAFKA_BOOTSTRAP=cluster.kafka.proxied)
        async with trial.fault("answers of the brokers to rokhas are swallowed"):
            cluster.kafka.wires(Mode.SWALLOW)
            await asyncio.sleep(cluster.seconds(20, least=8))
            for node in cluster.kafka.nodes:
                node.proxy.hang_up()
            cluster.kafka.wires(Mode.PASS)
        await asyncio.sleep(cluster.seconds(15, least=5))
        async with trial.fault("the wire between rokhas and the brokers is cut"):
            cluster.kafka.wires(Mode.CUT)
            for node in cluster.kafka.nodes:
                node.proxy.hang_up()
            await asyncio.sleep(cluster.seconds(15, least=5))
            cluster.kafka.wires(Mode.PASS)

        async def lost() -> int:
            await asyncio.sleep(0)
            return sum(node.proxy.swallowed for node in cluster.kafka.nodes)

        await trial.least("bytes of answers lost", lost, 1)

        async def sent() -> bool:
            return not await cluster.value("rokhas", "SELECT count(*) FROM msg.outbox_pending")

        trial.crowd.busy.clear()
        trial.figures["sending again after"] = round(
            await cluster.until("rokhas sends again", sent, within=120)
        )
    finally:
        cluster.kafka.wires(Mode.PASS)
        await cluster.again("rokhas")
    trial.figures["duplicates"] = trial.observer.counter("jamaa_inbox_duplicates_total") - before


SCENARIOS: Final = (
    Scenario(
        name="acks_dropped",
        number=4,
        what="acknowledgements lost between brokers and relay, then the wire cut",
        asks="the producer is rebuilt and all is sent within two minutes",
        run=run,
        sets=frozenset({DEFAULT, CI}),
    ),
)
