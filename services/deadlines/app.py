"""The wiring of `deadlines`."""

from pathlib import Path
from typing import Final

from services.deadlines.announce import announce, recount
from services.deadlines.api import router
from services.deadlines.consumers import CONSUMERS
from services.deadlines.events import CALENDAR_DAYS, CLOCKS
from services.deadlines.measure import measure
from shared.service import Service

SERVICE: Final = Service(
    name="deadlines",
    title={"ar": "الآجال القانونية", "fr": "Délais légaux", "en": "Legal deadlines"},
    router=router,
    streams=(CLOCKS, CALENDAR_DAYS),
    migrations=Path(__file__).parent / "migrations",
    consumers=CONSUMERS,
    tasks=(announce, recount, measure),
)
