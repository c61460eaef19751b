"""HTTP of digitisation: from the page of a paper register to the act in the register."""

from services.civil_status.api.digitisation import entries, progress, registration, volumes
from shared.http import Router

router = Router(prefix="")
for part in (volumes.router, registration.router, entries.router, entries.waiting, progress.router):
    router.include_router(part)
