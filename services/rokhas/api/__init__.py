"""HTTP of `rokhas`: applicants, communes, governors and the public."""

from services.rokhas.api import dossiers
from shared.http import Router

router = Router()
for part in (dossiers,):
    router.include_router(part.router)
