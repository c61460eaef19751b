"""HTTP of `civil_status`: families, offices, courts and other administrations."""

from services.civil_status.api import (
    acts,
    corrections,
    declarations,
    digitisation,
    exchanges,
    imports,
    margins,
    searches,
)
from services.civil_status.api.common import authorize
from services.civil_status.domain import Action
from shared.http import Router
from shared.http.files import file_routes

router = Router()
for part in (declarations, acts, margins, imports, corrections, exchanges, digitisation, searches):
    router.include_router(part.router)
router.include_router(file_routes(authorize.caller(Action.UPLOAD)))
