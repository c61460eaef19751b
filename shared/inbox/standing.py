"""How a service's consumers stand, measured now and then, so that a scrape asks no database."""

import asyncio
from collections.abc import Sequence
from typing import Final

from prometheus_client import Gauge
from sqlalchemy import text

from shared.db import Database

EVERY: Final = 5.0  # seconds
STANDING: Final = text("""
    SELECT c.consumer, held.*, aside.*, gap.*, letter.* FROM unnest(CAST(:consumers AS text[])) c (consumer)
      CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'blocked') AS blocked,
        count(*) FILTER (WHERE state = 'dead') AS dead FROM msg.inbox_head h
        WHERE h.consumer = c.consumer AND state <> 'open') held
      CROSS JOIN LATERAL (SELECT count(*) AS parked FROM msg.inbox_parked p
        WHERE p.consumer = c.consumer) aside
      CROSS JOIN LATERAL (SELECT count(*) AS gaps,
        coalesce(extract(epoch FROM clock_timestamp() - min(since)), 0) AS oldest_gap
        FROM (SELECT min(parked_at) AS since FROM msg.inbox_parked JOIN msg.inbox_head h
            USING (consumer, source, aggregatetype, aggregateid)
          WHERE consumer = c.consumer AND h.state = 'open'
          GROUP BY source, aggregatetype, aggregateid, last_seq HAVING min(seq) > last_seq + 1) g) gap
      CROSS JOIN LATERAL (SELECT count(*) AS letters FROM msg.dead_letter d
        WHERE d.consumer = c.consumer AND resolved_at IS NULL) letter""")
GAUGES: Final = {
    name: Gauge(f"jamaa_inbox_{metric}", what, ["service", "consumer"])
    for name, metric, what in (
        ("blocked", "blocked_aggregates", "Aggregates held now by an event that will be tried again"),
        ("dead", "dead_aggregates", "Aggregates held now until somebody redrives or skips"),
        ("parked", "parked_events", "Events put aside now"),
        ("gaps", "gaps", "Open aggregates whose next event is missing while a later one is here"),
        ("oldest_gap", "oldest_gap_seconds", "How long the oldest of these gaps has been known"),
        ("letters", "dead_letters_unresolved", "Records that are no event, about which nobody did anything"),
    )
}


async def measure(service: str, consumers: Sequence[str], database: Database) -> None:
    for row in await database.look(STANDING, {"consumers": list(consumers)}):
        for name, gauge in GAUGES.items():
            gauge.labels(service, row.consumer).set(getattr(row, name))


async def watch(service: str, consumers: Sequence[str], database: Database) -> None:
    """Runs until cancelled."""
    while True:
        await measure(service, consumers, database)
        await asyncio.sleep(EVERY)
