"""What waits in the offices, for those who run the platform: counted now and then among what is open, by an
index that holds nothing else, so that a scrape asks nothing. By name only the places where most is overdue:
thousands would be as many series.
"""

import asyncio
from typing import Final

from prometheus_client import Gauge
from sqlalchemy import text

from services.chikaya.domain.states import OPEN, State
from shared.db import Database
from shared.settings import Settings

EVERY: Final = 30.0  # seconds
MOST_PLACES: Final = 10

WAITING = Gauge("jamaa_reports_waiting", "Reports that are still to be answered, by state", ["state"])
OVERDUE = Gauge("jamaa_reports_overdue", "Reports whose reply is overdue: the governor sees them")
MOST_OVERDUE = Gauge(
    "jamaa_reports_most_overdue",
    f"The same for the {MOST_PLACES} collectivities where most is overdue",
    ["collectivity"],
)
OLDEST = Gauge(
    "jamaa_reports_oldest_untaken_seconds",
    "How long ago the oldest report was received that nobody has taken, legal time",
)

# The states are spelled as the index `report_queue` spells them, so that it serves.
WAITS = text("""
    SELECT collectivity, state, count(*) AS reports, count(escalated_at) AS overdue,
      extract(epoch FROM msg.legal_now() - min(received_at)) AS oldest
    FROM chikaya.report WHERE state NOT IN ('answered', 'closed', 'inadmissible', 'redirected')
    GROUP BY collectivity, state""")
UNTAKEN: Final = frozenset({State.ACKNOWLEDGED, State.COMPLETED})


async def measure(database: Database, _: Settings) -> None:
    """Runs until cancelled."""
    while True:
        await look(database)
        await asyncio.sleep(EVERY)


async def look(database: Database) -> None:
    waiting = dict.fromkeys(OPEN - {State.RECEIVED}, 0)
    overdue: dict[str, int] = {}
    oldest = 0.0
    for row in await database.look(WAITS):
        state = State(row.state)
        if state in waiting:
            waiting[state] += row.reports
            overdue[row.collectivity] = overdue.get(row.collectivity, 0) + row.overdue
        if state in UNTAKEN:
            oldest = max(oldest, float(row.oldest))
    for state, reports in waiting.items():
        WAITING.labels(state).set(reports)
    OVERDUE.set(sum(overdue.values()))
    OLDEST.set(oldest)
    MOST_OVERDUE.clear()
    for collectivity, reports in sorted(overdue.items(), key=lambda one: (-one[1], one[0]))[:MOST_PLACES]:
        if reports:
            MOST_OVERDUE.labels(collectivity).set(reports)
