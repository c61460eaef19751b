"""The yearly report: figures of the year, proposals, published once, sealed (2-17-265 art. 14, 18)."""

import asyncio
import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.chikaya.app import SERVICE
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.statistics import Figures, Measure
from services.chikaya.domain.yearly_page import page
from services.chikaya.domain.yearly_report import TITLES, Account, Statement, YearlyReport, lines
from shared.documents.check import check_file
from shared.documents.claim import Verdict
from shared.documents.desk import seal_once
from shared.documents.keys import published
from shared.documents.seal import sealer_of
from shared.files import files_of
from shared.settings import Settings
from tests.chikaya.conftest import Says
from tests.chikaya.filed import CASABLANCA, ELSEWHERE, answered, counted, filed, problem, step
from tests.support.databases import ServiceDatabase
from tests.support.http import Api, settings_of
from tests.support.services import At, envelope_of, hear

WHERE = f"/v1/yearly-reports/{CASABLANCA}/2026"
PROPOSALS = [
    {"ar": "إحداث فرقة ليلية لإصلاح الإنارة", "fr": "Une équipe de nuit pour l'éclairage"},
    {"fr": "Un budget."},
]
LOG = text("SELECT * FROM msg.event_log WHERE aggregatetype = 'yearly_report' ORDER BY seq")


async def asked(api: Api, path: str = "", persona: str = "instructor") -> dict[str, Any]:
    answer = await api.get(f"{WHERE}{path}", persona)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def heard(chikaya: ServiceDatabase) -> None:
    """All that was announced of yearly reports, by those that have not been heard: an inbox hears once."""
    async with chikaya.worker.transaction() as tx:
        rows = (await tx.execute(LOG)).all()
    for row in rows:
        await hear(SERVICE, chikaya, envelope_of(row))


async def sealed(api: Api, chikaya: ServiceDatabase, settings: Settings) -> list[tuple[str, str]]:
    """Seals what was ordered: each page as it stands, with what it prints, checked as anybody checks it
    without a network.
    """
    await seal_once(chikaya.worker, "chikaya", sealer_of(settings), files_of(settings))
    found = []
    for document in (await asked(api, "/documents", "governor"))["items"]:
        pdf = await api.get(document["href"].removeprefix("/chikaya"), "president")
        checked = await asyncio.to_thread(check_file, pdf.content, published(settings.documents_keys))
        assert checked.verdict is Verdict.VALID
        bent = pdf.content.replace(b"endobj", b"endobk", 1)
        broken = await asyncio.to_thread(check_file, bent, published(settings.documents_keys))
        assert broken.verdict is not Verdict.VALID
        assert checked.content is not None
        found.append((document["state"], checked.content))
    return found


async def test_a_year_is_reported_sealed_and_corrected(
    api: Api, at: At, chikaya: ServiceDatabase, tmp_path: Path
) -> None:
    settings = settings_of(SERVICE, tmp_path)
    await at(datetime(2026, 5, 4, 9, tzinfo=UTC))
    await answered(api, await filed(api))
    await counted(chikaya)
    proposed = await api.post(f"{WHERE}/proposals", "agent", json={"proposals": PROPOSALS})
    assert proposed.json()["proposals"] == [PROPOSALS[0], {"ar": "", "fr": "Un budget."}]
    early = await api.post(f"{WHERE}/publication", "president", json={})
    assert problem(early) == (409, "year_not_over")
    reasons = {"reasons": {"fr": "Un signalement manquait."}}
    unpublished = await api.post(f"{WHERE}/correction", "president", json=reasons)
    assert problem(unpublished) == (409, "yearly_report_not_published")
    await at(datetime(2027, 1, 11, 9, tzinfo=UTC))
    done = await api.post(f"{WHERE}/publication", "president", json={})
    assert done.status_code == 200, done.text
    closed: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("publication", "president", {}),
        ("proposals", "agent", {"proposals": []}),
    )
    for what, persona, body in closed:
        again = await api.post(f"{WHERE}/{what}", persona, json=body)
        assert problem(again) == (409, "yearly_report_published")
    await at(datetime(2026, 6, 1, 9, tzinfo=UTC))
    await filed(api)
    await counted(chikaya)
    said = await asked(api)
    assert (said["total"]["received"], said["total"]["answered"]) == (1, 1), "its figures are fixed"
    assert (said["due"], said["causes"][0]["category"]) == ("2027-03-31", "pothole")
    await at(datetime(2027, 1, 11, 10, tzinfo=UTC))
    await heard(chikaya)
    [(state, page)] = await sealed(api, chikaya, settings)
    assert state == "issued"
    for printed in ("Un budget.", "إحداث فرقة ليلية", "Nid", "100,0\N{NO-BREAK SPACE}%", "11 يناير 2027"):
        assert printed in page
    unknown = await api.get(f"{WHERE}/contents/{'0' * 64}", "president")
    assert problem(unknown) == (404, "document_unknown")

    await at(datetime(2027, 2, 1, 9, tzinfo=UTC))
    late = await api.post(f"{WHERE}/correction", "president", json=reasons, headers={"If-Match": '"1"'})
    assert late.status_code == 412, "somebody read it before it was published"
    corrected = await api.post(f"{WHERE}/correction", "president", json=reasons)
    assert corrected.status_code == 200, corrected.text
    said = await asked(api)
    assert (said["total"]["received"], said["total"]["answered"], len(said["proposals"])) == (2, 1, 2)
    assert said["correction"] == {"ar": "", "fr": "Un signalement manquait."}
    async with chikaya.worker.transaction() as tx:
        last = (await tx.execute(LOG)).all()[-1]
    await hear(SERVICE, chikaya, envelope_of(last))
    before, after = await sealed(api, chikaya, settings)
    assert (before[0], before[1] == page, after[0]) == ("superseded", True, "issued")
    for printed in ("Un signalement manquait.", "11 janvier 2027", "1 فبراير 2027", "Un budget."):
        assert printed in after[1]
    assert "manquait" not in before[1]


