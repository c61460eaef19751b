"""Requests that everybody may see, and what happened to them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import Query, Response

from services.chikaya.api.common import authorize
from services.chikaya.api.open311.services import Asking, Get
from services.chikaya.api.open311.written import Open311Router, ending_of
from services.chikaya.domain import State
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.states import OPEN
from services.chikaya.domain.words import WORDS
from services.chikaya.store import open311
from services.chikaya.store.open311 import Asked, Listed, Update
from shared.db import Tx
from shared.errors import Invalid, NotFound
from shared.http import PUBLIC, Instant
from shared.http.problems import language

SPAN: Final = timedelta(days=90)
MOST: Final = 1000
"""Days and requests that one answer spans at most: GeoReport v2, GET service requests."""
LONGEST: Final = 4000
"""Characters of `service_request_id`, `service_code` and `status`, with their commas."""

From = Annotated[Instant | None, Query(description="At most 90 days before `end_date`")]
Until = Annotated[Instant | None, Query(description="Included; now, or 90 days after `start_date`")]
Ids = Annotated[str | None, Query(max_length=LONGEST, description="Several with commas; overrides all else")]
PageNumber = Annotated[int, Query(ge=1, le=1000)]
PageSize = Annotated[int, Query(ge=1, le=MOST)]

router = Open311Router()


def _several(text: str | None) -> list[str] | None:
    return None if text is None else [part for one in text.split(",") if (part := one.strip())][:MOST]


def _span(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Raises Invalid `span_too_long`."""
    try:
        if until is None:
            until = now if since is None else max(since, min(since + SPAN, now))
        since = until - SPAN if since is None else since
    except OverflowError:
        raise Invalid("span_too_long", "Beyond the calendar.") from None
    if until - since > SPAN:
        raise Invalid(
            "span_too_long",
            {
                "ar": "المدة بين start_date و end_date تسعون يوما على الأكثر.",
                "fr": "De start_date à end_date : 90 jours au plus.",
                "en": "From start_date to end_date: 90 days at most.",
            },
            days=SPAN.days,
        )
    return since, until


def _states(text: str | None) -> list[State] | None:
    wanted = _several(text)
    if wanted is None:
        return None
    if strange := set(wanted) - {"open", "closed"}:
        raise Invalid("status_unknown", f"open or closed, with a comma for both; {len(strange)} is neither.")
    return [state for state in State if _status(state) in wanted]


def _status(state: State) -> str:
    return "open" if state in OPEN else "closed"


def _notes(state: State, reply: str | None) -> str:
    return "\n\n".join(filter(None, (WORDS[state].message[language()], reply)))


def _paged(response: Response, asking: Asking, more: object, number: int) -> Response:
    """The standard has no place for it: RFC 8288."""
    if more:
        query = asking.request.url.include_query_params(page=number + 1).query
        response.headers["Link"] = f'<{asking.path}?{query}>; rel="next"'
    return response


