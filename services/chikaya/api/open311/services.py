"""Where the interface is, what may be reported, and what is asked of each."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request, Response

from services.chikaya.api.common import authorize
from services.chikaya.api.open311.written import Open311Router, asked_for, ending_of, written
from services.chikaya.domain.catalogue import Category, Datatype, Question, catalogue
from services.chikaya.events.report import Kind
from shared.db import Tx
from shared.errors import NotFound, Problem, Unauthenticated
from shared.http import PUBLIC, Configured
from shared.http.problems import language
from shared.settings import Settings
from shared.territory import territory

CHANGED: Final = datetime(2026, 11, 23, tzinfo=UTC).isoformat()
"""When this interface last changed."""
V2: Final = "/open311/v2"
SPECIFICATION: Final = "http://wiki.open311.org/GeoReport_v2"
UPDATES: Final = "https://github.com/mysociety/FixMyStreet/wiki/Open311-FMS---Proposed-differences-to-Open311"
"""FixMyStreet's extension, of which the updates are served."""
KINGDOM: Final = "ma"
KIND: Final = "kind"
KINDS: Final = {
    Kind.COMPLAINT: {"ar": "شكاية", "fr": "Réclamation", "en": "Complaint"},
    Kind.OBSERVATION: {"ar": "ملاحظة", "fr": "Observation", "en": "Observation"},
    Kind.SUGGESTION: {"ar": "اقتراح", "fr": "Suggestion", "en": "Suggestion"},
}
KIND_ASKED: Final = {
    "ar": "شكاية أم ملاحظة أم اقتراح؟ (شكاية إن لم يذكر شيء)",
    "fr": "Réclamation, observation ou suggestion ? (réclamation à défaut)",
    "en": "A complaint, an observation or a suggestion? (a complaint unless said)",
}
CONTACT: Final = {
    "ar": "شكاية: منصة جماعة. طلبات المفاتيح والملاحظات لدى مشغل المنصة.",
    "fr": "Chikaya, plateforme Jamaa : demandes de clés et remarques auprès de l'exploitant.",
    "en": "Chikaya, on Jamaa: ask whoever runs the platform for keys, and tell them what is wrong.",
}
KEYS: Final = {
    "ar": "يسلم مشغل المنصة مفتاحا لكل تطبيق: POST /chikaya/v1/open311-clients.",
    "fr": "L'exploitant remet une clé par application : POST /chikaya/v1/open311-clients.",
    "en": "Whoever runs the platform gives each application a key: POST /chikaya/v1/open311-clients.",
}

router = Open311Router()


class JurisdictionRefused(Unauthenticated):
    """401 where requests are read, as the published description of the standard has it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What every GET says: of where, and by its path in which format."""

    request: Request
    settings: Settings
    jurisdiction: str | None
    kind: str

    @property
    def path(self) -> str:
        return str(self.request.scope["path"])

    @property
    def service(self) -> str:
        """The address of this service as people reach it, or else as the caller wrote it."""
        url = self.request.url
        platform = self.settings.public_url or f"{url.scheme}://{url.netloc}"
        return f"{platform.rstrip('/')}{self.request.scope['root_path']}"

    def zone(self) -> list[str] | None:
        """The collectivities that are meant; None is all of them. Raises JurisdictionRefused."""
        meant = jurisdiction(self.jurisdiction, JurisdictionRefused)
        return None if meant is None else sorted(meant)

    def answered(self, root: str, content: Any, *, item: str = "") -> Response:
        return written(self.kind, root, content, item=item)


async def asking(
    request: Request,
    settings: Configured,
    jurisdiction_id: Annotated[
        str | None,
        Query(
            max_length=40,
            description="The code of a collectivity (06.141.01.0 is Casablanca): it and all below it;"
            " `ma`, or nothing, is the Kingdom",
        ),
    ] = None,
    api_key: Annotated[
        str | None, Query(max_length=64, description="Wanted by the POST alone, here unread")
    ] = None,
) -> Asking:
    """Raises NotFound `format_unknown`."""
    return Asking(request, settings, jurisdiction_id, asked_for(request))


Get = Annotated[Asking, Depends(asking)]


def jurisdiction(code: str | None, refusal: type[Problem] = NotFound) -> frozenset[str] | None:
    """The collectivities that are meant; None is all of them. Raises `refusal`."""
    if code is None or code == KINGDOM:
        return None
    if code not in territory():
        raise refusal(
            "jurisdiction_unknown",
            {
                "ar": "لا يوجد jurisdiction_id بهذه القيمة: رمز جماعة ترابية أو ma.",
                "fr": "Ce jurisdiction_id n'existe pas : code d'une collectivité, ou ma.",
                "en": "There is no such jurisdiction_id: the code of a collectivity, or ma.",
            },
        )
    return territory().within(code)


@router.both("GET", "/discovery")
async def discovery(tx: Annotated[Tx, authorize(PUBLIC)], asking: Get) -> Response:
    """Where the interface is. Two endpoints, at one address: the standard, and the updates of FixMyStreet."""
    said = language()
    endpoint = {
        "url": f"{asking.service}{V2}",
        "changeset": CHANGED,
        "type": "test" if asking.settings.development else "production",
        "formats": ["text/xml", "application/json"],
    }
    content = {
        "changeset": CHANGED,
        "contact": CONTACT[said],
        "key_service": KEYS[said],
        "endpoints": [{"specification": name, **endpoint} for name in (SPECIFICATION, UPDATES)],
    }
    return asking.answered("discovery", content)


@router.both("GET", "/services")
async def services(tx: Annotated[Tx, authorize(PUBLIC)], asking: Get) -> Response:
    """What may be reported, the same everywhere. `realtime` gives an identifier at once; what everybody does
    not see is `blackbox`: it is followed by the code of the notice.
    """
    jurisdiction(asking.jurisdiction)
    content = [_service(one, language()) for one in catalogue().categories.values()]
    return asking.answered("services", content, item="service")


def _service(one: Category, said: str) -> dict[str, Any]:
    return {
        "service_code": one.code,
        "service_name": one.name[said],
        "description": one.description[said],
        "metadata": True,
        "type": "realtime" if one.public else "blackbox",
        "keywords": ",".join(one.keywords),
        "group": catalogue().groups[one.group].name[said],
    }


@router.get("/services/{service_code}")
async def definition(tx: Annotated[Tx, authorize(PUBLIC)], asking: Get, service_code: str) -> Response:
    """What is asked of a report of this category; the path ends in .xml or .json."""
    jurisdiction(asking.jurisdiction)
    one = catalogue().category(ending_of(service_code)[0])
    said = language()
    content = {
        "service_code": one.code,
        "attributes": [
            _of_kind(said),
            *(_attribute(order, question, said) for order, question in enumerate(one.questions, start=2)),
        ],
    }
    return asking.answered("service_definition", content)


def _of_kind(said: str) -> dict[str, Any]:
    return {
        "variable": True,
        "code": KIND,
        "datatype": Datatype.ONE_OF.value,
        "required": False,
        "datatype_description": None,
        "order": 1,
        "description": KIND_ASKED[said],
        "values": [{"key": kind.value, "name": name[said]} for kind, name in KINDS.items()],
    }


def _attribute(order: int, question: Question, said: str) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "variable": True,
        "code": question.code,
        "datatype": question.datatype.value,
        "required": question.required,
        "datatype_description": None,
        "order": order,
        "description": question.text[said],
    }
    if question.choices:
        asked["values"] = [{"key": one.key, "name": one.name[said]} for one in question.choices]
    return asked
