"""HTTP of `civil_status`: families, offices, courts and other administrations."""

from services.civil_status.api import acts
from shared.http import Router

router = Router()
for part in (acts,):
    router.include_router(part.router)
