"""Public reports as GeoJSON (RFC 7946), for maps."""

import json
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query, Response

from services.chikaya.api.common import Code, authorize
from services.chikaya.api.public import PublicOut
from services.chikaya.domain import State
from services.chikaya.store import public
from shared.db import Tx
from shared.http import PUBLIC, Collectivity, Instant, Router
from shared.http.values import Paging
from shared.territory import territory

MEDIA_TYPE: Final = "application/geo+json"
MOST: Final = 2000
WHERE: Final = frozenset({"longitude", "latitude"})

router = Router(prefix="")


class GeoJson(Response):
    media_type = MEDIA_TYPE


@router.get(
    "/public-reports.geojson",
    response_class=GeoJson,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}},
)
async def export(
    tx: Annotated[Tx, authorize(PUBLIC)],
    collectivity: Annotated[Collectivity | None, Query()] = None,
    category: Annotated[Code | None, Query()] = None,
    state: Annotated[list[State] | None, Query()] = None,
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 500,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """What GET /public-reports shows, each a feature; the geometry is null where there is no point. `next` is
    the cursor of the following page, null on the last.
    """
    paging = Paging(limit, cursor)
    after = paging.after(datetime, UUID)
    found = await public.find(
        tx,
        collectivities=None if collectivity is None else sorted(territory().within(collectivity)),
        category=category,
        states=state,
        since=since,
        until=until,
        after=after and (after[0], after[1]),
        limit=paging.fetch,
    )
    page = paging.page(found, key=lambda one: (one.received_at, one.id), to=PublicOut.of)
    content = {
        "type": "FeatureCollection",
        "features": [_feature(one) for one in page.items],
        "next": page.next,
    }
    return GeoJson(json.dumps(content, ensure_ascii=False))


def _feature(one: PublicOut) -> dict[str, Any]:
    """Longitude first (RFC 7946 §3.1.1)."""
    located = one.longitude is not None and one.latitude is not None
    return {
        "type": "Feature",
        "id": str(one.id),
        "geometry": {"type": "Point", "coordinates": [one.longitude, one.latitude]} if located else None,
        "properties": one.model_dump(mode="json", exclude={*WHERE, "id"}),
    }
