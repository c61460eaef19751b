"""What waits at the window, for those who run the platform: counted now and then, by indexes alone, so that a
scrape asks nothing. By name only the offices where most waits: thousands would be as many series.
"""

import asyncio
from typing import Final

from prometheus_client import Gauge
from sqlalchemy import text

from shared.db import Database
from shared.settings import Settings

EVERY: Final = 15.0  # seconds
MOST_OFFICES: Final = 10

WAITING = Gauge("jamaa_window_waiting", "Requests that wait for an officer, or at a closed office", ["state"])
MOST_WAITING = Gauge(
    "jamaa_window_most_waiting", f"The same for the {MOST_OFFICES} offices where most waits", ["office"]
)
QUESTIONS = Gauge("jamaa_window_questions", "Requests whose act is looked for in the register")
OLDEST = Gauge("jamaa_window_oldest_question_seconds", "How long the oldest of these has been looked for")
WITHDRAWN = Gauge(
    "jamaa_window_withdrawn_documents",
    "Sealed documents that no longer hold, by what became of them",
    ["state"],
)

WAITS = text("""
    SELECT office, state, count(*) AS requests FROM watiqa.request
    WHERE state IN ('under_control', 'office_closed') GROUP BY office, state""")
# A request's last event is what its search began with: that it is to be asked about, or that it was.
SEARCHES = text("""
    WITH q AS (
      SELECT id, version FROM watiqa.request WHERE due = 'ask'
      UNION
      SELECT r.id, r.version FROM watiqa.reply_key k JOIN watiqa.request r ON r.id = k.request
        WHERE k.destroyed_at IS NULL AND r.state = 'matching')
    SELECT count(*) AS questions,
      coalesce(extract(epoch FROM clock_timestamp() - min(e.recorded_at)), 0) AS oldest
    FROM q JOIN msg.event_log e
      ON e.aggregatetype = 'request' AND e.aggregateid = q.id::text AND e.seq = q.version""")
GONE = text("""
    SELECT state, count(*) AS documents FROM msg.document
    WHERE state IN ('superseded', 'revoked') AND sha256 IS NOT NULL GROUP BY state""")


async def measure(database: Database, _: Settings) -> None:
    """Runs until cancelled."""
    while True:
        await look(database)
        await asyncio.sleep(EVERY)


async def look(database: Database) -> None:
    offices: dict[str, int] = {}
    states = dict.fromkeys(("under_control", "office_closed"), 0)
    for row in await database.look(WAITS):
        offices[row.office] = offices.get(row.office, 0) + row.requests
        states[row.state] += row.requests
    for state, requests in states.items():
        WAITING.labels(state).set(requests)
    MOST_WAITING.clear()
    for office, requests in sorted(offices.items(), key=lambda one: (-one[1], one[0]))[:MOST_OFFICES]:
        MOST_WAITING.labels(office).set(requests)
    [searches] = await database.look(SEARCHES)
    QUESTIONS.set(searches.questions)
    OLDEST.set(searches.oldest)
    withdrawn = dict.fromkeys(("superseded", "revoked"), 0)
    withdrawn |= {row.state: row.documents for row in await database.look(GONE)}
    for state, documents in withdrawn.items():
        WITHDRAWN.labels(state).set(documents)
