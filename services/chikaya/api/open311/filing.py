"""POST of a service request: a form, by an application that has a key."""

import re
from typing import Annotated, Any, Final

from fastapi import Form, Query, Request, Response
from pydantic import BaseModel, Field

from services.chikaya.api.common import ContactIn, PlaceIn, ReportIn, authorize
from services.chikaya.api.open311.services import KIND, jurisdiction
from services.chikaya.api.open311.written import Open311Router, asked_for, written
from services.chikaya.api.reports import filed
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.place import located
from services.chikaya.domain.values import Point
from services.chikaya.events.report import Channel, Kind
from services.chikaya.store import clients
from shared.db import Tx
from shared.errors import Forbidden, Invalid
from shared.http import PUBLIC
from shared.http.problems import language
from shared.territory import territory

ATTRIBUTE: Final = re.compile(r"attribute\[([A-Za-z0-9_.-]{1,40})\](\[\])?")
MOST_ATTRIBUTES: Final = 50
NOTICE: Final = {
    "ar": "مرجع التبليغ {reference}. رمز التتبع {code}: احتفظوا به، فهو لا يعطى مرة ثانية.",
    "fr": "Référence {reference}. Code de suivi {code} : gardez-le, il n'est donné qu'une fois.",
    "en": "Reference {reference}. Follow-up code {code}: keep it, it is told this once.",
}
SEPARATORS: Final = re.compile(r"[\s.()/-]+")
NATIONAL: Final = re.compile(r"0(?=[5-8]\d{8}$)")

router = Open311Router()


class RequestForm(BaseModel):
    """The arguments of GeoReport v2; `attribute[CODE]` and `attribute[CODE][]` beside them. Others are left
    unread, as are `device_id` and `account_id`: nothing is kept of them.
    """

    service_code: Annotated[str, Field(max_length=40)]
    description: Annotated[str, Field(min_length=1, max_length=4000)]
    api_key: Annotated[str, Field(max_length=64)] | None = None
    jurisdiction_id: Annotated[str, Field(max_length=40)] | None = None
    lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    long: Annotated[float, Field(ge=-180, le=180)] | None = None
    address_string: Annotated[str, Field(max_length=300)] | None = None
    address_id: Annotated[str, Field(max_length=300)] | None = None
    email: Annotated[str, Field(max_length=254)] | None = None
    first_name: Annotated[str, Field(max_length=100)] | None = None
    last_name: Annotated[str, Field(max_length=100)] | None = None
    phone: Annotated[str, Field(max_length=30)] | None = None
    media_url: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=10)] = Field(
        default_factory=list,
        description="Kept as a link for the office and whoever reported; nobody here opens it",
    )

    def contact(self) -> ContactIn | None:
        name = " ".join(filter(None, (self.first_name, self.last_name))) or None
        phone = international(self.phone) if self.phone else None
        return ContactIn(name=name, email=self.email, phone=phone) if name or phone or self.email else None

    def place(self) -> PlaceIn:
        """Where it is, in the jurisdiction that was said. Raises Invalid `location_missing`,
        `location_elsewhere`, and what `PlaceIn.found` raises.
        """
        zone = jurisdiction(self.jurisdiction_id)
        place = PlaceIn(longitude=self.long, latitude=self.lat, address=self.address_string or None)
        if self.lat is not None and self.long is not None:
            return place.model_copy(
                update={"collectivity": _commune_in(zone, self.long, self.lat, self.jurisdiction_id)}
            )
        if (self.lat, self.long) == (None, None) and not place.address:
            raise Invalid(
                "location_missing",
                {
                    "ar": "حددوا الموقع: lat وlong، أو address_string مع jurisdiction_id لجماعة.",
                    "fr": "Dites où : lat et long, ou address_string et le jurisdiction_id d'une commune.",
                    "en": "Say where: lat and long, or address_string with the jurisdiction_id of a commune.",
                },
            )
        return place.model_copy(update={"collectivity": self.jurisdiction_id if zone else None})


def _commune_in(
    zone: frozenset[str] | None, longitude: float, latitude: float, said: str | None
) -> str | None:
    """Which commune to say beside the point: none where the nearest is meant."""
    nearest, place = located(Point(longitude=longitude, latitude=latitude))
    if zone is None or said is None:
        return None
    inside = [code for code in (nearest, *place.candidates) if code in zone]
    if not inside and territory().get(said).parent in (nearest, *place.candidates):
        return said  # an arrondissement: the point tells no more than its commune
    if not inside:
        raise Invalid(
            "location_elsewhere",
            {
                "ar": "هذه النقطة خارج تراب jurisdiction_id المذكور.",
                "fr": "Ce point est hors du territoire de ce jurisdiction_id.",
                "en": "This point is outside the territory of that jurisdiction_id.",
            },
        )
    return None if inside[0] == nearest else inside[0]


def international(phone: str) -> str:
    """As people write it, in E.164: a national number of ten digits is a Moroccan one."""
    digits = SEPARATORS.sub("", phone)
    return NATIONAL.sub("+212", re.sub(r"^00", "+", digits))[:16]


async def _attributes(request: Request) -> dict[str, list[str]]:
    """Raises Invalid `attribute_malformed`."""
    found: dict[str, list[str]] = {}
    for name, value in (await request.form()).multi_items():
        if not name.startswith("attribute"):
            continue
        code = ATTRIBUTE.fullmatch(name)
        if code is None or not isinstance(value, str) or len(value) > 5000 or len(found) >= MOST_ATTRIBUTES:
            raise Invalid(
                "attribute_malformed", "attribute[CODE]=text, or attribute[CODE][]=text for each of several"
            )
        if value:
            found.setdefault(code[1], []).append(value)
    return found


def _kind(given: list[str]) -> Kind:
    if len(given) > 1 or not set(given) <= set(Kind):
        raise Invalid("answer_malformed", f"{KIND}: one of {', '.join(Kind)}")
    return Kind(given[0]) if given else Kind.COMPLAINT


@router.both(
    "POST", "/requests", description="Filed and acknowledged at once, with its reference as identifier"
)
async def file(
    tx: Annotated[Tx, authorize(PUBLIC, idempotent=False, limit="600/minute")],
    request: Request,
    response: Response,
    form: Annotated[RequestForm, Form()],
    api_key: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    key = form.api_key or api_key
    client = await clients.holding(tx, key) if key else None
    if client is None:
        raise Forbidden(
            "api_key_invalid",
            {
                "ar": "api_key غير موجود أو غير صالح.",
                "fr": "api_key absente ou non valable.",
                "en": "api_key is missing or not valid.",
            },
        )
    category = catalogue().category(form.service_code)
    answers = await _attributes(request)
    body = ReportIn(
        kind=_kind(answers.pop(KIND, [])),
        category=category.code,
        text=form.description,
        place=form.place(),
        answers=answers,
        contact=form.contact(),
    )
    done = await filed(
        tx,
        body,
        Channel.OPEN311,
        response,
        account=False,
        links=[link for link in form.media_url if link],
        sent_by=client.name,
    )
    notice = NOTICE[language()].format(reference=done.report.reference, code=done.follow_up_code)
    known: dict[str, Any] = {"service_request_id": done.report.reference} if category.public else {}
    content = [known | {"service_notice": notice, "account_id": None}]
    return written(asked_for(request), "service_requests", content, item="request")