async def test_what_was_corrected_before_it_was_sealed_is_sealed_once(
    api: Api, at: At, chikaya: ServiceDatabase, tmp_path: Path
) -> None:
    await at(datetime(2027, 1, 11, 9, tzinfo=UTC))
    await api.post(f"{WHERE}/publication", "president", json={})
    body = {"reasons": {"ar": "خطأ في المقترحات"}, "proposals": [{"fr": "Un budget."}]}
    assert (await api.post(f"{WHERE}/correction", "president", json=body)).is_success
    async with chikaya.worker.transaction() as tx:
        published_then, corrected = (await tx.execute(LOG)).all()
    await hear(SERVICE, chikaya, envelope_of(published_then))
    settings = settings_of(SERVICE, tmp_path)
    assert await sealed(api, chikaya, settings) == []
    await hear(SERVICE, chikaya, envelope_of(corrected))
    [(state, page)] = await sealed(api, chikaya, settings)
    assert (state, "Un budget." in page, "خطأ في المقترحات" in page) == ("issued", True, True)


async def test_the_figures_are_those_of_a_count_by_hand(
    api: Api, at: At, chikaya: ServiceDatabase, clock_says: Says
) -> None:
    """Seven received in 2026, of which one of another commune; the last day is answered in the next year."""
    rows: tuple[tuple[str, str, datetime, int | None, bool | None], ...] = (
        ("pothole", "complaint", datetime(2026, 1, 1, 0, 30, tzinfo=UTC), 3, True),
        ("pothole", "complaint", datetime(2026, 3, 2, 9, tzinfo=UTC), 61, False),
        ("street_light", "observation", datetime(2026, 3, 2, 9, tzinfo=UTC), 60, True),
        ("pothole", "suggestion", datetime(2026, 7, 1, 9, tzinfo=UTC), None, None),
        ("reception", "complaint", datetime(2026, 7, 1, 9, tzinfo=UTC), None, None),
        ("pothole", "complaint", datetime(2026, 12, 31, 9, tzinfo=UTC), 10, None),
        ("pothole", "complaint", datetime(2027, 1, 1, 9, tzinfo=UTC), None, None),
    )
    for category, kind, received, days, satisfied in rows:
        await at(received)
        report = await filed(api, category=category, kind=kind)
        if category == "reception":
            for change in ("started", "elapsed"):
                await clock_says(report, change, received + timedelta(days=60))
        if days is not None:
            await at(received + timedelta(days=days))
            await answered(api, report)
        if satisfied is not None:
            await step(api, report, "rating", "citizen", {"satisfied": satisfied})
    await at(datetime(2026, 4, 1, 9, tzinfo=UTC))
    await filed(api, place={"collectivity": ELSEWHERE, "address": "Route de Bouskoura"})
    await counted(chikaya)
    said = await asked(api)
    total = said["total"]
    assert total["by_kind"] == {"complaint": 4, "observation": 1, "suggestion": 1}
    assert {name: total[name] for name in ("received", "answered", "overdue", "escalated", "rated")} == {
        "received": 6,
        "answered": 4,
        "overdue": 1,
        "escalated": 1,
        "rated": 3,
    }
    assert (total["median_days"], total["p90_days"]) == (10, 61), "of 3, 10, 60, 61"
    assert (total["within_sixty_days"], total["satisfaction"]) == (0.6, 0.6667), "3 of 5, 2 of 3"
    causes = [(one["category"], one["figures"]["received"], one["share"]) for one in said["causes"]]
    assert causes == [("pothole", 4, 0.6667), ("reception", 1, 0.1667), ("street_light", 1, 0.1667)]


