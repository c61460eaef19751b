"""The wiring of `civil_status`."""

from pathlib import Path
from typing import Final

from services.civil_status.api import router
from services.civil_status.consumers import CONSUMERS, TASKS
from services.civil_status.events import (
    ACT,
    CONSENT,
    CORRECTION,
    DECLARATION,
    ENTRY,
    EXCHANGE,
    IMPORT,
    LOOKUP,
    MATCHING,
    SEALING_KEY,
    VOLUME,
)
from services.civil_status.measure import measure
from shared.access import access_stream
from shared.service import Service

SERVICE: Final = Service(
    name="civil_status",
    title={"ar": "الحالة المدنية", "fr": "État civil", "en": "Civil status"},
    router=router,
    streams=(
        ACT,
        DECLARATION,
        CORRECTION,
        CONSENT,
        EXCHANGE,
        IMPORT,
        LOOKUP,
        MATCHING,
        SEALING_KEY,
        VOLUME,
        ENTRY,
        access_stream("civil_status"),
    ),
    migrations=Path(__file__).parent / "migrations",
    consumers=CONSUMERS,
    tasks=(*TASKS, measure),
)
