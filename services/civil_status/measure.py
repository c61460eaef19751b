"""How far the paper registers are, and whether the window is answered: counted now and then, so that a scrape
asks nothing.
"""

import asyncio
from typing import Final

from prometheus_client import Gauge
from sqlalchemy import text

from services.civil_status.domain.digitisation.states import EntryState
from shared.db import Database
from shared.settings import Settings

EVERY: Final = 60.0  # seconds at least: reads a line of every volume
SHARE: Final = 20  # and a twentieth of the time at most

ACTS = Gauge(
    "jamaa_digitisation_acts", "Acts of paper registers that are in work or done, by state", ["state"]
)
EXPECTED = Gauge(
    "jamaa_digitisation_expected", "Acts of the volumes that were opened, as these say themselves"
)
PAGES = Gauge("jamaa_digitisation_pages", "Pages scanned")
OPEN = Gauge("jamaa_register_questions", "Questions of the window that are not answered yet")
OLDEST = Gauge(
    "jamaa_register_oldest_question_seconds", "How long ago the oldest of these was asked, legal time"
)

PROGRESS = text("SELECT * FROM civil_status.progress_of(NULL, false, NULL, 1)")
QUESTIONS = text("""
    SELECT count(*) AS questions, coalesce(extract(epoch FROM msg.legal_now() - min(asked_at)), 0) AS oldest
    FROM civil_status.asked WHERE sealed IS NOT NULL""")


async def measure(database: Database, _: Settings) -> None:
    """Runs until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await look(database)
        await asyncio.sleep(max(EVERY, SHARE * (loop.time() - began)))


async def look(database: Database) -> None:
    [asked] = await database.look(QUESTIONS)
    OPEN.set(asked.questions)
    OLDEST.set(asked.oldest)
    rows = await database.look(PROGRESS)  # none before the first volume
    for state in EntryState:
        ACTS.labels(state).set(sum(getattr(row, state) for row in rows))
    EXPECTED.set(sum(row.expected for row in rows))
    PAGES.set(sum(row.pages for row in rows))