async def test_as_a_spreadsheet(api: Api, at: At, chikaya: ServiceDatabase) -> None:
    await at(datetime(2026, 5, 4, 9, tzinfo=UTC))
    await filed(api)
    await counted(chikaya)
    await api.post(f"{WHERE}/proposals", "agent", json={"proposals": [{"fr": "=1+1 équipes"}]})
    answer = await api.get(f"{WHERE}/figures.csv", "instructor")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = answer.content.decode("utf-8-sig").splitlines()
    assert "total,,المجموع,Total,received,1" in rows
    assert any(row.startswith("cause,pothole,") and row.endswith(",received,1") for row in rows)
    assert rows[-1] == "proposal,1,,'=1+1 équipes,,"
    assert {len(row) for row in csv.reader(rows)} == {6}


async def test_it_is_the_offices(api: Api, at: At) -> None:
    """Officers propose, the president publishes and corrects, the governor reads."""
    await at(datetime(2027, 1, 11, 9, tzinfo=UTC))
    for path in ("", "/figures.csv", "/documents"):
        for persona, commune in (("citizen", None), ("instructor", ELSEWHERE), ("auditor", None)):
            answer = await api.get(f"{WHERE}{path}", persona, commune=commune)
            assert answer.status_code == 403, (path, persona)
    for path in ("", "/figures.csv", "/documents"):
        assert (await api.get(f"{WHERE}{path}", "governor")).status_code == 200
    correction = {"reasons": {"fr": "Une erreur."}}
    steps: tuple[tuple[str, dict[str, Any], set[str]], ...] = (
        ("proposals", {"proposals": PROPOSALS}, {"agent", "instructor", "president"}),
        ("publication", {}, {"president"}),
        ("correction", correction, {"president"}),
    )
    for what, body, may in steps:
        there = await api.post(f"{WHERE}/{what}", "president", commune=ELSEWHERE, json=body)
        assert problem(there) == (403, "not_allowed"), what
        for persona in ("citizen", "auditor", "governor", "agent", "instructor", "president"):
            answer = await api.post(f"{WHERE}/{what}", persona, json=body)
            assert (answer.status_code == 200) == (persona in may), (what, persona, answer.text)


@pytest.mark.parametrize(
    ("proposal", "code"),
    [({}, "statement_empty"), ({"fr": "😡😡 oui"}, "text_not_printable"), ({"ar": "؟"}, "text_says_nothing")],
)
async def test_proposals_that_cannot_be_printed(api: Api, proposal: dict[str, str], code: str) -> None:
    answer = await api.post(f"{WHERE}/proposals", "agent", json={"proposals": [proposal]})
    assert problem(answer) == (422, code)


def test_every_line_of_the_page_has_its_figure() -> None:
    """Also of a year without reports: nothing is divided by nothing."""
    empty = Figures.of([])
    assert set(lines(empty)) == set(TITLES)
    report = YearlyReport(
        collectivity=CASABLANCA,
        year=2025,
        account=Account(total=empty, causes={}),
        published_at=datetime(2026, 1, 5, tzinfo=UTC),
    )
    assert page(report).canonical
    assert report.due == date(2026, 3, 31)


def test_the_longest_report_is_printed() -> None:
    figures = Figures.of([(Measure.RECEIVED, 0, 10_000), (Measure.ANSWERED, 3, 9_000)])
    report = YearlyReport(
        collectivity=CASABLANCA,
        year=2025,
        proposals=[Statement.of("كلمة " * 159, "phrase " * 110)] * 20,
        account=Account(total=figures, causes=dict.fromkeys(catalogue().categories, figures)),
        published_at=datetime(2026, 1, 5, tzinfo=UTC),
    )
    assert page(report).canonical
