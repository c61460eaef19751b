"""The operator's commands on a platform that runs: what they print, what they refuse, what they change."""

import asyncio
import base64
import json
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from deploy import platform as remembered
from deploy.registry import SERVICES
from tests.support.launching import Done, Launcher, fresh_home, jamaa, typed_into

T = TypeVar("T")
PATIENCE = 60.0
COMPLETED = "ma.jamaa.rokhas.dossier.completed.v1"
TOPIC = "jamaa.rokhas.dossier.events"
CONSUMERS = tuple(one.name for service in SERVICES for one in service.consumers if TOPIC in one.topics)


Jamaa = Callable[..., Done]


@pytest.fixture
def typed(platform: Launcher, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jamaa:
    monkeypatch.setenv("JAMAA_HOME", str(platform.home))

    def run(*arguments: str) -> Done:
        return typed_into(capsys, *arguments)

    return run


def ask(service: str, platform: Launcher, look: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    """Something of one database, as its owner."""

    async def asked() -> T:
        dsn = platform.variables()[f"JAMAA_{service.upper()}_MIGRATOR_DATABASE_URL"]
        connection = await asyncpg.connect(dsn)
        try:
            return await look(connection)
        finally:
            await connection.close()

    return asyncio.run(asked())


def eventually(look: Callable[[], object], expected: object) -> None:
    deadline = time.monotonic() + PATIENCE
    while (seen := look()) != expected:
        assert time.monotonic() < deadline, f"still {seen!r}, expected {expected!r}"
        time.sleep(0.1)


def calm(typed: Jamaa, *more: str) -> Done:
    """What `status` says once all is well."""
    said: list[Done] = []

    def status() -> int:
        said.append(typed("status", *more))
        return said[-1].status

    eventually(status, 0)
    return said[-1]


@pytest.fixture
def poison(platform: Launcher) -> Iterator[str]:
    """A file whose first event lacks what its readers need; all hold it. Passed over at the end."""
    subject = str(uuid4())
    emit = "SELECT msg.emit('dossier', $1, $2, '06.141.01.0', '{}', '{}', now())"
    ask("rokhas", platform, lambda c: c.execute(emit, subject, COMPLETED))
    held = "SELECT count(*) FROM msg.inbox_head WHERE aggregateid = $1 AND state <> 'open'"
    for service in ("deadlines", "rokhas"):
        readers = sum(name.startswith(f"{service}.") for name in CONSUMERS)
        eventually(lambda s=service: ask(s, platform, lambda c: c.fetchval(held, subject)), readers)  # type: ignore[misc]
    yield subject
    opened = "UPDATE msg.inbox_head SET last_seq = 2, state = 'open' WHERE aggregateid = $1"
    discarded = "DELETE FROM msg.inbox_parked WHERE aggregateid = $1"
    for service in ("deadlines", "rokhas"):
        ask(service, platform, lambda c: c.execute(opened, subject))
        ask(service, platform, lambda c: c.execute(discarded, subject))
    head = "UPDATE msg.aggregate_head SET last_seq = 2 WHERE aggregateid = $1"
    ask("rokhas", platform, lambda c: c.execute(head, subject))


def test_calm_is_said_plainly(typed: Jamaa) -> None:
    done = calm(typed)
    assert "pending 0, lag 0, blocked 0, dead letters 0, heads equal" in done.out
    for service in SERVICES:
        assert service.name in done.out
        for consumer in service.consumers:
            assert consumer.name in done.out


def test_status_for_programs(typed: Jamaa) -> None:
    report = json.loads(calm(typed, "--json").out)
    assert (report["well"], report["wrong"]) == (True, [])
    assert set(report["services"]) == {service.name for service in SERVICES}


def test_what_is_held_is_seen_tried_again_and_passed_over_by_two(typed: Jamaa, poison: str) -> None:
    done = typed("status")
    assert done.status == 1
    assert "! deadlines.clocks: 1 aggregates blocked (jamaa stuck)" in done.out
    stuck = typed("stuck").out
    for consumer in CONSUMERS:
        assert re.search(rf"{consumer} {poison} blocked at 1 of /rokhas dossier", stuck)
    assert typed("redrive", "deadlines.clocks", poison).status == 1

    where = ("deadlines.clocks", poison, "1")
    assert "Nobody proposed" in typed("skip", "confirm", *where, "--by", "salma").err
    assert typed("skip", "propose", *where, "--by", "salma", "--reason", "made by a test").status == 0
    assert "skip of 1 proposed by salma: made by a test" in typed("stuck").out
    assert "cannot confirm" in typed("skip", "confirm", *where, "--by", "salma").err
    assert typed("skip", "confirm", *where, "--by", "driss").status == 0
    assert f"deadlines.clocks {poison}" not in typed("stuck").out
    register = "SELECT proposed_by, confirmed_by FROM msg.skip_register WHERE aggregateid = $1"
    assert tuple(ask("deadlines", typed_platform(), lambda c: c.fetchrow(register, poison))) == (
        "salma",
        "driss",
    )


def test_the_second_person_is_proven_by_a_token(
    typed: Jamaa, poison: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = {
        who: typed("token", who, *more).out.strip()
        for who, *more in [("operator",), ("operator2",), ("operator3", "--subject", "operator"), ("agent",)]
    }
    where = ("deadlines.clocks", poison, "1")

    def confirm(token: str, *more: str) -> Done:
        monkeypatch.setenv("JAMAA_TOKEN", token)
        return typed("skip", "confirm", *where, *more)

    monkeypatch.setenv("JAMAA_PROFILE", "production")
    refused = typed("skip", "propose", *where, "--reason", "made by a test")
    assert "set JAMAA_TOKEN to an operator's token" in refused.err
    assert "--by is for development" in typed("skip", "confirm", *where, "--by", "driss").err
    monkeypatch.setenv("JAMAA_TOKEN", tokens["operator"])
    assert typed("skip", "propose", *where, "--reason", "made by a test").status == 0
    assert "cannot confirm" in confirm(tokens["operator3"]).err, "another token of the same person"
    assert "is agent's, who is no operator" in confirm(tokens["agent"]).err
    assert "JAMAA_TOKEN is refused (token_invalid)" in confirm(tokens["operator2"] + "x").err
    assert "--by is for development" in confirm(tokens["operator2"], "--by", "driss").err
    assert confirm(tokens["operator2"]).status == 0
    said = typed("log").out.splitlines()[-2:]
    assert [line.split()[1:6] for line in said] == [
        ["deadlines:", "operator", "(jamaa_deadlines_worker)", "skip", "propose"],
        ["deadlines:", "operator2", "(jamaa_deadlines_worker)", "skip", "confirm"],
    ]
    assert said[0].endswith("reason=made by a test")


def typed_platform() -> Launcher:
    """The platform that JAMAA_HOME names now."""
    return Launcher(remembered.home())


def test_a_record_that_is_no_event_is_kept_until_resolved(
    typed: Jamaa, platform: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=platform.variables()["JAMAA_KAFKA_BOOTSTRAP"])
        async with producer:
            await producer.send_and_wait("jamaa.deadlines.clock.events", b"not an event", key=b"x")

    asyncio.run(send())
    monkeypatch.setenv("COLUMNS", "200")
    readers = [
        (service.name, one.name)
        for service in SERVICES
        for one in service.consumers
        if "jamaa.deadlines.clock.events" in one.topics
    ]
    eventually(lambda: typed("dead-letters").out.count("ce_specversion"), len(readers))
    assert "dead letters (jamaa dead-letters)" in typed("status").out
    found = "SELECT part, off FROM msg.dead_letter WHERE resolved_at IS NULL AND consumer = $1"
    for service, reader in readers:
        part, offset = ask(service, platform, lambda c, reader=reader: c.fetchrow(found, reader))  # type: ignore[misc]
        where = (reader, "jamaa.deadlines.clock.events", str(part), str(offset))
        assert typed("dead-letters", "resolve", *where, "--resolution", "a test's").status == 0
    assert typed("dead-letters").out.strip() == "no dead letters"


def test_events_are_listed_filtered_and_shown(typed: Jamaa, platform: Launcher) -> None:
    subject = platform.draft()
    line = next(line for line in typed("events", "tail", "-n", "50").out.splitlines() if subject in line)
    identifier = line.split()[-1]
    assert line.split()[1:] == ["rokhas.dossier.drafted.v1", subject, "#1", "06.141.01.0", identifier]
    assert subject in typed("events", "tail", "--type", "drafted", "--service", "rokhas").out
    assert subject not in typed("events", "tail", "--type", "*.clock.*").out
    shown = json.loads(typed("events", "show", identifier).out)
    assert (shown["subject"], shown["topic"]) == (subject, "jamaa.rokhas.dossier.events")
    assert shown["data"]["channel"] == "portal"
    eventually(
        lambda: json.loads(typed("events", "show", identifier).out)["consumers"].get("deadlines.clocks"),
        "applied",
    )
    assert typed("replay", "rokhas", "--aggregate", subject).out == "1 events of rokhas are sent again\n"
    assert typed("replay", "rokhas", "--since", "2999-01-01T00:00:00Z").out.startswith("0 events")


def test_a_token_is_all_that_is_printed_and_opens_the_door(platform: Launcher) -> None:
    done = jamaa(platform.home, "token", "president", "--commune", "06.461.01.15", "--subject", "p-7")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", done.stdout)
    body = done.stdout.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert (claims["sub"], claims["communes"]) == ("p-7", ["06.461.01.15"])
    url = f"http://127.0.0.1:{platform.port}/rokhas/v1/queue"
    assert httpx.get(url, headers={"Authorization": f"Bearer {done.stdout.strip()}"}).status_code == 200


def test_legal_time_moves_in_every_database_and_not_silently_back(typed: Jamaa, platform: Launcher) -> None:
    def shifts() -> list[float]:
        sql = "SELECT extract(epoch FROM shift)::float FROM msg.legal_clock"
        return [ask(service.name, platform, lambda c: c.fetchval(sql)) for service in SERVICES]

    assert typed("clock", "reset", "--force").status == 0
    assert typed("clock", "advance", "1w2d").status == 0
    assert shifts() == [9 * 86400.0] * len(SERVICES)
    refused = typed("clock", "set", "2026-01-01T00:00:00Z")
    assert (refused.status, refused.out) == (1, "")
    assert "--force" in refused.err
    assert shifts() == [9 * 86400.0] * len(SERVICES)
    assert typed("clock", "set", "2030-03-02T10:00:00+01:00").out.startswith("legal time is 2030-03-02T09:0")
    assert len(set(shifts())) == 1
    assert "moved by" in typed("clock", "show").out
    traces = [line for line in typed("log").out.splitlines() if "(jamaa_migrator) clock moved_from=" in line]
    assert len(traces) >= 2 * len(SERVICES)
    assert typed("clock", "reset", "--force").status == 0


def test_production_has_no_other_time_and_no_personas(typed: Jamaa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAMAA_PROFILE", "production")
    assert "only development may move its clock" in typed("clock", "advance", "30d").err
    assert "refuses to start in the profile 'production'" in typed("token", "citizen").err


def test_databases_are_migrated_by_their_owners(
    typed: Jamaa, platform: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = typed("migrate")
    assert missing.err.startswith("jamaa: JAMAA_ROKHAS_MIGRATOR_DATABASE_URL is not set: ")
    for name, value in platform.variables().items():
        monkeypatch.setenv(name, value)
    assert typed("migrate").out.splitlines() == [f"{each.name}: newest version" for each in SERVICES]
    assert typed("migrate", "deadlines").out == "deadlines: newest version\n"


def test_a_service_without_its_environment_names_every_variable(typed: Jamaa) -> None:
    done = typed("serve", "deadlines", "--port", "1")
    named = {line.split()[1] for line in done.err.splitlines()}
    assert {"JAMAA_DEADLINES_DATABASE_URL", "JAMAA_KAFKA_BOOTSTRAP", "JAMAA_ISSUER"} <= named
    assert done.status == 1


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("clock advance 30x", "is no duration"),
        ("clock advance 999999999999w", "more than a hundred years"),
        ("clock set 2026-01-01", "with its offset"),
        ("events show 17", "is no event id"),
        ("events show 0190a3f2-6c00-8000-8000-000000000002", "no service announced"),
        ("events tail --service nobody", "no service is called 'nobody'"),
        ("serve nobody", "no service is called 'nobody'"),
        ("migrate nobody", "no service is called 'nobody'"),
        ("replay nobody", "no service is called 'nobody'"),
        ("redrive nobody x", "no consumer is called 'nobody'"),
        ("redrive deadlines.clocks x", "deadlines.clocks never met x"),
        ("skip propose deadlines.clocks x 1 --reason y", "never met x"),
        ("dead-letters resolve rokhas.clocks t 0 0 --resolution y", "No unresolved letter"),
        ("token nobody", "no persona 'nobody'"),
        ("token president --commune 99", "Unknown territorial collectivity"),
        ("restore /nowhere", "is no backup"),
    ],
)
def test_a_mistake_is_one_line(typed: Jamaa, line: str, complaint: str) -> None:
    done = typed(*line.split())
    assert done.status in {1, 2}
    assert done.out == ""
    assert re.fullmatch(r"jamaa: [^\n]+\n", done.err), done.err
    assert complaint in done.err


def test_a_stopped_platform_is_said_to_be_stopped(
    typed: Jamaa, platform: Launcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = json.dumps(platform.variables())
    port = re.search(r"127\.0\.0\.1:(\d+)/jamaa_", told)
    assert port
    (tmp_path / "platform.json").write_text(told.replace(f":{port[1]}/jamaa_", ":1/jamaa_"))
    monkeypatch.setenv("JAMAA_HOME", str(tmp_path))
    for line in ("status", "clock show", f"backup {tmp_path / 'backup'}"):
        assert "is not running" in typed(*line.split()).err, line


def test_a_backup_brings_everything_back(
    typed: Jamaa, platform: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.draft()
    (platform.home / "files").mkdir(exist_ok=True)
    (platform.home / "files" / "plan").write_text("a plan")
    eventually(lambda: typed("status").status, 0)
    with fresh_home() as other, fresh_home() as home:
        target = other / "backup"
        assert typed("backup", str(target)).status == 0
        assert "is not empty" in typed("backup", str(target)).err
        assert "is already run by process" in typed("restore", str(target)).err

        damaged = other / "damaged"
        shutil.copytree(target, damaged)
        (damaged / "rokhas.dump").write_bytes(b"PGDMP")
        monkeypatch.setenv("JAMAA_HOME", str(home))
        assert "is damaged or missing: nothing was restored" in typed("restore", str(damaged)).err
        assert not list(home.iterdir())

        (home / "secret").write_text("another installation's")
        restored = typed("restore", str(target))
        assert restored.status == 0
        aside = re.search(r"what was there is in (.*)\n", restored.out)
        assert aside
        assert [path.name for path in Path(aside[1]).iterdir()] == ["secret"]
        assert (home / "files" / "plan").read_text() == "a plan"
        assert (home / "issuer" / "key.json").read_bytes() == (
            platform.home / "issuer" / "key.json"
        ).read_bytes()
        with Launcher(home) as again:
            eventually(lambda: typed("status").status, 0)
            positions = "SELECT (SELECT max(pos) FROM msg.event_log), nextval('msg.event_pos')"
            newest, following = ask("rokhas", again, lambda c: c.fetchrow(positions))
            assert following > newest
            again.draft()
            eventually(lambda: typed("status").status, 0)
