"""What every API does alike: problems, keys, versions, pages, limits, health, documentation."""

import asyncio
import io
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from openapi_spec_validator import validate
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db import Database
from shared.errors import Malformed
from shared.http import Paging, create_app, forget_keys
from shared.http.context import preferred
from shared.http.values import encode_cursor
from tests.shared.conftest import Toy
from tests.shared.toy.service import SERVICE, runs
from tests.support.databases import ServiceDatabase
from tests.support.probes import eventually

NOTE = {"commune": "06.141.01.0", "body": "hello"}
ABSENT = object()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "ar"),
        ("fr", "fr"),
        ("fr-MA,fr;q=0.9,en;q=0.8", "fr"),
        ("de, en;q=0.5", "en"),
        ("de", "ar"),
        ("*", "ar"),
        ("ar;q=0, fr;q=0.1", "fr"),
        ("fr;q=0.5, en;q=0.7", "en"),
        ("fr;q=nonsense", "ar"),
    ],
)
def test_language(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


@pytest.mark.parametrize(
    ("language", "title"), [("ar", "غير موجود"), ("fr", "Introuvable"), ("en", "Not found")]
)
async def test_a_problem_speaks_the_readers_language(toy: Toy, language: str, title: str) -> None:
    headers = toy.headers() | {"Accept-Language": language}
    answer = await toy.client.get(f"/toy/v1/notes/{uuid4()}", headers=headers)
    assert answer.json() == {
        "type": "https://jamaa.ma/problems/note_unknown",
        "title": title,
        "status": 404,
        "code": "note_unknown",
    }
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Content-Language"] == language


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b'{"body": "\xff"}', "application/json", 400, "malformed_json"),
        (b'{"body": "\\ud800"}', "application/json", 400, "malformed_json"),
        (b'{"commune": "06.1", "body": "\\u0000"}', "application/json", 400, "nul_character"),
        (b'{"commune": "06.1", "body": "\\\\u0000"}', "application/json", 200, None),
        (b"[]", "application/json", 422, "invalid"),
        (b"", "application/json", 422, "invalid"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{}", None, 415, "unsupported_media_type"),
        (b"[" * 100_000, "application/json", 400, "malformed_json"),
        (b'{"body": "' + b"x" * 1_048_576 + b'"}', "application/json", 413, "too_large"),
    ],
)
async def test_a_body_that_cannot_be_read(
    toy: Toy, content: bytes, content_type: str | None, status: int, code: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await toy.client.post("/toy/v1/estimates", content=content, headers=headers)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"owner": "AB123456"}, "body.owner", "extra_forbidden"),
        ({"body": ABSENT}, "body.body", "missing"),
        ({"body": 5}, "body.body", "string_type"),
        ({"copies": "5"}, "body.copies", "int_type"),
        ({"copies": True}, "body.copies", "int_type"),
        ({"copies": 10}, "body.copies", "less_than_equal"),
        ({"commune": "AB123456"}, "body.commune", "string_pattern_mismatch"),
        ({"at": "2026-03-02T10:00:00"}, "body.at", "timezone_aware"),
        ({"at": 1_767_225_600}, "body.at", "datetime_type"),
        ({"at": "0001-01-01T00:00:00+23:00"}, "body.at", "value_error"),
    ],
)
async def test_an_invalid_body_says_where_and_never_what(
    toy: Toy, changes: dict[str, Any], path: str, code: str
) -> None:
    sent = {name: value for name, value in (NOTE | changes).items() if value is not ABSENT}
    headers = {"Content-Type": "application/json", "Accept-Language": "fr"}
    answer = await toy.client.post("/toy/v1/estimates", content=json.dumps(sent), headers=headers)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["path"], error["code"]) == (path, code)
    assert error["message"]
    assert "AB123456" not in answer.text


async def test_an_upload_has_its_own_limit(toy: Toy) -> None:
    answer = await toy.post("/toy/v1/files", files={"file": ("x.pdf", b"x" * 4096, "application/pdf")})
    assert (answer.status_code, answer.json()["most"]) == (413, 4096)
    assert runs == []


async def test_a_body_of_unknown_length_is_counted(toy: Toy) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    answer = await toy.client.post("/toy/v1/estimates", content=endless())
    assert (answer.status_code, answer.json()["most"]) == (413, 1_048_576)


