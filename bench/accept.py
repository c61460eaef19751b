"""A permit is submitted with everything on: token, authorisation, row-level security, validation, idempotency
key, numbering, event, outbox. The floor is an endpoint that only does two INSERTs.
"""

import statistics
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import UUID

import asyncpg

from bench import obtain
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
    python,
    serving,
    workshop,
)
from services.rokhas.app import SERVICE
from services.rokhas.domain import Dossier
from services.rokhas.store.dossiers import COLUMNS, procedures, to_row
from shared.auth import Actor, Role
from shared.db import POOL_SIZE
from shared.migrate import MIGRATOR, database_of, roles
from shared.territory import territory
from shared.time import civil_day

CONNECTIONS: Final = 16
SECONDS: Final = 4.0
CITIZENS: Final = 1000
WARM_UP: Final = 6.0  # the JVM compiles meanwhile
EACH: Final = 100_000  # drafts for each contestant that submits one

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
IDENTIFIER: Final = """
CREATE FUNCTION bench_id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT ('00000000-0000-8000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$
"""


def communes() -> list[str]:
    return sorted(one.code for one in territory() if one.kind == "commune")


def citizen(number: int) -> str:
    return f"citizen{number}"


async def drafts(shop: Workshop, amount: int) -> None:
    """Complete drafts of `repair`, one for each request: number n belongs to citizen n % CITIZENS and lies in
    commune n % 1,503. The first is made by the domain, the others are its copies.
    """
    connection = await asyncpg.connect(shop.postgres.dsn(database_of(SERVICE.name)))
    try:
        now = await connection.fetchval("SELECT clock_timestamp()")
        owner = Actor(subject=citizen(0), roles=frozenset({Role.CITIZEN}))
        dossier, _ = Dossier.draft(
            UUID(int=0),
            procedure=procedures().at("repair", civil_day(now)),
            collectivity=communes()[0],
            by=owner,
            now=now,
            site="TF 12345/C",
        )
        for document in dossier.procedure.required:
            dossier.attach(document, "0" * 64, by=owner, now=now)
        row = to_row(dossier)
        fixed = [name for name in COLUMNS if name not in {"id", "collectivity", "applicant"}]
        await connection.execute(IDENTIFIER)
        await connection.execute(
            f"INSERT INTO rokhas.dossier (id, collectivity, applicant, {', '.join(fixed)})"
            " SELECT bench_id(n), ($1::text[])[1 + n % cardinality($1)], 'citizen' || n % $2::int,"
            + ", ".join(f"${place}" for place in range(4, len(fixed) + 4))
            + " FROM generate_series(0, $3::int - 1) n",
            communes(),
            CITIZENS,
            amount,
            *(row[name] for name in fixed),
        )
        await connection.execute(
            "INSERT INTO msg.aggregate_head SELECT 'dossier', bench_id(n)::text, $2"
            " FROM generate_series(0, $1::int - 1) n",
            amount,
            dossier.version,
        )
        await connection.execute("VACUUM (ANALYZE) rokhas.dossier, msg.aggregate_head")
    finally:
        await connection.close()


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


def server(shop: Workshop, kind: str) -> AbstractAsyncContextManager[Server]:
    """One of `bench/servers.py` on the service's database."""
    environment = shop.environment(0) | {
        "PYTHONPATH": str(ROOT),
        "BENCH_DSN": shop.postgres.dsn(database_of(SERVICE.name), roles(SERVICE.name)[0]),
    }
    return serving(shop, kind, python("bench.servers", kind, SERVICE.name, "{port}"), environment)


async def drf(shop: Workshop) -> AbstractAsyncContextManager[Server]:
    """Django REST Framework under gunicorn: one process, a thread for each connection. Raises NotObtained."""
    interpreter = await obtain.environment("drf")
    program = [interpreter, "-m", "gunicorn", "--worker-class=gthread", f"--threads={CONNECTIONS}"]
    options = ["--workers=1", "--keep-alive=60", "--bind=127.0.0.1:{port}", "peer:application"]
    environment = {
        "PYTHONPATH": str(obtain.PEERS / "drf"),
        "BENCH_DSN": _owner(shop),
        "BENCH_JWKS": str(shop.home / "issuer" / "jwks.json"),
        "BENCH_ISSUER": shop.issuer.url,
    }
    return serving(shop, "drf", [*program, *options], environment)


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


async def run(options: Options) -> list[Result]:
    missing: Peers = {}
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(options, SERVICE))
        await shop.execute(SERVICE.name, FLOOR_TABLES.format(role=roles(SERVICE.name)[0]))
        await drafts(shop, EACH * (1 + len(PEERS)))
        tokens = [shop.issuer.token(citizen(number)) for number in range(CITIZENS)]
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
            "floor": Contestant(
                await stack.enter_async_context(server(shop, "floor")),
                shop,
                path="/filings",
                body='{"dossier": "{id}", "procedure": "repair", "collectivity": "06.141.01.0"}',
                expect=201,
                tokens=tokens,
                first=0,
            ),
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
        for contestant in contestants.values():
            await contestant.measure(WARM_UP)
            contestant.seen.clear()
            contestant.cpu.clear()
        found = medians(
            await interleaved({n: c.measure for n, c in contestants.items()}, rounds=options.rounds)
        )
    return [
        Result(
            name="accept",
            title="A permit is submitted, everything on",
            unit="requests/s",
            better="more",
            ours=found["ours"],
            floor=found["floor"],
            floor_is="FastAPI + asyncpg, two INSERTs in one transaction",
            aim="1.0 of the floor; below 0.6 is a defect",
            peers={name: rate for name, rate in found.items() if name not in {"ours", "floor"}} | missing,
            details={
                "connections": CONNECTIONS,
                "p50_ms": {n: statistics.median(s.p50 for s in c.seen) for n, c in contestants.items()},
                "p99_ms": {n: statistics.median(s.p99 for s in c.seen) for n, c in contestants.items()},
                "server_cpu_ms": {n: 1000 * statistics.median(c.cpu) for n, c in contestants.items()},
                "client_cpu_share": {
                    n: statistics.median(s.cpu / s.seconds for s in c.seen) for n, c in contestants.items()
                },
            },
        )
    ]
