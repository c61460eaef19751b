"""HTTP of `rokhas`: applicants, communes, governors and the public."""

from services.rokhas.api import (
    applicant,
    decision,
    delegations,
    documents,
    dossiers,
    files,
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
from services.rokhas.domain.certificates import KINDS
from shared.documents.api import verification
from shared.http import Router

router = Router()
for part in (
    recueil,
    files,
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
router.include_router(verification(KINDS))