async def test_instants_leave_in_utc(toy: Toy) -> None:
    sent = NOTE | {"at": "2026-03-02T10:00:00+01:00"}
    answer = await toy.client.post("/toy/v1/estimates", json=sent)
    assert answer.json() == {"caller": "anonymous", "at": "2026-03-02T09:00:00Z"}


async def test_a_public_route_knows_who_sends_a_token(toy: Toy) -> None:
    answer = await toy.client.post("/toy/v1/estimates", json=NOTE, headers=toy.headers("citizen7"))
    assert answer.json()["caller"] == "citizen7"
    bad = await toy.client.post("/toy/v1/estimates", json=NOTE, headers={"Authorization": "Bearer x"})
    assert bad.status_code == 401


async def test_a_rate_limit_says_when_to_come_back(toy: Toy) -> None:
    answers = [await toy.client.post("/toy/v1/estimates", json=NOTE) for _ in range(6)]
    assert [a.status_code for a in answers] == [200] * 5 + [429]
    assert answers[-1].json()["code"] == "too_many_requests"
    assert int(answers[-1].headers["Retry-After"]) > 0
    other = await toy.client.post("/toy/v1/estimates", json=NOTE, headers=toy.headers("citizen7"))
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_malformed"),
        ("a b", "idempotency_key_malformed"),
        ("k" * 256, "idempotency_key_malformed"),
    ],
)
async def test_a_post_needs_an_idempotency_key(toy: Toy, key: str | None, code: str) -> None:
    headers = toy.headers() | ({} if key is None else {"Idempotency-Key": key})
    answer = await toy.client.post("/toy/v1/notes", json=NOTE, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert runs == []


async def test_a_key_belongs_to_one_caller_and_one_request(toy: Toy) -> None:
    key = uuid4().hex
    first = await toy.post("/toy/v1/notes", key=key, json=NOTE)
    again = await toy.post("/toy/v1/notes", key=key, json=NOTE)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["ETag"] == '"1"'
    reused = await toy.post("/toy/v1/notes", key=key, json=NOTE | {"body": "other"})
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    neighbour = await toy.post("/toy/v1/notes", "citizen2", key=key, json=NOTE)
    assert neighbour.status_code == 201
    assert neighbour.json()["id"] != first.json()["id"]


async def test_a_refused_request_frees_its_key(toy: Toy) -> None:
    key = uuid4().hex
    assert (await toy.post("/toy/v1/notes", key=key, json={})).status_code == 422
    assert (await toy.post("/toy/v1/notes", key=key, json=NOTE)).status_code == 201


async def test_old_keys_are_forgotten_by_the_worker_only(toy: Toy, toy_dsns: dict[str, str]) -> None:
    key = uuid4().hex
    await toy.post("/toy/v1/notes", key=key, json=NOTE)
    admin = Database(toy_dsns["admin"])
    await admin.look(
        text("UPDATE msg.idempotency SET created_at = created_at - interval '8 days' WHERE key = :key"),
        {"key": key},
    )
    with pytest.raises(DBAPIError, match="permission denied"):
        await forget_keys(toy.database)

    async def kept() -> int:
        found = await admin.look(text("SELECT count(*) FROM msg.idempotency WHERE key = :key"), {"key": key})
        return int(found[0][0])

    forgetting = asyncio.create_task(forget_keys(toy.worker))
    await eventually(kept, 0)
    forgetting.cancel()
    await asyncio.wait([forgetting])
    await admin.close()
    assert "Idempotency-Replayed" not in (await toy.post("/toy/v1/notes", key=key, json=NOTE)).headers


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (None, 428, "if_match_missing"),
        ("7", 400, "if_match_malformed"),
        ('W/"1"', 400, "if_match_malformed"),
        ("*", 400, "if_match_malformed"),
        ('"2"', 412, "note_stale"),
        ('"999999999999999999"', 412, "note_stale"),
        ('"1"', 200, None),
    ],
)
async def test_an_update_names_the_version_it_read(
    toy: Toy, sent: str | None, status: int, code: str | None
) -> None:
    note = await toy.note()
    headers = toy.headers() | ({"If-Match": sent} if sent else {})
    answer = await toy.client.put(f"/toy/v1/notes/{note['id']}", json=NOTE, headers=headers)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


