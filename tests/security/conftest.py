"""All services behind one port as they run, with one file in Casablanca and everything that hangs on it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import text

from deploy.issuer import Issuer
from deploy.registry import SERVICES
from services.civil_status.store import acts, imports, margins
from services.civil_status.store.matching import Question, ask
from services.civil_status.take_over import take_over
from services.civil_status.take_over.reading import digest, opened
from services.deadlines.events import Step
from services.watiqa.store import requests, searches
from shared.auth import Actor
from shared.http import create_app
from shared.http.route import Authorization, Route, authorization_of
from shared.log import configure
from shared.service import Service
from shared.territory import territory
from shared.tokens import Tokens
from tests.chikaya.filed import complained, settled
from tests.civil_status.conftest import Says as RegisterSays
from tests.civil_status.conftest import civil_status, register_clock_says
from tests.civil_status.filed import registered
from tests.civil_status.files import line, written
from tests.civil_status.paper import digitised
from tests.deadlines.conftest import Tell, deadlines, tell
from tests.rokhas.conftest import Deliver, Says, clock_says, deliver, rokhas
from tests.rokhas.filed import CASABLANCA, filed
from tests.support.databases import Databases, ServiceDatabase
from tests.support.http import ISSUER, settings_of
from tests.watiqa.conftest import watiqa
from tests.watiqa.filed import asked_for

ELSEWHERE = "06.371.01.01"
"""Another commune in another province."""

OUTSIDERS = (
    ("citizen2", None),
    ("architect", None),
    *((role, ELSEWHERE) for role in ("agent", "instructor", "president", "auditor", "governor")),
    *((role, ELSEWHERE) for role in ("civil_status_officer", "health_facility")),
    *((role, ELSEWHERE) for role in ("keying_operator", "adjudicator", "quality_controller")),
    ("administration", None),
)
INSIDERS = (
    *("citizen", "agent", "instructor", "president", "governor", "operator2"),
    *("civil_status_officer", "court_clerk", "civil_status_authority", "health_facility", "administration"),
    *("keying_operator", "adjudicator", "quality_controller"),
)

SECRET = "Mon voisin est malade"
STEP = Step("start", None, "55-19", {"ar": "بداية", "fr": "début", "en": "start"})
DAY = {
    "date": "2027-03-10",
    "kind": "closure",
    "status": "confirmed",
    "name": {"ar": "عطلة", "fr": "Fermeture", "en": "Closure"},
    "source": "décision du chef du gouvernement",
}


@dataclass(frozen=True, slots=True)
class Door:
    """One method of one route of one service."""

    service: str
    method: str
    path: str
    mark: Authorization
    takes_body: bool

    def __str__(self) -> str:
        return f"{self.method} /{self.service}{self.path}"


@dataclass(frozen=True, slots=True)
class World:
    """`ids` fill the paths; `databases` by service."""

    client: httpx.AsyncClient
    issuer: Issuer
    databases: dict[str, ServiceDatabase]
    ids: dict[str, str]

    async def knock(self, door: Door, token: str | None, body: Any = None, **headers: str) -> httpx.Response:
        """With a body when the route takes one, which the caller wants to be right."""
        sent: dict[str, Any] = {}
        if "multipart" in (body or {}):
            sent["files"] = body["multipart"]
        elif door.takes_body:
            sent["json"] = body or {}
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.client.request(
            door.method,
            f"/{door.service}{door.path.format(**self.ids)}",
            headers={"Accept-Language": "en", "Idempotency-Key": uuid4().hex, "Access-Purpose": "inspection"}
            | bearer
            | headers,
            **sent,
        )


def doors(services: tuple[Service, ...] = SERVICES) -> list[Door]:
    """Every route of every service."""
    found = []
    for service in services:
        for context in iter_route_contexts(service.router.routes):
            route = context.original_route
            assert isinstance(route, Route)
            mark = authorization_of(route)
            assert mark is not None, f"{context.path} authorises nobody"
            body = route.body_field is not None
            found += [
                Door(service.name, m, context.path or "", mark, body) for m in sorted(route.methods or ())
            ]
    return found


@pytest.fixture
async def world(
    databases: Databases,
    rokhas: ServiceDatabase,
    deadlines: ServiceDatabase,
    civil_status: ServiceDatabase,
    watiqa: ServiceDatabase,
    tmp_path: Path,
    clock_says: Says,
    deliver: Deliver,
    tell: Tell,
    register_clock_says: RegisterSays,
) -> AsyncIterator[World]:
    """Citizen's file in Casablanca, under review, with everything that can hang on a file."""
    configure(level="ERROR")
    issuer = Issuer(tmp_path, "development", ISSUER)
    tokens = Tokens(
        jwks_url=issuer.jwks_url,
        issuer=ISSUER,
        audience="jamaa",
        within=lambda code: territory().within(code),
    )
    of_services = {service.name: await databases.of(service) for service in SERVICES}
    app = create_app(
        SERVICES,
        {name: database.api for name, database in of_services.items()},
        tokens,
        settings={service.name: settings_of(service, tmp_path) for service in SERVICES},
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        brought_by = {"Authorization": f"Bearer {issuer.token('citizen')}", "Idempotency-Key": uuid4().hex}
        plan = {"file": ("plan.pdf", b"%PDF-1.7 plan", "application/pdf")}
        stored = await client.post("/rokhas/v1/files", files=plan, headers=brought_by)
        for service in ("civil_status", "watiqa", "chikaya"):
            kept = await client.post(f"/{service}/v1/files", files=plan, headers=brought_by)
            assert kept.is_success, kept.text
        assert stored.is_success, stored.text
        file = await filed(rokhas, digest=stored.json()["sha256"])
        answer_by = datetime.now(UTC) + timedelta(days=30)
        await clock_says(
            file, "started", answer_by=answer_by, first_half_until=answer_by.date(), explanation=[STEP]
        )
        await tell("submitted", file, submitted_at=datetime.now(UTC), complete=True, missing=[])
        ids = {"dossier_id": str(file), "document": "site_plan", "sha256": stored.json()["sha256"]}
        made = World(client, issuer, of_services, ids)

        async def sent(path: str, persona: str, body: dict[str, Any]) -> httpx.Response:
            headers = {"Authorization": f"Bearer {issuer.token(persona)}", "Idempotency-Key": uuid4().hex}
            content: Any = {"files": body["multipart"]} if "multipart" in body else {"json": body}
            return await client.post(path, headers=headers | {"Access-Purpose": "inspection"}, **content)

        async def posted(path: str, persona: str, body: dict[str, Any]) -> dict[str, Any]:
            answer = await sent(path, persona, body)
            assert answer.is_success, answer.text
            found: dict[str, Any] = answer.json()
            return found

        on_file = f"/rokhas/v1/dossiers/{file}"
        asked = await posted(f"{on_file}/information-requests", "instructor", {"reasons": "Hauteur ?"})
        await posted(f"{on_file}/messages", "citizen", {"text": SECRET})
        await posted(f"{on_file}/proxies", "citizen", {"holder": "engineer"})
        delegation = await posted("/rokhas/v1/delegations", "president", delegation_body("vice-president"))
        day = await posted("/deadlines/v1/calendar/days", "operator", DAY)
        await deliver()
        async with civil_status.worker.transaction() as tx:
            await ask(
                tx, Question(request="r1", collectivity=CASABLANCA, sealed="", reply_key=None, output=None)
            )
        async with deadlines.worker.transaction() as tx:
            clock = await tx.execute(text("SELECT id FROM deadlines.clock LIMIT 1"))
            made.ids["clock_id"] = str(clock.scalar_one())
        made.ids.update(
            request=asked["requests"][0]["id"],
            holder="engineer",
            delegation_id=delegation["id"],
            entry_id=day["id"],
            payment=str(uuid4()),
            code="construction_small",
            **await registered(sent, register_clock_says, SECRET),
            **await digitised(sent, SECRET),
            **await asked_for(sent, SECRET, stored.json()["sha256"]),
            **await complained(sent, SECRET, stored.json()["sha256"]),
        )
        await settled(of_services["chikaya"], stored.json()["sha256"])
        async with civil_status.worker.transaction() as tx:
            await margins.wanted(tx, await acts.get(tx, UUID(made.ids["act_id"])))
        path = written(tmp_path / "acts.csv", [line(1), line(2, sex="?")])
        by = Actor(subject="operator-1")
        await take_over(civil_status.worker, opened(path), digest(path), by, limit=1000)
        made.ids["import_id"] = str(imports.identity(digest(path)))
        async with watiqa.worker.transaction() as tx:
            await searches.missed(tx, await requests.get(tx, UUID(made.ids["request_id"])))
        yield made


def delegation_body(holder: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "collectivity": CASABLANCA,
        "kind": "signature",
        "giver": "president",
        "holder": holder,
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(days=9)).isoformat(),
    }


__all__ = [
    "civil_status",
    "clock_says",
    "deadlines",
    "deliver",
    "register_clock_says",
    "rokhas",
    "tell",
    "watiqa",
]
