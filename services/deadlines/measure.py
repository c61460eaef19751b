"""How urgent the law is, for those who run the platform: counted now and then, so that a scrape asks nothing.

By province, and by name only for the communes where most files are overdue: 1,503 communes would be as many
series of each metric.
"""

import asyncio
from typing import Final

from prometheus_client import Gauge
from sqlalchemy import text

from shared.db import Database
from shared.settings import Settings

EVERY: Final = 15.0  # seconds: what is due, found by its index alone
BACKLOG_EVERY: Final = 60.0  # seconds at least: reads every open clock
SHARE: Final = 20  # and a twentieth of the time at most
MOST_COMMUNES: Final = 10

SOON = Gauge("jamaa_clocks_due_soon", "Running periods of decision that end within two days of legal time")
UNANNOUNCED = Gauge("jamaa_clocks_unannounced", "Clocks that have something to announce and have not yet")
OLDEST = Gauge(
    "jamaa_clocks_oldest_unannounced_seconds",
    "How long the oldest of these has been due, those put aside apart",
)
ASIDE = Gauge("jamaa_clocks_put_aside", "Clocks of these whose announcement failed, to be tried again")
RUNNING = Gauge("jamaa_clocks_running", "Running periods of decision", ["province"])
OVERDUE = Gauge(
    "jamaa_clocks_overdue", "Periods of decision that ended unanswered and still are", ["province"]
)
MOST_OVERDUE = Gauge(
    "jamaa_clocks_most_overdue", f"The same for the {MOST_COMMUNES} communes that have most", ["commune"]
)

URGENCY = text("""
    WITH n AS MATERIALIZED (SELECT msg.legal_now() AS now)  -- else it is asked of every running clock
    SELECT (SELECT count(*) FROM deadlines.clock WHERE state = 'running' AND role = 'decision'
        AND answer_by > n.now AND answer_by <= n.now + interval '2 days') AS soon,
      d.due, d.aside, coalesce(extract(epoch FROM n.now - d.since), 0) AS oldest
    FROM n CROSS JOIN LATERAL (
      SELECT count(*) AS due, count(*) FILTER (WHERE failures > 0) AS aside,
        min(next_at) FILTER (WHERE failures = 0) AS since
      FROM deadlines.clock WHERE next_at <= n.now) d""")
BACKLOG = text("""
    SELECT collectivity, count(*) FILTER (WHERE state = 'running') AS running,
      count(*) FILTER (WHERE state = 'elapsed') AS overdue
    FROM deadlines.clock WHERE role = 'decision' AND state IN ('running', 'elapsed') GROUP BY collectivity""")


async def measure(database: Database, _: Settings) -> None:
    """Runs until cancelled."""
    loop = asyncio.get_running_loop()
    next_backlog = loop.time()
    while True:
        await urgency(database)
        if loop.time() >= next_backlog:
            began = loop.time()
            await backlog(database)
            next_backlog = loop.time() + max(BACKLOG_EVERY, SHARE * (loop.time() - began))
        await asyncio.sleep(EVERY)


async def urgency(database: Database) -> None:
    [row] = await database.look(URGENCY)
    SOON.set(row.soon)
    UNANNOUNCED.set(row.due)
    OLDEST.set(row.oldest)
    ASIDE.set(row.aside)


async def backlog(database: Database) -> None:
    rows = await database.look(BACKLOG)
    provinces: dict[str, tuple[int, int]] = {}
    for row in rows:
        running, overdue = provinces.get(row.collectivity[:6], (0, 0))
        provinces[row.collectivity[:6]] = running + row.running, overdue + row.overdue
    for gauge in (RUNNING, OVERDUE, MOST_OVERDUE):
        gauge.clear()
    for province, (running, overdue) in provinces.items():
        RUNNING.labels(province).set(running)
        OVERDUE.labels(province).set(overdue)
    for row in sorted(rows, key=lambda row: (-row.overdue, row.collectivity))[:MOST_COMMUNES]:
        if row.overdue:
            MOST_OVERDUE.labels(row.collectivity).set(row.overdue)
