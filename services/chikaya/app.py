"""The wiring of `chikaya`."""

from pathlib import Path
from typing import Final

from services.chikaya.api import router
from services.chikaya.consumers import CONSUMERS, TASKS
from services.chikaya.events import ADMINISTRATION, REPORT, SUBSCRIPTION, TEMPLATE, YEARLY_REPORT
from services.chikaya.measure import measure
from shared.access import access_stream
from shared.documents import document_stream
from shared.service import Service

SERVICE: Final = Service(
    name="chikaya",
    title={
        "ar": "شكاية",
        "fr": "Chikaya : réclamations, observations et suggestions",
        "en": "Chikaya: complaints, observations and suggestions",
    },
    router=router,
    streams=(
        *(REPORT, ADMINISTRATION, SUBSCRIPTION, TEMPLATE, YEARLY_REPORT),
        access_stream("chikaya"),
        document_stream("chikaya"),
    ),
    migrations=Path(__file__).parent / "migrations",
    consumers=CONSUMERS,
    tasks=(*TASKS, measure),
)
