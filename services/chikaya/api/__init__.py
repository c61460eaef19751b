"""HTTP of `chikaya`: who reports, with an account or without, the office, and everybody."""

from services.chikaya.api import (
    administrations,
    attachments,
    catalogue,
    desk,
    duplicates,
    followed,
    moderation,
    public,
    reports,
    statistics,
    subscriptions,
)
from services.chikaya.api.common import authorize
from shared.http import PUBLIC, Router
from shared.http.files import file_routes

router = Router()
for part in (
    catalogue,
    administrations,
    reports,
    followed,
    desk,
    attachments,
    moderation,
    duplicates,
    public,
    subscriptions,
    statistics,
):
    router.include_router(part.router)
router.include_router(file_routes(authorize.caller(PUBLIC, limit="60/minute"), attachments.SOUND))
