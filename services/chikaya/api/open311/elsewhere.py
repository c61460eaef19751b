"""Paths that the standard does not know: their errors have its form too."""

from typing import Annotated, Final

from fastapi import Response

from services.chikaya.api.common import authorize
from services.chikaya.api.open311 import filing, reading, services
from services.chikaya.api.open311.services import V2, Get
from services.chikaya.api.open311.written import Open311Route, Open311Router
from shared.errors import NotFound
from shared.http import PUBLIC, Caller
from shared.http.problems import MethodNotAllowed, rendered

METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ANYTHING: Final = ("/{one}", "/{one}/{two}", "/{one}/{two}/{three}")
"""Longer than any path of the standard by one part; a parameter is never more than one."""
KNOWN: Final = [
    route
    for part in (services, reading, filing)
    for route in part.router.routes
    if isinstance(route, Open311Route)
]

router = Open311Router()


async def nothing(
    caller: Annotated[Caller, authorize.caller(PUBLIC, idempotent=False)], asking: Get
) -> Response:
    """No such path, or no such method there. Raises NotFound."""
    path = asking.path.partition(V2)[2]
    known = [route for route in KNOWN if route.path_regex.match(path)]
    if not known:
        raise NotFound("not_found")
    allowed = sorted({method for route in known for method in route.methods or ()})
    return rendered(MethodNotAllowed("method_not_allowed", allowed=allowed), {"Allow": ", ".join(allowed)})


for anything in ANYTHING:
    router.add_api_route(anything, nothing, methods=METHODS, include_in_schema=False)
