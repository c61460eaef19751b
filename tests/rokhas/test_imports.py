"""Files taken over from another system."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.deadlines.app import SERVICE as DEADLINES
from services.rokhas.app import SERVICE as ROKHAS
from shared.events import Envelope, topic_of
from shared.service import Service
from tests.deadlines.conftest import deadlines
from tests.deadlines.test_consumers import announced
from tests.rokhas.conftest import CASABLANCA, At, Happened
from tests.support.databases import ServiceDatabase
from tests.support.http import Api, api_of, settings_of

__all__ = ["deadlines"]

HEADER = "procedure,collectivity,applicant,reference,submitted_at,missing,outcome,notified_at\n"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
RUNNING = f"construction_small,{CASABLANCA},c-1,PC 17/2026,2026-02-25T09:00:00+01:00,,,"
INCOMPLETE = f"construction_small,{CASABLANCA},c-2,PC 18/2026,2026-02-25T09:00:00Z,site_plan elevations,,"
GRANTED = f"repair,{CASABLANCA},c-3,R 5,2022-09-15T09:00:00Z,,granted,2022-12-01T12:00:00Z"
REFUSED = f"construction_large,{CASABLANCA},c-4,PC 3/2023,2023-09-15T09:00:00Z,,refused,2023-09-20T12:00:00Z"
OURS = f"construction_small,{CASABLANCA},c-5,,2026-02-26T09:00:00Z,,,"
GOOD = [RUNNING, INCOMPLETE, GRANTED, REFUSED, OURS]


@pytest.fixture(autouse=True)
async def _in_march(at: At) -> None:
    await at(NOW)


async def take_over(
    api: Api, *lines: str, dry_run: bool = False, persona: str = "president", header: str = HEADER
) -> Any:
    content = (header + "\n".join(lines)).encode()
    answer = await api.post(
        f"/v1/imports?dry_run={str(dry_run).lower()}",
        persona,
        files={"file": ("files.csv", content, "text/csv")},
    )
    return answer.json() | {"status": answer.status_code}


async def taken(api: Api) -> dict[str, dict[str, Any]]:
    """What the office then has, by applicant."""
    items = (await api.get("/v1/dossiers", "agent")).json()["items"]
    return {item["applicant"]: item for item in items}


async def test_good_lines_become_files_as_they_stood(api: Api, happened: Happened) -> None:
    report = await take_over(api, *GOOD)
    assert (report["imported"], report["already"], report["refused"]) == (5, 0, [])
    files = await taken(api)
    assert {who: (file["state"], file["reference"]) for who, file in files.items()} == {
        "c-1": ("under_review", "PC 17/2026"),
        "c-2": ("incomplete", "PC 18/2026"),
        "c-3": ("granted", "R 5"),
        "c-4": ("refused", "PC 3/2023"),
        "c-5": ("under_review", f"{CASABLANCA}/2026/00001"),
    }
    assert await happened(files["c-2"]["id"]) == ["submitted"]
    assert await happened(files["c-4"]["id"]) == ["submitted", "refused"]
    old = (await api.get(f"/v1/dossiers/{files['c-3']['id']}", "agent")).json()
    assert (old["submitted_at"], old["effective_at"]) == ("2022-09-15T09:00:00Z", "2022-12-01T12:00:00Z")
    assert (old["channel"], old["version"], old["procedure_version"]) == ("import", 2, 1)


async def test_importing_twice_imports_nothing_twice(api: Api, rokhas: ServiceDatabase) -> None:
    await take_over(api, RUNNING, OURS)
    report = await take_over(api, *GOOD)
    assert (report["imported"], report["already"]) == (3, 2)
    report = await take_over(api, *GOOD)
    assert (report["imported"], report["already"], report["refused"]) == (0, 5, [])
    async with rokhas.worker.transaction() as tx:
        counted = await tx.execute(text("SELECT count(*) FROM msg.event_log"))
        assert counted.scalar_one() == 5 + 2, "one submission each, two outcomes"


async def test_a_dry_run_reports_and_imports_nothing(api: Api) -> None:
    report = await take_over(api, *GOOD, RUNNING.replace("small", "castle"), dry_run=True)
    assert (report["dry_run"], report["lines"], report["acceptable"], report["imported"]) == (True, 6, 5, 0)
    assert [(bad["line"], bad["code"]) for bad in report["refused"]] == [(7, "procedure_unknown")]
    assert await taken(api) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("construction_small", "construction_castle"), "procedure_unknown"),
        (("2026-02-25", "2019-02-25"), "procedure_not_in_force"),
        ((CASABLANCA, "99.999.99.99"), "unknown_collectivity"),
        ((CASABLANCA, "06.371.01.01"), "not_allowed"),
        ((CASABLANCA, "06.141"), "collectivity_not_a_commune"),
        (("c-1", "office:06.141.01.0"), "invalid"),
        (("+01:00", ""), "instant_malformed"),
        (("2026-02-25", "2026-13-45"), "instant_malformed"),
        (("2026-02-25", "2027-02-25"), "filed_in_future"),
        (("PC 17/2026", f"{CASABLANCA}/2026/00001"), "reference_reserved"),
        (("c-1", "BE 123 456"), "invalid"),
        ((",c-1,", ",,"), "invalid"),
        (("PC 17/2026", "x" * 65), "invalid"),
        ((",,,", ",blood_group,,"), "not_in_recueil"),
        ((",,,", ",surface_certificate,,"), "document_not_required"),
        ((",,,", ",,granted,"), "outcome_incomplete"),
        ((",,,", ",,maybe,2026-02-26T09:00:00Z"), "invalid"),
        ((",,,", ",,refused,2026-02-20T09:00:00Z"), "notified_at"),
        ((",,,", ",site_plan,refused,2026-02-26T09:00:00Z"), "not_an_import"),
        ((",,,", ",,,,surplus"), "invalid"),
    ],
)
async def test_a_bad_line_is_reported_and_the_others_imported(
    api: Api, change: tuple[str, str], code: str
) -> None:
    report = await take_over(api, OURS, RUNNING.replace(*change), GRANTED)
    assert [(bad["line"], bad["code"]) for bad in report["refused"]] == [(3, code)]
    assert report["refused"][0]["detail"]
    assert (report["lines"], report["imported"]) == (3, 2)
    assert set(await taken(api)) == {"c-3", "c-5"}


async def test_a_line_that_comes_twice_in_one_table_is_imported_once(api: Api) -> None:
    report = await take_over(api, RUNNING, GRANTED, RUNNING.replace("c-1", "c-9"))
    assert [(bad["line"], bad["code"]) for bad in report["refused"]] == [(4, "duplicate_line")]
    assert (await taken(api)).keys() == {"c-1", "c-3"}


@pytest.mark.parametrize(
    ("header", "line", "status", "code"),
    [
        ("procedure,collectivity,applicant\n", "a,b,c", 422, "csv_columns"),
        (HEADER.replace("missing", "wanting"), RUNNING, 422, "csv_columns"),
        (HEADER.replace("missing", "applicant"), RUNNING, 422, "csv_columns"),
        (HEADER, f'{RUNNING}"a" b"\n"', 422, "csv_malformed"),
        ("", "", 422, "csv_columns"),
        (HEADER, f"{RUNNING}\n" * 5001, 413, "csv_too_long"),
    ],
    ids=["wanting", "unknown", "twice", "quotes", "empty", "long"],
)
async def test_what_is_no_such_table_is_one_problem(
    api: Api, header: str, line: str, status: int, code: str
) -> None:
    answer = await take_over(api, line, header=header)
    assert (answer["status"], answer["code"]) == (status, code)


async def test_a_spreadsheets_own_csv_is_read(api: Api) -> None:
    table = (HEADER + RUNNING).replace(",", ";").replace("\n", "\r\n")
    answer = await api.post(
        "/v1/imports?dry_run=false", "president", files={"file": ("x.csv", b"\xef\xbb\xbf" + table.encode())}
    )
    assert answer.json()["imported"] == 1
    latin = await api.post("/v1/imports", "agent", files={"file": ("x.csv", "é".encode("latin-1"))})
    assert (latin.status_code, latin.json()["code"]) == (422, "csv_not_utf8")


async def test_an_agent_only_tries_unless_the_signature_is_delegated(api: Api) -> None:
    tried = await take_over(api, RUNNING, persona="agent", dry_run=True)
    assert (tried["acceptable"], tried["refused"]) == (1, [])
    report = await take_over(api, RUNNING, persona="agent")
    assert (report["imported"], [bad["code"] for bad in report["refused"]]) == (0, ["not_allowed"])
    assert await taken(api) == {}
    assert (await take_over(api, RUNNING, persona="citizen"))["status"] == 403
    lent = {
        "collectivity": CASABLANCA,
        "kind": "signature",
        "giver": "president",
        "holder": "agent",
        "starts_at": NOW.isoformat(),
        "ends_at": (NOW + timedelta(days=5)).isoformat(),
    }
    assert (await api.post("/v1/delegations", "president", json=lent)).status_code == 201
    assert (await take_over(api, RUNNING, persona="agent"))["imported"] == 1


async def test_numbers_of_our_own_go_on_without_a_gap(api: Api) -> None:
    draft = {"procedure": "construction_small", "collectivity": CASABLANCA}
    for n in (1, 3):
        made = (await api.post("/v1/dossiers", "citizen", json=draft)).json()
        receipt = await api.post(f"/v1/dossiers/{made['id']}/submission", "citizen", json={})
        assert receipt.json()["reference"] == f"{CASABLANCA}/2026/{n:05d}"
        await take_over(api, OURS)
    assert (await taken(api))["c-5"]["reference"] == f"{CASABLANCA}/2026/00002"


LOG = text("SELECT * FROM msg.event_log WHERE pos > :pos ORDER BY pos")


class Wire:
    """Carries what one service announced to the other one's consumers, in order and once."""

    def __init__(self, source: ServiceDatabase, to: Service, sink: ServiceDatabase) -> None:
        self.source, self.to, self.sink, self.reached = source, to, sink, -1

    async def carry(self) -> int:
        async with self.source.worker.transaction() as tx:
            rows = (await tx.execute(LOG, {"pos": self.reached})).all()
        for row in rows:
            self.reached = row.pos
            topic = topic_of(row.source.removeprefix("/"), row.aggregatetype)
            envelope = Envelope(
                id=row.id,
                source=row.source,
                type=row.type,
                aggregate=row.aggregatetype,
                subject=row.aggregateid,
                sequence=row.seq,
                time=row.occurred_at,
                collectivity=row.collectivity,
                data=bytes(row.payload),
            )
            for consumer in self.to.consumers:
                if topic in consumer.topics:
                    async with self.sink.worker.transaction() as tx:
                        await consumer.handle(tx, envelope)
        return len(rows)