async def test_pages_meet_without_gap_or_overlap(toy: Toy) -> None:
    me = f"citizen{uuid4().int % 10**9}"
    written = {(await toy.note(me, body=f"listed {i % 2}"))["id"] for i in range(7)}
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await toy.client.get("/toy/v1/notes", params=query, headers=toy.headers(me))).json()
        seen += [note["id"] for note in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == 7
    assert set(seen) == written


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "limits=5", "cursor=x&offset=2"],
)
async def test_a_wrong_query_is_422(toy: Toy, query: str) -> None:
    assert (await toy.client.get(f"/toy/v1/notes?{query}", headers=toy.headers())).status_code == 422


def cursor(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "bad",
    ["x", "é", "", "====", cursor({}), cursor("ab"), cursor(["a"]), cursor(["a", "b"]), cursor(["a\0", "b"])],
)
async def test_a_cursor_of_somebody_elses_making_is_400(toy: Toy, bad: str) -> None:
    answer = await toy.client.get("/toy/v1/notes", params={"cursor": bad}, headers=toy.headers())
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_malformed")


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (str, "ماء"),
        (int, -5),
        (datetime, datetime(2026, 3, 2, 10, 30, 0, 123456, tzinfo=UTC)),
        (UUID, UUID(int=7)),
    ],
)
def test_a_cursor_gives_back_its_key(type_: type, value: Any) -> None:
    assert Paging(cursor=encode_cursor(value)).after(type_) == (value,)


@pytest.mark.parametrize(
    ("type_", "value"), [(int, 2**63), (int, True), (int, "1"), (datetime, "2026-03-02T10:00:00"), (str, 1)]
)
def test_a_cursor_holds_what_the_list_sorts_by(type_: type, value: Any) -> None:
    with pytest.raises(Malformed):
        Paging(cursor=cursor([value])).after(type_)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/toy/v1/nothing", 404, None),
        ("GET", "/toy/v1/notes/", 404, None),
        ("GET", "/nothing", 404, None),
        ("DELETE", "/toy/v1/notes", 405, "GET, POST"),
        ("PATCH", f"/toy/v1/notes/{UUID(int=1)}", 405, "GET, PUT"),
        ("POST", "/toy/livez", 405, "GET, HEAD"),
    ],
)
async def test_paths_and_methods_that_do_not_exist(
    toy: Toy, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = await toy.client.request(method, path)
    assert (answer.status_code, answer.headers.get("Allow")) == (status, allow)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("sent", "kept"), [("abc-1.2:3_4", True), ("x" * 65, False), ("a b", False), ("ü", False), ("", False)]
)
async def test_a_correlation_id_comes_back_if_it_is_one(toy: Toy, sent: str, kept: bool) -> None:
    answer = await toy.client.get(
        "/toy/livez", headers=httpx.Headers({b"X-Correlation-ID": sent.encode("latin-1")})
    )
    assert (answer.headers["X-Correlation-ID"] == sent) is kept
    assert answer.headers["X-Correlation-ID"]


STATE = "vendor=00f067aa0ba902b7,tenant@other=a b,"


