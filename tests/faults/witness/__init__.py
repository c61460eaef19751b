"""A service of the tests: it reads every topic and leaves a trace of each event it applies.

The kernel's own reader runs it, in a process of its own. The trace is written in the transaction that moves
the head, so it tells what was applied, in which order and how often: A4 asks for each event exactly once.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import text

from deploy.registry import SERVICES
from shared.db import Tx
from shared.events import Envelope
from shared.http import Router
from shared.service import Consumer, Service

NAME: Final = "witness"
CONSUMER: Final = "witness.all"

_TRACE: Final = """
    INSERT INTO witness.trace (source, aggregate, subject, seq, event)
    VALUES (:source, :aggregate, :subject, :seq, :event)
    RETURNING EXISTS (SELECT FROM witness.poison p WHERE p.subject = trace.subject)"""
UNCOUNTED = text(_TRACE)
TRACE = text(f"""
    WITH counted AS (
      INSERT INTO witness.total AS t VALUES (:source, :aggregate, :subject, 1)
      ON CONFLICT (source, aggregate, subject) DO UPDATE SET events = t.events + 1)
    {_TRACE}""")
"""One statement: of a hundred thousand events at one midnight the witness hears each."""


class Bug(Exception):
    """What a handler with a bug raises, after half its work."""


async def trace(tx: Tx, envelope: Envelope) -> None:
    """Raises `Bug` for the subjects that a scenario has declared poison."""
    told = {
        "source": envelope.source,
        "aggregate": envelope.aggregate,
        "subject": envelope.subject,
        "seq": envelope.sequence,
        "event": envelope.id,
    }
    if (await tx.execute(TRACE, told)).scalar_one():
        raise Bug(envelope.subject)


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
        ),
    ),
)
