"""A service of the tests: it reads every topic and leaves a trace of each event it applies.

The kernel's own reader runs it, in a process of its own. The trace is written in the transaction that moves
the head, so it tells what was applied, in which order and how often: A4 asks for each event exactly once.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text

from deploy.registry import SERVICES
from shared.db import Tx
from shared.events import Envelope
from shared.http import Router
from shared.service import Consumer, Handler, Service

NAME: Final = "witness"
CONSUMER: Final = "witness.all"

_TOLD: Final = """
    told AS (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]),
      CAST(:subjects AS text[]), CAST(:seqs AS bigint[]), CAST(:events AS uuid[]))
      WITH ORDINALITY AS t (source, aggregate, subject, seq, event, place))"""
_TRACE: Final = """
    traced AS (INSERT INTO witness.trace (source, aggregate, subject, seq, event)
      SELECT source, aggregate, subject, seq, event FROM told ORDER BY place)
    SELECT DISTINCT subject FROM told JOIN witness.poison USING (subject)"""
UNCOUNTED = text(f"WITH {_TOLD}, {_TRACE}")
TRACE = text(f"""
    WITH {_TOLD},
    counted AS (
      INSERT INTO witness.total AS t
      SELECT source, aggregate, subject, count(*) FROM told GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
      ON CONFLICT (source, aggregate, subject) DO UPDATE SET events = t.events + excluded.events),
    {_TRACE}""")
"""One statement for a batch: of a hundred thousand events at one midnight the witness hears each, and what it
takes is not what is tried.
"""


class Bug(Exception):
    """What a handler with a bug raises, after half its work."""


@asynccontextmanager
async def together(tx: Tx, envelopes: Sequence[Envelope]) -> AsyncIterator[Handler]:
    """Raises `Bug` for the subjects that a scenario has declared poison. `envelopes` are those of the batch;
    a trace is left of what was handed over.
    """
    del envelopes
    told: list[Envelope] = []

    async def one(_: Tx, envelope: Envelope) -> None:
        told.append(envelope)

    yield one
    columns = {
        "sources": [envelope.source for envelope in told],
        "aggregates": [envelope.aggregate for envelope in told],
        "subjects": [envelope.subject for envelope in told],
        "seqs": [envelope.sequence for envelope in told],
        "events": [envelope.id for envelope in told],
    }
    if poisoned := (await tx.execute(TRACE, columns)).scalars().all():
        raise Bug(", ".join(poisoned))


async def trace(tx: Tx, envelope: Envelope) -> None:
    async with together(tx, [envelope]) as handle:
        await handle(tx, envelope)


SERVICE: Final = Service(
    name=NAME,
    title={"ar": "الشاهد", "fr": "Témoin", "en": "Witness"},
    router=Router(),
    streams=(),
    migrations=Path(__file__).parent / "migrations",
    consumers=(
        Consumer(
            name=CONSUMER,
            topics=tuple(sorted(stream.topic for service in SERVICES for stream in service.streams)),
            handle=trace,
            together=together,
        ),
    ),
)
