"""A permit is submitted with everything on: token, authorisation, row-level security, validation, idempotency
key, numbering, event, outbox. The floor is an endpoint that only does two INSERTs.

`CITIZENS` people submit in turn, each with a token of their own. The warm-up has met most of them, as whoever
submits has drafted and uploaded with the same token before: ours remembers it, the peers verify it again.
"""

import statistics
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from bench import files, obtain
from bench.harness import (
    ROOT,
    Load,
    Options,
    Peers,
    Result,
    Server,
    Workshop,
    interleaved,
    load,
    medians,
    others,
    python,
    serving,
    workshop,
)
from services.rokhas.app import SERVICE
from shared.db import POOL_SIZE
from shared.migrate import MIGRATOR, database_of, roles
from shared.service import Service

CONNECTIONS: Final = 16
SECONDS: Final = 4.0
CITIZENS: Final = 1000
WARM_UP: Final = 6.0  # the JVM compiles meanwhile
EACH: Final = 100_000  # drafts for each contestant that submits one

FLOOR_IS: Final = "FastAPI + asyncpg, two INSERTs in one transaction"
FLOOR_TABLES: Final = """
CREATE SCHEMA bench;
CREATE TABLE bench.filing (id uuid PRIMARY KEY, procedure text NOT NULL, collectivity text NOT NULL,
  state text NOT NULL, body jsonb NOT NULL);
CREATE TABLE bench.event (pos bigserial PRIMARY KEY, filing uuid NOT NULL, type text NOT NULL,
  payload bytea NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp());
GRANT USAGE ON SCHEMA bench TO {role};
GRANT INSERT ON bench.filing, bench.event TO {role};
GRANT USAGE ON SEQUENCE bench.event_pos_seq TO {role};
"""


async def drafts(shop: Workshop, amount: int) -> None:
    """Complete drafts of `repair`, one for each request: number n belongs to citizen n % CITIZENS and lies in
    commune n % 1,503.
    """
    row = await files.template(shop)
    await files.copies(
        shop,
        row,
        amount,
        {"collectivity": files.COMMUNE, "applicant": f"'citizen' || n % {CITIZENS}"},
    )
    await shop.execute(
        SERVICE.name,
        "INSERT INTO msg.aggregate_head SELECT 'dossier', bench_id(n)::text, "
        f"{row['version']} FROM generate_series(0, {amount - 1}) n",
        "VACUUM (ANALYZE) msg.aggregate_head",
    )


@dataclass(slots=True)
class Contestant:
    """`numbers` are its own: each request is about another file."""

    server: Server
    shop: Workshop
    path: str
    body: str
    expect: int
    tokens: list[str]
    first: int
    seen: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def measure(self, seconds: float = SECONDS) -> float:
        before = self.server.cpu
        spec = {
            "port": self.server.port,
            "path": self.path,
            "body": self.body,
            "tokens": self.tokens,
            "first": self.first,
            "seconds": seconds,
            "connections": CONNECTIONS,
        }
        seen = await load(spec, expect=self.expect)
        self.first += seen.answered + CONNECTIONS
        self.seen.append(seen)
        self.cpu.append((self.server.cpu - before) / seen.answered)
        return seen.rate


def server(shop: Workshop, kind: str, service: Service = SERVICE) -> AbstractAsyncContextManager[Server]:
    """One of `bench/servers.py` on the service's database."""
    environment = shop.environment(0) | {
        "PYTHONPATH": str(ROOT),
        "BENCH_DSN": shop.postgres.dsn(database_of(service.name), roles(service.name)[0]),
    }
    return serving(shop, kind, python("bench.servers", kind, service.name, "{port}"), environment)


async def drf(shop: Workshop) -> AbstractAsyncContextManager[Server]:
    """Django REST Framework under gunicorn: one process, a thread for each connection. Raises NotObtained."""
    interpreter = await obtain.environment("drf")
    argv: list[str | Path] = [
        interpreter,
        "-m",
        "gunicorn",
        "--worker-class=gthread",
        f"--threads={CONNECTIONS}",
    ]
    argv += ["--workers=1", "--keep-alive=60", "--bind=127.0.0.1:{port}", "peer:application"]
    environment = {
        "PYTHONPATH": str(obtain.PEERS / "drf"),
        "BENCH_DSN": _owner(shop),
        "BENCH_JWKS": str(shop.home / "issuer" / "jwks.json"),
        "BENCH_ISSUER": shop.issuer.url,
    }
    return serving(shop, "drf", argv, environment)


