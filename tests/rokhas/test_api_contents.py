"""What a file holds is read by those it concerns, whole or in part, and every reading is recorded."""

import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import text

from services.rokhas.api import router
from services.rokhas.api.common import Change, DossierOut, authorize, changing
from services.rokhas.domain import Action
from services.rokhas.store import dossiers
from shared.db import Tx
from shared.http import Router
from shared.http.route import Route, dependants
from tests.rokhas.conftest import At, Says
from tests.rokhas.filed import filed
from tests.rokhas.test_api_applicant_files import PDF, upload
from tests.rokhas.test_api_commune import ARTICLE, FILED, act, problem, running
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

READS = text("SELECT aggregateid, payload FROM msg.event_log WHERE aggregatetype = 'access' ORDER BY pos")


REFUSED = text("SELECT payload FROM msg.event_log WHERE aggregateid = :id AND type LIKE '%.refused.v1'")


async def _reads(rokhas: ServiceDatabase) -> list[tuple[str, str]]:
    async with rokhas.worker.transaction() as tx:
        rows = (await tx.execute(READS)).all()
    return [(row.aggregateid, json.loads(row.payload)["action"]) for row in rows]


async def _with_minutes(api: Api, rokhas: ServiceDatabase) -> tuple[str, str]:
    """A file whose minutes an instructor signed, and their digest."""
    file = str(await filed(rokhas))
    digest = (await upload(api, "instructor", name="محضر.pdf")).json()["sha256"]
    signed = await act(api, file, "minutes", "instructor", document=digest)
    assert signed.json()["papers"][0]["kind"] == "minutes", signed.text
    return f"/v1/dossiers/{file}/contents/{digest}", digest


async def test_minutes_are_downloaded_by_whoever_reads_the_file(api: Api, rokhas: ServiceDatabase) -> None:
    path, digest = await _with_minutes(api, rokhas)
    before = len(await _reads(rokhas))
    for reader in ("citizen", "instructor", "president", "governor"):
        got = await api.get(path, reader)
        assert (got.status_code, got.content) == (200, PDF), (reader, got.text)
    assert got.headers["etag"] == f'"{digest}"'
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''%D9%85%D8%AD%D8%B6%D8%B1.pdf"
    assert [who for who, _ in (await _reads(rokhas))[before:]] == ["instructor", "president", "governor"]


async def test_nobody_else_reads_them_and_a_digest_alone_opens_nothing(
    api: Api, rokhas: ServiceDatabase
) -> None:
    path, digest = await _with_minutes(api, rokhas)
    assert problem(await api.get(path, "citizen2")) == (404, "dossier_unknown")
    assert problem(await api.get(path, "agent", commune="01.151.01.01")) == (404, "dossier_unknown")
    other = await filed(rokhas)
    assert problem(await api.get(f"/v1/dossiers/{other}/contents/{digest}", "citizen")) == (
        404,
        "document_unknown",
    )


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-3", 0, 3),
        ("bytes=0-0", 0, 0),
        ("bytes=5-", 5, len(PDF) - 1),
        ("bytes=-4", len(PDF) - 4, len(PDF) - 1),
        ("bytes=3-999999", 3, len(PDF) - 1),
    ],
)
async def test_a_range_is_cut_from_the_content(
    api: Api, rokhas: ServiceDatabase, asked: str, first: int, last: int
) -> None:
    path, digest = await _with_minutes(api, rokhas)
    got = await api.get(path, "citizen", headers={"Range": asked, "If-Range": f'"{digest}"'})
    assert (got.status_code, got.content) == (206, PDF[first : last + 1])
    assert got.headers["content-range"] == f"bytes {first}-{last}/{len(PDF)}"
    assert got.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": f"bytes={len(PDF)}-"}, 416),
        ({"Range": "bytes=-0"}, 416),
        ({"Range": "bytes=9-2"}, 200),  # invalid, so ignored (RFC 9110 14.1.1)
        ({"Range": "bytes=0-1,4-5"}, 200),
        ({"Range": "lines=1-2"}, 200),
        ({"Range": "bytes=-"}, 200),
        ({"Range": "bytes=0-1", "If-Range": '"another"'}, 200),
        ({"If-None-Match": '"another"'}, 200),
    ],
)
async def test_what_is_no_range_gives_the_whole_or_nothing(
    api: Api, rokhas: ServiceDatabase, headers: dict[str, str], status: int
) -> None:
    path, _ = await _with_minutes(api, rokhas)
    got = await api.get(path, "citizen", headers=headers)
    assert (got.status_code, got.content) == (status, PDF if status == 200 else b"")