@pytest.mark.parametrize(
    ("follow", "sent", "kept"),
    [
        (True, STATE, STATE),
        (True, "no list", None),
        (True, "Upper=case", None),
        (True, ",".join(f"k{n}=v" for n in range(33)), None),
        (True, f"k={'v' * 600}", None),
        (False, STATE, None),
    ],
)
async def test_correlation_and_trace_travel_into_the_event(
    toy: Toy, follow: bool, sent: str, kept: str | None
) -> None:
    """A caller's trace only where a gateway of ours says it: else whoever asks has all he does recorded."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    toy.app.state.follow = follow
    ids = {"X-Correlation-ID": uuid4().hex, "traceparent": trace, "tracestate": sent}
    await toy.post("/toy/v1/notes", json=NOTE, headers=ids)
    async with toy.worker.transaction() as tx:
        found = await tx.execute(text("SELECT headers FROM msg.event_log ORDER BY pos DESC LIMIT 1"))
        headers = found.scalar_one()
    assert headers["correlation_id"] == ids["X-Correlation-ID"]
    assert (headers.get("traceparent"), headers.get("tracestate")) == (trace if follow else None, kept)
    assert headers["actor"] == "citizen"


async def test_health(toy: Toy) -> None:
    assert (await toy.client.get("/toy/livez")).json() == {"status": "ok"}
    ready = await toy.client.get("/toy/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok"})


async def test_a_service_without_its_database_is_alive_and_not_ready(toy: Toy) -> None:
    await toy.database.close()
    toy.database.pool.dsn = "postgresql://nobody@127.0.0.1:1/none"
    assert (await toy.client.get("/toy/livez")).status_code == 200
    ready = await toy.client.get("/toy/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
    answer = await toy.client.get("/toy/v1/notes", headers=toy.headers())
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")


async def test_a_failover_under_way_is_503(toy: Toy, database: ServiceDatabase) -> None:
    """The primary has ended, its standby is none yet: no server is what `target_session_attrs` asks for."""
    await toy.database.close()
    toy.database.pool.dsn = f"{database.admin_dsn}?target_session_attrs=standby"
    answer = await toy.client.get("/toy/v1/notes", headers=toy.headers())
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")


async def test_metrics_count_by_template(toy: Toy) -> None:
    await toy.client.get(f"/toy/v1/notes/{uuid4()}", headers=toy.headers())
    await toy.client.get("/toy/v1/nothing")
    text = (await toy.client.get("/toy/metrics")).text
    assert 'route="/v1/notes/{note}",service="toy",status="404"' in text
    assert 'route="(none)",service="toy",status="404"' in text
    assert "/v1/nothing" not in text
    assert 'jamaa_http_failures_total{service="toy"}' in text, "from the start: a rate needs the zero"


async def test_an_answer_is_one_line_of_the_log_without_identifiers(toy: Toy, logged: io.StringIO) -> None:
    note = uuid4()
    answer = await toy.client.get(f"/toy/v1/notes/{note}?x=AB123456", headers=toy.headers())
    await toy.client.get("/toy/livez")
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"] == "http.answered"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/notes/{note}", 422)
    assert line["correlation_id"] == answer.headers["X-Correlation-ID"]
    assert str(note) not in logged.getvalue()


async def test_services_share_a_process_or_not(toy: Toy) -> None:
    other = replace(SERVICE, name="other")
    tokens = toy.app.routes[-1].app.state.site.tokens
    app = create_app([SERVICE, other], {"toy": toy.database, "other": toy.database}, tokens)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://toy") as client:
        for name in ("toy", "other"):
            document = (await client.get(f"/{name}/openapi.json")).json()
            assert document["servers"] == [{"url": f"/{name}"}]
            assert (await client.get(f"/{name}/readyz")).status_code == 200
        metrics = (await client.get("/other/metrics")).text
    assert 'service="other"' in metrics
    assert 'service="toy"' not in metrics


async def test_the_description_is_valid_and_complete(toy: Toy) -> None:
    document = (await toy.client.get("/toy/openapi.json")).json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/toy"}]
    assert "HTTPValidationError" not in json.dumps(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            refusals = {s: r for s, r in operation["responses"].items() if s >= "400"}
            assert {"400", "401", "403", "404", "422", "503"} <= refusals.keys(), (path, method)
            for response in refusals.values():
                assert list(response["content"]) == ["application/problem+json"]
    write, rewrite = document["paths"]["/v1/notes"]["post"], document["paths"]["/v1/notes/{note}"]["put"]
    assert [p["name"] for p in write["parameters"] if p["required"]] == ["Idempotency-Key"]
    assert "If-Match" in [p["name"] for p in rewrite["parameters"]]
    assert {"412", "428", "413", "415", "409"} <= rewrite["responses"].keys()
    assert write["security"] == [{"bearer": []}]
    assert "security" not in document["paths"]["/v1/estimates"]["post"]
    answered = document["paths"]["/v1/notes/{note}/answer"]["post"]["responses"]["200"]
    assert answered["content"]["application/json"]["schema"]["$ref"].endswith("/NoteOut")


async def test_the_documentation_needs_no_other_server(toy: Toy) -> None:
    page = (await toy.client.get("/toy/docs")).text
    assert "/toy/v1/notes/{note}/answer" in page
    assert "src=" not in page
    assert "http://" not in page
    assert "https://jamaa.ma" not in page.partition("<h2>")[0]
