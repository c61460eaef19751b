"""The wiring of `watiqa`."""

from pathlib import Path
from typing import Final

from services.watiqa.api import router
from services.watiqa.consumers import CONSUMERS, TASKS
from services.watiqa.events import OFFICE, REQUEST, SEARCH
from services.watiqa.measure import measure
from shared.access import access_stream
from shared.documents import document_stream
from shared.service import Service

SERVICE: Final = Service(
    name="watiqa",
    title={
        "ar": "وثيقة",
        "fr": "Watiqa : documents administratifs",
        "en": "Watiqa: administrative documents",
    },
    router=router,
    streams=(REQUEST, OFFICE, SEARCH, access_stream("watiqa"), document_stream("watiqa")),
    migrations=Path(__file__).parent / "migrations",
    consumers=CONSUMERS,
    tasks=(*TASKS, measure),
)