def _damage(home: Path, digest: str) -> None:
    (stored,) = (one for one in home.rglob(digest) if one.is_file())
    stored.write_bytes(PDF[:-1] + b"x")


@pytest.mark.parametrize("asked", ["bytes=0-3", "bytes=-4"])
async def test_no_part_of_a_damaged_content_passes_for_the_document(
    api: Api, rokhas: ServiceDatabase, tmp_path: Path, asked: str
) -> None:
    path, digest = await _with_minutes(api, rokhas)
    _damage(tmp_path, digest)
    assert problem(await api.get(path, "citizen", headers={"Range": asked})) == (500, "unexpected")


async def test_who_has_it_is_told_so(api: Api, rokhas: ServiceDatabase) -> None:
    path, digest = await _with_minutes(api, rokhas)
    got = await api.get(path, "citizen", headers={"If-None-Match": f'"x", "{digest}"'})
    assert (got.status_code, got.content, got.headers["etag"]) == (304, b"", f'"{digest}"')


async def test_proofs_and_deeds_stay_in_the_file(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    await at(FILED)
    file = await running(rokhas, clock_says)
    proof = (await upload(api, "agent", PDF + b"%proof")).json()["sha256"]
    handover = {"outcome": "refused", "reasons": [ARTICLE], "evidence": proof}
    when = (await api.get(f"/v1/dossiers/{file}", "citizen")).json()["submitted_at"]
    recorded = await act(api, file, "handover", "agent", handed_over_at=when, **handover)
    assert recorded.status_code == 200, recorded.text
    assert (await act(api, file, "handover/rejection", "instructor")).json()["handover"] is None
    deed = (await upload(api, "citizen", PDF + b"%deed")).json()["sha256"]
    moved = {"successor": "citizen2", "basis": "buyer", "evidence": deed}
    shown = (await act(api, file, "transfer", "citizen", **moved)).json()
    assert [(p["kind"], p["file"]) for p in shown["papers"]] == [
        ("handover_proof", proof),
        ("transfer_deed", deed),
    ]
    assert await _reads(rokhas) == [("agent", "record_handover"), ("instructor", "reject_handover")]
    for digest in (proof, deed):
        assert (await api.get(f"/v1/dossiers/{file}/contents/{digest}", "citizen2")).status_code == 200


async def test_whoever_changes_somebody_elses_file_has_read_it(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    await at(FILED)
    file = await running(rokhas, clock_says)
    assert (await act(api, file, "works", "citizen")).status_code == 409
    assert (await act(api, file, "messages", "citizen", text="Bonjour")).status_code == 200
    assert await _reads(rokhas) == []
    ask = {"document": "site_plan", "reasons": "Illisible"}
    assert (await act(api, file, "replacement-requests", "instructor", **ask)).status_code == 200
    assert (await act(api, file, "decision", "president", outcome="granted")).status_code == 200
    assert await _reads(rokhas) == [("instructor", "request_replacement"), ("president", "grant")]


def ways(routes: Router) -> dict[str, bool]:
    """Each step on a file, and whether it goes through `changing`: which locks, heeds If-Match, saves with
    one event and records the reading.
    """
    return {
        f"{method} {context.path}": any(
            getattr(one.call, "__qualname__", "") == "changing.<locals>.load"
            for one in dependants(route.dependant)
        )
        for context in iter_route_contexts(routes.routes)
        if isinstance(route := context.original_route, Route)
        and (context.path or "").startswith("/v1/dossiers/{dossier_id}")
        for method in sorted((route.methods or set()) - {"GET", "HEAD"})
    }


def test_every_step_on_a_file_goes_through_the_one_way_to_change_it() -> None:
    found = ways(router)
    assert len(found) > 35
    assert [step for step, changes in found.items() if not changes] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_planted_step_that_locks_and_saves_by_itself_is_found(method: str) -> None:
    part = Router(prefix="/dossiers/{dossier_id}")

    @part.api_route("/planted", methods=[method])
    async def planted(tx: Annotated[Tx, authorize(Action.FORWARD)], dossier_id: UUID) -> None:
        dossier = await dossiers.locked(tx, dossier_id)
        await dossiers.save(tx, dossier, because=dossier.forward(by=tx.actor, now=tx.now))

    @part.api_route("/proper", methods=[method])
    async def proper(file: Annotated[Change, changing(Action.FORWARD)]) -> DossierOut:
        return await file.answer(file.dossier.forward(**file.officer))

    routes = Router()
    routes.include_router(part)
    below = "/v1/dossiers/{dossier_id}"
    assert ways(routes) == {f"{method} {below}/planted": False, f"{method} {below}/proper": True}


@pytest.mark.parametrize(
    ("step", "who", "body", "where"),
    [
        ("decision", "president", {"outcome": "refused", "reasons": [ARTICLE | {"article": " "}]}, "article"),
        ("annulment", "governor", {"act": " "}, "act"),
        ("withdrawal", "agent", {"counter": {"unit": "Guichet de Mme Alami"}}, "unit"),
    ],
)
async def test_what_is_empty_or_names_a_person_as_a_place_is_refused(
    api: Api, rokhas: ServiceDatabase, step: str, who: str, body: dict[str, Any], where: str
) -> None:
    answer: httpx.Response = await act(api, str(await filed(rokhas)), step, who, **body)
    assert problem(answer) == (422, "invalid")
    assert where in answer.json()["errors"][0]["path"]


@pytest.mark.parametrize(
    ("written", "carried"),
    [
        ("loi 12-90, art. 43 et 47", ["loi 12-90, art. 43 et 47"]),
        ("M. Bennani n'a pas payé, art. 4", []),
        ("Règlement du lotissement Al Amal", []),
    ],
)
async def test_a_refusal_is_never_refused_for_how_its_ground_is_written(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At, written: str, carried: list[str]
) -> None:
    """At 23:55 there is no time left to learn a form: what events cannot carry stays in the file."""
    await at(FILED)
    file = await running(rokhas, clock_says)
    reasons = [ARTICLE | {"article": written}]
    shown = await act(api, file, "decision", "president", outcome="refused", reasons=reasons)
    assert shown.json()["decision"]["reasons"][0]["article"] == written, shown.text
    async with rokhas.worker.transaction() as tx:
        payload = (await tx.execute(REFUSED, {"id": file})).scalar_one()
    assert json.loads(payload)["articles"] == carried
    told = await api.get(f"/v1/dossiers/{file}/timeline", "citizen")
    assert told.status_code == 200
    assert "Bennani" not in told.text


async def test_a_reminder_and_the_declaration_that_ends_the_waiting(
    api: Api, rokhas: ServiceDatabase, clock_says: Says, at: At
) -> None:
    await at(FILED)
    file = await running(rokhas, clock_says)
    asked = (await act(api, file, "information-requests", "instructor", reasons="Hauteur ?")).json()
    request = asked["requests"][0]["id"]
    reminder = f"requests/{request}/reminder"
    assert problem(await act(api, file, reminder, "instructor")) == (409, "reminded_lately")
    await at(FILED.replace(day=FILED.day + 8))
    reminded = await act(api, file, reminder, "instructor")
    assert reminded.json()["requests"][0]["reminded_at"] is not None, reminded.text
    assert problem(await act(api, file, reminder, "citizen")) == (403, "role_not_allowed")
    resumed = await act(api, file, f"requests/{request}/answer", "citizen", nothing_more=True)
    assert (resumed.json()["state"], resumed.json()["clock_known"]) == ("under_review", False)
