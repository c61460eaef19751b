"""HTTP of `chikaya`: who reports, with an account or without, the office, and everybody."""

from services.chikaya.api import (
    administrations,
    attachments,
    bulk,
    catalogue,
    clients,
    desk,
    duplicates,
    followed,
    geojson,
    moderation,
    open311,
    public,
    reports,
    statistics,
    subscriptions,
    templates,
    yearly_reports,
)
from services.chikaya.api.common import authorize
from services.chikaya.domain.yearly_page import KINDS
from shared.documents.api import verification
from shared.http import PUBLIC, Router
from shared.http.files import file_routes

v1 = Router()
for part in (
    catalogue,
    administrations,
    reports,
    followed,
    desk,
    attachments,
    moderation,
    duplicates,
    clients,
    geojson,
    templates,
    bulk,
    public,
    subscriptions,
    statistics,
    yearly_reports,
):
    v1.include_router(part.router)
v1.include_router(file_routes(authorize.caller(PUBLIC, limit="60/minute"), attachments.SOUND))
v1.include_router(verification(KINDS))
router = Router(prefix="")
router.include_router(v1)
router.include_router(open311.router)
