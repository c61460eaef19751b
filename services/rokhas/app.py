"""The wiring of `rokhas`."""

from pathlib import Path
from typing import Final

from services.rokhas.api import router
from services.rokhas.consumers import CONSUMERS, TASKS
from services.rokhas.events import DELEGATION, DOSSIER
from shared.access import access_stream
from shared.documents import document_stream
from shared.service import Service

SERVICE: Final = Service(
    name="rokhas",
    title={"ar": "الرخص", "fr": "Autorisations", "en": "Permits"},
    router=router,
    streams=(DOSSIER, DELEGATION, access_stream("rokhas"), document_stream("rokhas")),
    migrations=Path(__file__).parent / "migrations",
    consumers=CONSUMERS,
    tasks=TASKS,
)
