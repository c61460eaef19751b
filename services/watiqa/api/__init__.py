"""HTTP of `watiqa`: people at the portal and at counters, officers, the central authority, the public."""

from services.watiqa.api import catalogue, documents, offices, payments, requests
from services.watiqa.api.common import authorize
from services.watiqa.domain import Action
from services.watiqa.domain.papers import KINDS
from shared.documents.api import verification
from shared.http import Router
from shared.http.files import file_routes

router = Router()
for part in (catalogue, offices, requests, documents, payments):
    router.include_router(part.router)
router.include_router(file_routes(authorize.caller(Action.UPLOAD)))
router.include_router(verification(KINDS))