async def spring(shop: Workshop) -> AbstractAsyncContextManager[Server]:
    """Spring Boot: one process, a connection pool as large as ours. Raises NotObtained."""
    program = await obtain.jar("spring")
    owner = urlsplit(_owner(shop))
    environment = {
        "SERVER_ADDRESS": "127.0.0.1",
        "SPRING_DATASOURCE_URL": f"jdbc:postgresql://{owner.hostname}:{owner.port}{owner.path}",
        "SPRING_DATASOURCE_USERNAME": owner.username or "",
        "SPRING_DATASOURCE_PASSWORD": unquote(owner.password or ""),
        "SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE": str(POOL_SIZE),
        "SERVER_TOMCAT_MAX_KEEP_ALIVE_REQUESTS": "-1",  # else it closes each connection after 100 answers
        "SPRING_MAIN_BANNER_MODE": "off",
        "BENCH_JWKS": str(shop.home / "issuer" / "jwks.json"),
        "BENCH_ISSUER": shop.issuer.url,
    }
    argv: list[str | Path] = ["java", "-jar", program, "--server.port={port}"]
    return serving(shop, "spring", argv, environment)


def _owner(shop: Workshop) -> str:
    """The tables' owner, whom row-level security spares: peers have none of their own."""
    return shop.postgres.dsn(database_of(SERVICE.name), MIGRATOR)


PEERS: Final = {"Django REST Framework": drf, "Spring Boot": spring}


async def floor(shop: Workshop, stack: AsyncExitStack, service: Service, tokens: list[str]) -> Contestant:
    """The two INSERTs, into tables of their own beside the service's."""
    await shop.execute(service.name, FLOOR_TABLES.format(role=roles(service.name)[0]))
    return Contestant(
        await stack.enter_async_context(server(shop, "floor", service)),
        shop,
        path="/filings",
        body='{"dossier": "{id}", "procedure": "repair", "collectivity": "06.141.01.0"}',
        expect=201,
        tokens=tokens,
        first=0,
    )


async def rates(contestants: dict[str, Contestant], rounds: int) -> dict[str, float]:
    """Medians of requests a second, once each is warm."""
    for contestant in contestants.values():
        await contestant.measure(WARM_UP)
        contestant.seen.clear()
        contestant.cpu.clear()
    return medians(await interleaved({n: c.measure for n, c in contestants.items()}, rounds=rounds))


def details(contestants: dict[str, Contestant]) -> dict[str, Any]:
    return {
        "connections": CONNECTIONS,
        "p50_ms": {n: statistics.median(s.p50 for s in c.seen) for n, c in contestants.items()},
        "p99_ms": {n: statistics.median(s.p99 for s in c.seen) for n, c in contestants.items()},
        "server_cpu_ms": {n: 1000 * statistics.median(c.cpu) for n, c in contestants.items()},
        "client_cpu_share": {
            n: statistics.median(s.cpu / s.seconds for s in c.seen) for n, c in contestants.items()
        },
    }


async def run(options: Options) -> list[Result]:
    missing: Peers = {}
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, SERVICE))
        await drafts(shop, EACH * (1 + len(PEERS)))
        tokens = [shop.issuer.token(f"citizen{number}") for number in range(CITIZENS)]
        contestants = {
            "ours": Contestant(
                await stack.enter_async_context(server(shop, "product")),
                shop,
                path="/rokhas/v1/dossiers/{id}/submission",
                body="{}",
                expect=200,
                tokens=tokens,
                first=0,
            ),
            "floor": await floor(shop, stack, SERVICE, tokens),
        }
        for place, (name, make) in enumerate(PEERS.items() if options.peers else (), start=1):
            try:
                at = await stack.enter_async_context(await make(shop))
            except (obtain.NotObtained, RuntimeError) as error:
                missing[name] = f"not run: {error}"
                continue
            path = "/dossiers/{id}/submission"
            contestants[name] = Contestant(
                at, shop, path=path, body="{}", expect=200, tokens=tokens, first=place * EACH
            )
        found = await rates(contestants, options.rounds)
    return [
        Result(
            name="accept",
            title="A permit is submitted, everything on",
            unit="requests/s",
            better="more",
            ours=found["ours"],
            floor=found["floor"],
            floor_is=FLOOR_IS,
            aim="1.0 of the floor; below 0.6 is a defect",
            peers=others(found) | missing,
            details=details(contestants),
        )
    ]
