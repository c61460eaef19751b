"""Bodies as people send them, and reports that are there."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from services.chikaya.consumers.tallies import keep_count
from services.chikaya.domain.statistics import Figures
from services.chikaya.domain.yearly_page import YEARLY, page
from services.chikaya.domain.yearly_report import Account, YearlyReport
from shared.documents import order
from shared.documents.desk import ISSUE
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.services import envelope_of

CASABLANCA = "06.141.01.0"
YEAR = 2025
ELSEWHERE = "06.371.01.01"
TEXT = "حفرة كبيرة أمام المدرسة، سقط فيها طفل."
REASONS = "Les travaux sont programmés au budget de cette année."
DESK = {
    "address": "Boulevard Mohammed V, Casablanca",
    "phone": "+212522000000",
    "fax": "+212522000001",
    "web": "https://www.casablancacity.ma",
}


def reported(**changes: Any) -> dict[str, Any]:
    """By a citizen, in Casablanca."""
    return {
        "kind": "complaint",
        "category": "pothole",
        "channel": "web",
        "text": TEXT,
        "place": {"longitude": -7.62, "latitude": 33.59, "address": "أمام مدرسة الأمل"},
    } | changes


def anonymous(**changes: Any) -> dict[str, Any]:
    body = reported(**changes)
    del body["channel"]
    return body


async def submitted(api: Api, persona: str = "citizen", **changes: Any) -> dict[str, Any]:
    answer = await api.post("/v1/reports", persona, json=reported(**changes))
    assert answer.status_code == 201, answer.text
    filed: dict[str, Any] = answer.json()
    return filed


async def filed(api: Api, **changes: Any) -> str:
    report: str = (await submitted(api, **changes))["report"]["id"]
    return report


async def published(api: Api) -> None:
    answer = await api.post(f"/v1/administrations/{CASABLANCA}", "president", json=DESK)
    assert answer.status_code == 200, answer.text


async def step(
    api: Api, report: str, what: str, persona: str = "instructor", body: dict[str, Any] | None = None
) -> dict[str, Any]:
    answer = await api.post(f"/v1/reports/{report}/{what}", persona, json=body or {})
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(api: Api, report: str, persona: str = "citizen") -> dict[str, Any]:
    answer = await api.get(f"/v1/reports/{report}", persona)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def answered(api: Api, report: str) -> dict[str, Any]:
    """Taken, begun, answered, with the contact block of Casablanca."""
    await published(api)
    await step(api, report, "assignment", "instructor", {"assignee": "instructor"})
    await step(api, report, "start")
    return await step(api, report, "answer", "instructor", {"outcome": "planned", "text": REASONS})


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


CLIENT = {"name": "Ville en main", "contact": "equipe@example.ma"}
TEMPLATE: dict[str, Any] = {
    "collectivity": CASABLANCA,
    "name": "Inondation",
    "language": "fr",
    "outcome": "planned",
    "text": "Votre signalement {reference} du {received_on} : {works} à {commune}.",
}
REWRITTEN = {name: TEMPLATE[name] for name in ("name", "outcome", "text")}
BODIES: dict[str, Any] = {
    "/v1/reports": reported(),
    "/v1/anonymous-reports": anonymous(),
    "/administrations/{collectivity}": DESK,
    "/reports/{report_id}/completion": {"text": TEXT},
    "/reports/{report_id}/reopening": {"reasons": REASONS},
    "/reports/{report_id}/rating": {"satisfied": True},
    "/reports/{report_id}/assignment": {"assignee": "instructor"},
    "/reports/{report_id}/answer": {"outcome": "planned", "text": REASONS},
    "/reports/{report_id}/defect": {"defect": "unclear", "reasons": REASONS},
    "/reports/{report_id}/inadmissibility": {"ground": "abusive", "reasons": REASONS},
    "/reports/{report_id}/redirection": {"body": "equipment", "reasons": REASONS},
    "/reports/{report_id}/routing": {
        "category": "pothole",
        "collectivity": CASABLANCA,
        "reasons": REASONS,
    },
    "/reports/{report_id}/notes": {"text": REASONS},
    "/v1/templates": TEMPLATE,
    "/revision": REWRITTEN,
    "/drafts/{template_id}": {"values": {"works": REASONS}},
    "/v1/answers": {"template_id": str(UUID(int=1)), "reports": [str(UUID(int=1))]},
    "/merger/{into}": {},
    "/separation": {},
    "/dismissal": {"reasons": REASONS},
    "/publication": {"reasons": REASONS},
    "/withholding": {"reasons": REASONS},
    "/followed/{reference}/completion": {"text": TEXT},
    "/followed/{reference}/reopening": {"reasons": REASONS},
    "/followed/{reference}/rating": {"satisfied": True},
    "/contact-confirmation": {"code": "2222-2222"},
    "/v1/open311-clients": CLIENT,
    "/v1/subscriptions": {"collectivity": CASABLANCA},
    "/v1/anonymous-subscriptions": {"collectivity": CASABLANCA, "contact": {"email": "a@example.ma"}},
    "/subscriptions/{subscription_id}/confirmation": {"code": "2222-2222"},
    "/yearly-reports/{collectivity}/{year}/proposals": {"proposals": [{"fr": "Une équipe de nuit."}]},
    "/yearly-reports/{collectivity}/{year}/publication": {},
    "/yearly-reports/{collectivity}/{year}/correction": {"reasons": {"fr": "Une erreur."}},
}
"""By the end of the path, for whoever knocks at every door."""

Sent = Callable[[str, str, dict[str, Any]], Awaitable[httpx.Response]]


async def complained(sent: Sent, secret: str, photo: str) -> dict[str, str]:
    """The citizen's complaint in Casablanca, with a photo and a note of the office, in all services behind
    one port. What paths are filled by.
    """
    answer = await sent("/chikaya/v1/reports", "citizen", reported(text=secret, files=[photo]))
    assert answer.status_code == 201, answer.text
    report = answer.json()["report"]
    noted = await sent(f"/chikaya/v1/reports/{report['id']}/notes", "agent", {"text": secret})
    assert noted.status_code == 201, noted.text
    template = await sent("/chikaya/v1/templates", "president", TEMPLATE | {"name": secret})
    assert template.status_code == 201, template.text
    other = await sent("/chikaya/v1/reports", "citizen", reported(text=secret))
    assert other.status_code == 201, other.text
    admitted = await sent("/chikaya/v1/open311-clients", "operator", CLIENT)
    assert admitted.status_code == 201, admitted.text
    followed = await sent("/chikaya/v1/subscriptions", "citizen", {"collectivity": CASABLANCA})
    assert followed.status_code == 201, followed.text
    where = f"/chikaya/v1/yearly-reports/{CASABLANCA}/{YEAR}/proposals"
    proposed = await sent(where, "agent", {"proposals": [{"fr": "Une équipe de nuit."}]})
    assert proposed.is_success, proposed.text
    return {
        "report_id": report["id"],
        "template_id": template.json()["id"],
        "year": str(YEAR),
        "into": other.json()["report"]["id"],
        "other": other.json()["report"]["id"],
        "reference": report["reference"],
        "collectivity": CASABLANCA,
        "client_id": admitted.json()["client"]["id"],
        "service_code": "pothole.json",
        "service_request_id": f"{report['reference']}.json",
        "token_id": f"{report['id']}.json",
        "one": "dragons",
        "two": "of",
        "three": "open311.json",
        "subscription_id": followed.json()["id"],
    }


REPORTS = text("SELECT * FROM msg.event_log WHERE aggregatetype = 'report' ORDER BY occurred_at, seq")


async def counted(chikaya: ServiceDatabase) -> None:
    """What all reports count as, twice, as a topic may say it: the sums are of reports as they stand."""
    async with chikaya.worker.transaction() as tx:
        rows = (await tx.execute(REPORTS)).all()
        for row in (*rows, *rows):
            await keep_count(tx, envelope_of(row))


async def settled(chikaya: ServiceDatabase, digest: str) -> None:
    """After `complained`: counted, and the yearly report as if sealed, another file for the PDF."""
    await counted(chikaya)
    figures = Account(total=Figures.of([]), causes={})
    at = datetime(YEAR + 1, 1, 11, tzinfo=UTC)
    report = YearlyReport(collectivity=CASABLANCA, year=YEAR, account=figures, published_at=at)
    async with chikaya.worker.transaction() as tx:
        document = await order(
            tx, about=report.id, collectivity=CASABLANCA, kind=YEARLY, cause="published", content=page(report)
        )
        await tx.execute(ISSUE, {"id": document, "at": at, "sha256": digest, "size": 17})
