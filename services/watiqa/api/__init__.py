"""HTTP of `watiqa`: people at the portal and at counters, officers, the central authority, the public."""

from services.watiqa.api import catalogue, documents, files, offices, payments, requests
from services.watiqa.domain.papers import KINDS
from shared.documents.api import verification
from shared.http import Router

router = Router()
for part in (catalogue, files, offices, requests, documents, payments):
    router.include_router(part.router)
router.include_router(verification(KINDS))