async def test_past_files_are_timed_by_the_law_of_their_day(
    api: Api, rokhas: ServiceDatabase, deadlines: ServiceDatabase, tmp_path: Path
) -> None:
    filed = f"construction_small,{CASABLANCA},%s,R-%s,2022-09-15T09:00:00Z,,%s"
    await take_over(
        api,
        filed % ("unanswered", 1, ","),
        filed % ("in-time", 2, "refused,2022-10-20T09:00:00Z"),
        filed % ("late", 3, "granted,2023-02-01T09:00:00Z"),
    )
    out, back = Wire(rokhas, DEADLINES, deadlines), Wire(deadlines, ROKHAS, rokhas)
    while await out.carry() + await back.carry():
        await announced(deadlines)
    files = await taken(api)
    assert {who: file["state"] for who, file in files.items()} == {
        "unanswered": "approved_by_silence",
        "in-time": "refused",
        "late": "granted",
    }
    silent = (await api.get(f"/v1/dossiers/{files['unanswered']['id']}", "agent")).json()
    assert silent["effective_at"].startswith("2022-11-1"), "two months, law 12-90 art. 48"
    async with api_of(DEADLINES, deadlines, tmp_path) as figures:
        season = await figures.get("/v1/statistics?since=2022-09-01&until=2022-11-30")
    total = season.json()["period"]["total"]
    assert (total["files"], total["decided"], total["overdue"]) == (3, 2, 2)


async def test_while_the_outbox_is_full_only_imports_wait(rokhas: ServiceDatabase, tmp_path: Path) -> None:
    """A legal act is never refused for it: the officer's own file is taken all the same."""
    settings = settings_of(ROKHAS, tmp_path, ROKHAS_OUTBOX_LIMIT="1")
    async with api_of(ROKHAS, rokhas, tmp_path, settings=settings) as api:
        assert (await take_over(api, RUNNING))["imported"] == 1
        content = (HEADER + INCOMPLETE).encode()
        refused = await api.post(
            "/v1/imports?dry_run=false", "president", files={"file": ("files.csv", content, "text/csv")}
        )
        assert (refused.status_code, refused.json()["code"]) == (503, "outbox_full")
        assert refused.headers["Retry-After"] == "60"
        assert (await take_over(api, INCOMPLETE, dry_run=True))["acceptable"] == 1
        draft = {"procedure": "repair", "collectivity": CASABLANCA}
        assert (await api.post("/v1/dossiers", "citizen", json=draft)).status_code == 201