def _instant(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def request_of(one: Listed, base: str) -> dict[str, Any]:
    """As GeoReport v2 has it. `media_url` is a photo that a person said is shown, never a link that came."""
    said, shown, known = language(), one.shown, catalogue()
    closed = _status(shown.state) == "closed"
    where = f"{base}/v1/public-reports/{shown.id}/photos"
    return {
        "service_request_id": shown.reference,
        "status": _status(shown.state),
        "status_notes": _notes(shown.state, shown.reply),
        "service_name": known.category(shown.category).name[said],
        "service_code": shown.category,
        "description": shown.text and shown.text[:LONGEST],
        "agency_responsible": known.body_name(known.route(shown.category, shown.collectivity).body)[said],
        "service_notice": None,
        "requested_datetime": _instant(shown.received_at),
        "updated_datetime": _instant(one.stepped_at),
        "expected_datetime": None if closed else _instant(one.due_at),
        "address": None,
        "address_id": None,
        "zipcode": None,
        "lat": shown.latitude,
        "long": shown.longitude,
        "media_url": f"{where}/{shown.photos[0]}" if shown.photos else None,
    }


def _listed(asking: Asking, found: Sequence[Listed]) -> Response:
    content = [request_of(one, asking.service) for one in found]
    return asking.answered("service_requests", content, item="request")


@router.both("GET", "/requests")
async def requests(
    tx: Annotated[Tx, authorize(PUBLIC)],
    asking: Get,
    service_request_id: Ids = None,
    service_code: Annotated[str | None, Query(max_length=LONGEST, description="Several with commas")] = None,
    start_date: From = None,
    end_date: Until = None,
    status: Annotated[str | None, Query(max_length=40, description="open, closed, or both")] = None,
    page: PageNumber = 1,
    page_size: PageSize = MOST,
) -> Response:
    """The newest first, of the last 90 days unless said. `Link` leads to the next page where there is one."""
    if (ids := _several(service_request_id)) is not None:
        asked = Asked(references=[one.upper() for one in ids], limit=MOST)
        return _listed(asking, await open311.find(tx, asked))
    categories = _several(service_code)
    for code in categories or ():
        catalogue().category(code)
    since, until = _span(start_date, end_date, tx.now)
    asked = Asked(
        collectivities=asking.zone(),
        categories=categories,
        states=_states(status),
        since=since,
        until=until,
        limit=page_size + 1,
        skip=(page - 1) * page_size,
    )
    found = await open311.find(tx, asked)
    return _paged(_listed(asking, found[:page_size]), asking, found[page_size:], page)


@router.get("/requests/{service_request_id}")
async def one_request(tx: Annotated[Tx, authorize(PUBLIC)], asking: Get, service_request_id: str) -> Response:
    """By its reference; the path ends in .xml or .json."""
    reference = ending_of(service_request_id)[0].upper()
    found = await open311.find(tx, Asked(collectivities=asking.zone(), references=[reference]))
    if not found:
        raise NotFound("service_request_unknown", "There is no such public request.")
    return _listed(asking, found)


@router.get("/request/{service_request_id}", status_code=308, responses={308: {"description": "Moved"}})
async def one_request_elsewhere(
    tx: Annotated[Tx, authorize(PUBLIC)], asking: Get, service_request_id: str
) -> Response:
    """The path of the published OpenAPI description; that of the standard's text is `requests/`."""
    query = asking.request.url.query
    there = quote(asking.path.replace("/request/", "/requests/", 1)) + (query and f"?{query}")
    return Response(status_code=308, headers={"Location": there})


@router.get("/tokens/{token_id}")
async def token(tx: Annotated[Tx, authorize(PUBLIC)], asking: Get, token_id: str) -> Response:
    """Every request has its identifier at once, so no POST answers a token; what `/v1` calls `id` is one."""
    zone = asking.zone()
    given = ending_of(token_id)[0]
    found = await open311.find(tx, Asked(collectivities=zone, report=UUID(given))) if _is_id(given) else []
    if not found:
        raise NotFound("token_unknown", "There is no such token of a public request.")
    content = [{"service_request_id": found[0].shown.reference, "token": given}]
    return asking.answered("service_requests", content, item="request")


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


@router.both("GET", "/servicerequestupdates")
async def updates(
    tx: Annotated[Tx, authorize(PUBLIC)],
    asking: Get,
    service_request_id: Ids = None,
    start_date: From = None,
    end_date: Until = None,
    page: PageNumber = 1,
    page_size: PageSize = MOST,
) -> Response:
    """What happened to public requests, the oldest first, of the last 90 days unless said: FixMyStreet's
    extension. `external_status_code` is the finer state.
    """
    since, until = _span(start_date, end_date, tx.now)
    ids = _several(service_request_id)
    asked = Asked(
        collectivities=asking.zone(),
        references=None if ids is None else [one.upper() for one in ids],
        since=since,
        until=until,
        limit=page_size + 1,
        skip=(page - 1) * page_size,
    )
    found = await open311.updates(tx, asked)
    content = [_update(one) for one in found[:page_size]]
    response = asking.answered("service_request_updates", content, item="request_update")
    return _paged(response, asking, found[page_size:], page)


def _update(one: Update) -> dict[str, Any]:
    return {
        "update_id": f"{one.report}-{one.number}",
        "service_request_id": one.reference,
        "status": _status(one.state),
        "external_status_code": one.state.value,
        "description": _notes(one.state, one.reply),
        "updated_datetime": _instant(one.at),
        "media_url": None,
    }
