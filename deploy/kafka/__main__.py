"""``python -m deploy.kafka``: one node of Apache Kafka in the foreground, until Ctrl-C."""

import asyncio
import contextlib
import os
import signal
import sys

from deploy.engines import EngineError, EngineSettings
from deploy.kafka.node import KafkaCluster, single

DEFAULT_PORT = 9092


async def run() -> None:
    """Start it, print its address on standard output, and stop it at SIGINT or SIGTERM."""
    settings = EngineSettings.from_environment(os.environ)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    async with KafkaCluster(settings.home, single(settings.broker_port or DEFAULT_PORT)) as cluster:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        print(f"KAFKA_BOOTSTRAP={cluster.bootstrap}", flush=True)
        print("Apache Kafka is ready; Ctrl-C stops it.", file=sys.stderr, flush=True)
        asked = asyncio.create_task(stopped.wait())
        ended = asyncio.create_task(cluster.exited())
        await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if ended.done() and not stopped.is_set():
            raise EngineError(f"Apache Kafka ended by itself with status {ended.result()}: see its log")
        ended.cancel()


def main() -> int:
    """The exit status for the shell."""
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(run())
        except EngineError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
