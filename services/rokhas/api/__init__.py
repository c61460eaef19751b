"""HTTP of `rokhas`: applicants, communes, governors and the public."""

from services.rokhas.api import (
    applicant,
    decision,
    delegations,
    documents,
    dossiers,
    governor,
    imports,
    instruction,
    messages,
    notices,
    payments,
    queue,
    recueil,
    timeline,
)
from services.rokhas.api.common import authorize
from services.rokhas.domain import Action
from services.rokhas.domain.certificates import KINDS
from shared.documents.api import verification
from shared.http import Router
from shared.http.files import file_routes

router = Router()
for part in (
    recueil,
    dossiers,
    documents,
    applicant,
    payments,
    timeline,
    notices,
    queue,
    instruction,
    decision,
    governor,
    messages,
    delegations,
    imports,
):
    router.include_router(part.router)
router.include_router(file_routes(authorize.caller(Action.UPLOAD)))
router.include_router(verification(KINDS))
