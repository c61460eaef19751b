"""HTTP of `rokhas`: applicants, communes, governors and the public."""

from services.rokhas.api import decision, delegations, dossiers, governor, instruction, messages, queue
from shared.http import Router

router = Router()
for part in (dossiers, queue, instruction, decision, governor, messages, delegations):
    router.include_router(part.router)
