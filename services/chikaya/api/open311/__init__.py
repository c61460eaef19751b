"""Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2): the same reports, for any client that speaks it.

It lies beside `/v1`, and its errors have its own form. What everybody may see is what `store.public` shows.
"""

from services.chikaya.api.open311 import elsewhere, filing, reading, services
from services.chikaya.api.open311.services import V2
from shared.http import Router

router = Router(prefix="")
for part in (services, reading, filing, elsewhere):
    router.include_router(part.router, prefix=V2)
