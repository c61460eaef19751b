"""Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2): the same reports, for any client that speaks it.

It lies beside `/v1`, and its errors have its own form. What everybody may see is what `store.public` shows.
"""

from services.chikaya.api.open311 import filing, reading, services
from shared.http import Router

PREFIX = "/open311/v2"

router = Router(prefix="")
for part in (services, reading, filing):
    router.include_router(part.router, prefix=PREFIX)
