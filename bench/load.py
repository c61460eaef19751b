"""The client: as many requests at once as connections, in a process of its own, cheap enough not to be the
limit (it says what it cost). Reads a specification on standard input, writes what it saw as JSON.

`path` and `body` may hold `{id}`, a UUID made of the request's number, so that client and database agree on
what exists without exchanging lists.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any, cast

import httptools
import uvloop


def identifier(number: int) -> str:
    """The same as `bench_id(number)` in SQL: see accept.py."""
    return f"00000000-0000-8000-8000-{number:012x}"


def requests(spec: dict[str, Any]) -> Iterator[bytes]:
    tokens: list[str] = spec["tokens"]
    method = spec.get("method", "POST")
    for number in count(spec["first"]):
        body = spec.get("body", "").replace("{id}", identifier(number))
        yield (
            f"{method} {spec['path'].replace('{id}', identifier(number))} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{spec['port']}\r\n"
            f"Authorization: Bearer {tokens[number % len(tokens)]}\r\n"
            + (
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                f"Idempotency-Key: {identifier(number)}\r\n"
                if method == "POST"
                else ""
            )
            + f"\r\n{body}"
        ).encode()


class Connection(asyncio.Protocol):
    """One request at a time; the next leaves when the answer is complete."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.over: asyncio.Future[None] = run.loop.create_future()
        self.answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass
        self.parser = httptools.HttpResponseParser(self)
        self._send()

    def _send(self) -> None:
        self.sample = b""
        self.sent = time.perf_counter()
        self.transport.write(next(self.run.requests))

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if not self.sample:
            self.sample = body[:400]

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        status = self.parser.get_status_code()
        self.answers += 1
        if now < self.run.until:
            self.run.statuses[status] += 1
            self.run.latencies.append(now - self.sent)
            if status >= 400 or not self.run.sample:
                self.run.sample = self.sample.decode(errors="replace")
            if self.parser.should_keep_alive():
                self._send()
                return
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if time.perf_counter() < self.run.until:
            self.run.statuses[0] += 1
            self.run.sample = f"the server closed the connection after {self.answers} answers: {exc!r}"
        self.over.set_result(None)


class Run:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.requests = requests(spec)
        self.until = time.perf_counter() + spec["seconds"]
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.sample = ""


async def main(spec: dict[str, Any]) -> dict[str, Any]:
    run = Run(spec)
    connections = []
    for _ in range(spec["connections"]):
        _, connection = await run.loop.create_connection(lambda: Connection(run), "127.0.0.1", spec["port"])
        connections.append(connection)
    await asyncio.gather(*(connection.over for connection in connections))
    ordered = sorted(run.latencies) or [0.0]
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "answered": len(run.latencies),
        "seconds": spec["seconds"],
        "statuses": dict(run.statuses),
        "p50": 1000 * ordered[len(ordered) // 2],
        "p99": 1000 * ordered[int(len(ordered) * 0.99)],
        "cpu": used.ru_utime + used.ru_stime,
        "sample": run.sample,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(json.load(sys.stdin)))))
