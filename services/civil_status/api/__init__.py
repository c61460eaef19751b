"""HTTP of `civil_status`: families, offices, courts and other administrations."""

from services.civil_status.api import (
    acts,
    corrections,
    declarations,
    digitisation,
    exchanges,
    files,
    imports,
    margins,
    searches,
)
from shared.http import Router

router = Router()
for part in (files, declarations, acts, margins, imports, corrections, exchanges, digitisation, searches):
    router.include_router(part.router)
