"""Every route of every service, knocked at by whoever has no business there; and the wall behind it."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import text

from deploy.issuer import Issuer
from shared.auth import Actor, Role
from shared.http.problems import sqlstate
from shared.migrate import roles
from shared.territory import territory
from tests.chikaya.filed import BODIES as CHIKAYA
from tests.civil_status.filed import BODIES as CIVIL_STATUS
from tests.civil_status.paper import BODIES as DIGITISATION
from tests.rokhas.filed import CASABLANCA
from tests.security.conftest import (
    DAY,
    ELSEWHERE,
    INSIDERS,
    OUTSIDERS,
    SECRET,
    Door,
    World,
    delegation_body,
    doors,
)
from tests.shared.test_auth import confused, signed, unsigned
from tests.support.databases import ServiceDatabase
from tests.watiqa.filed import BODIES as WATIQA

DOORS = doors()
GUARDED = [door for door in DOORS if not door.mark.public]
OF_A_FILE = [door for door in GUARDED if "{" in door.path]
HIDDEN = (
    *("dossier_id", "clock_id", "delegation_id", "request", "act_id", "declaration_id", "volume_id"),
    "request_id",
)
LISTS = [door for door in DOORS if door.method == "GET" and "{" not in door.path]

REASON = {"article": "12-90, art. 43", "text": "Alignement"}
DIGEST = "0" * 64
BODIES: dict[str, Any] = {
    "/dossiers": {"procedure": "repair", "collectivity": CASABLANCA},
    "/documents": {"document": "site_plan", "file": DIGEST},
    "/answer": {"text": "12 mètres"},
    "/transfer": {"successor": "heir", "basis": "heir", "evidence": DIGEST},
    "/proxies": {"holder": "friend"},
    "/proxies/revocation": {"holder": "friend"},
    "/appeals": {"text": "Recours"},
    "/escalation": {"text": "Recours"},
    "/payments": {"fees": ["service_fee"]},
    "/assignment": {"instructor": "instructor9"},
    "/replacement-requests": {"document": "site_plan", "reasons": "Illisible"},
    "/information-requests": {"reasons": "Hauteur ?"},
    "/modification-requests": {"reasons": "Retrait"},
    "/extension": {"days": 5, "ground": "public_inquiry"},
    "/opinion-requests": {"actor": "urban_agency"},
    "/opinions": {"actor": "commune", "outcome": "favourable"},
    "/sitting": {"sits_at": (datetime.now(UTC) + timedelta(days=30)).isoformat()},
    "/minutes": {"document": DIGEST},
    "/fees": {"code": "service_fee", "amount": 1000},
    "/repeat": {"earlier": "00000000-0000-0000-0000-000000000000"},
    "/decision": {"outcome": "refused", "reasons": [REASON]},
    "/handover": {
        "outcome": "refused",
        "reasons": [REASON],
        "handed_over_at": "2026-01-01T00:00:00Z",
        "evidence": DIGEST,
    },
    "/transmission": {"recipient": "governor"},
    "/appeals/answer": {"outcome": "refused", "reasons": "Mal fondé"},
    "/annulment": {"act": "TA 12/2026"},
    "/messages": {"text": "Bonjour"},
    "/delegations": delegation_body("agent9"),
    "/calendar/days": DAY,
    "/rejection": {"reason": "Erreur de saisie"},
    "/files": {"multipart": {"file": ("plan.pdf", b"%PDF-1.7 plan", "application/pdf")}},
    "/imports": {
        "multipart": {"file": ("x.csv", b"procedure,collectivity,applicant,submitted_at\n", "text/csv")}
    },
    **CIVIL_STATUS,
    **DIGITISATION,
    **WATIQA,
    **CHIKAYA,
}
"""By the end of the path, the longest that fits; a route whose body may be empty needs none."""


def body_of(door: Door) -> Any:
    fits = [end for end in BODIES if door.path.endswith(end) and not door.path.endswith("handover/rejection")]
    return BODIES[max(fits, key=len)] if fits else {}


def persona(world: World, who: tuple[str, str | None]) -> str:
    return world.issuer.token(who[0], commune=who[1])


async def test_without_a_token_no_door_opens(world: World) -> None:
    answers = {str(door): await world.knock(door, None, body_of(door)) for door in GUARDED}
    assert {door: a.status_code for door, a in answers.items() if a.status_code != 401} == {}
    assert {a.json()["code"] for a in answers.values()} == {"token_missing"}


FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "expired": lambda issuer: issuer.token("president", lifetime=timedelta(minutes=-5)),
    "another key": lambda issuer: jwt.encode(
        {"alg": "ES256", "kid": issuer._key.kid}, jwt_claims(issuer), ECKey.generate_key("P-256")
    ),
    "no signature": lambda _: unsigned("none"),
    "public key as secret": confused,
    "another audience": lambda issuer: signed(issuer, {"aud": "elsewhere"}),
    "another issuer": lambda issuer: signed(issuer, {"iss": "http://elsewhere"}),
}


def jwt_claims(issuer: Issuer) -> dict[str, Any]:
    return dict(jwt.decode(issuer.token("president"), issuer._key).claims)


async def test_a_forged_token_opens_no_door_not_even_a_public_one(world: World) -> None:
    opened = []
    for kind, forge in FORGERIES.items():
        token = forge(world.issuer)
        for door in DOORS:
            if door.path.endswith("/checkout"):
                continue  # a page for a browser, opened by a signed link of its own
            answer = await world.knock(door, token, body_of(door))
            # The provider's signature is looked at before any token, and refused 401 too; Open311 has a form.
            known = re.search(r"""["(](token|signature)_""", answer.text) is not None
            if (answer.status_code, known) != (401, True):
                opened.append((kind, str(door), answer.status_code))
    assert opened == []


async def _history(world: World) -> dict[str, int]:
    """Events other than the register of reads."""
    counted = {}
    for name, database in world.databases.items():
        async with database.worker.transaction() as tx:
            found = await tx.execute(
                text("SELECT count(*) FROM msg.event_log WHERE aggregatetype <> 'access'")
            )
            counted[name] = found.scalar_one()
    return counted


async def test_nobody_of_elsewhere_gets_at_a_file(world: World) -> None:
    before = await _history(world)
    open_to = defaultdict(list)
    for who in OUTSIDERS:
        token = persona(world, who)
        for door in OF_A_FILE:
            answer = await world.knock(door, token, body_of(door))
            if answer.status_code not in {403, 404}:
                open_to[str(door)].append((who, answer.status_code, answer.text[:200]))
            assert SECRET not in answer.text, door
    assert open_to == {}
    assert await _history(world) == before


async def test_those_doors_open_to_who_belongs_there(world: World) -> None:
    """Else the test above would hold of a house without doors: wrong bodies and wrong paths open nothing."""
    last = ("/transfer", "/withdrawal")  # after which the file is not the citizen's to see
    closed = []
    for door in sorted(OF_A_FILE, key=lambda door: door.path.endswith(last)):
        for name in INSIDERS:
            answer = await world.knock(door, world.issuer.token(name), body_of(door))
            wrong = answer.status_code in {400, 401, 403, 404} or (
                answer.status_code == 422 and answer.json()["code"] == "invalid"
            )
            if not wrong:
                break
        else:
            closed.append((str(door), answer.status_code, answer.text[:200]))
    # Another file that exists is the test of its own: tests/rokhas, tests/civil_status.
    unopened = [one for one in closed if not one[0].endswith(("/repeat", "/duplicate"))]
    assert unopened == [], "give BODIES what they take, the world what their paths name, INSIDERS who may"


async def test_no_list_shows_a_file_to_somebody_of_elsewhere(world: World) -> None:
    hidden = [world.ids[name] for name in HIDDEN] + [SECRET]
    query = {"/calendar": "?year=2027", "/calendar.ics": "?year=2027", "/proposals": "?year=2027"}
    seen = []
    for door in LISTS:
        ends = [end for end in query if door.path.endswith(end)]
        asked = replace(door, path=door.path + (query[ends[0]] if ends else ""))
        for who in (*OUTSIDERS, None):
            answer = await world.knock(asked, persona(world, who) if who else None)
            assert answer.status_code in {200, 401, 403}, (door, answer.text)
            seen += [(str(door), who, value) for value in hidden if value in answer.text]
    assert seen == []
    shown: dict[str, bool] = {}
    for door in LISTS:
        answer = await world.knock(door, world.issuer.token("president"))
        found = any(value in answer.text for value in hidden)
        shown[door.path] = found or shown.get(door.path, False)  # two services have a queue
    own = ("/v1/dossiers", "/v1/queue", "/v1/queue.csv", "/v1/delegations", "/v1/clocks")
    assert {path for path in own if not shown[path]} == set(), "the commune's president sees them"


async def test_nobody_files_or_delegates_in_a_commune_that_is_not_theirs(world: World) -> None:
    for path, who, body in (
        ("/v1/dossiers", "agent", {"applicant": "citizen", "counter": {"unit": "guichet"}}),
        ("/v1/delegations", "president", {}),
    ):
        door = next(d for d in DOORS if (d.path, d.method) == (path, "POST"))
        sent = body_of(door) | body
        there = await world.knock(door, persona(world, (who, ELSEWHERE)), sent)
        here = await world.knock(door, persona(world, (who, None)), sent)
        assert (there.status_code, here.status_code) == (403, 201), there.text


# The second wall

STRANGERS = (
    Actor(
        subject="stranger",
        roles=frozenset(Role),
        communes=frozenset({ELSEWHERE}),
        provinces=frozenset({"06.371"}),
    ),
    Actor(subject="other-citizen", roles=frozenset({Role.CITIZEN})),
    Actor(subject="anonymous"),
)
PERSONAL = frozenset(
    {"collectivity", "scope", "applicant", "subject", "author", "uploader", "holder", "giver", "recipient"}
    | {"principal", "dossier", "aggregate_id", "aggregateid"}
)
"""Columns that say whose a row is, or where it belongs."""
NATIONAL = frozenset({"deadlines.calendar_day"})
"""The calendar is everybody's; its `scope` says which office alone is closed."""
COPIED = frozenset({"civil_status.staged"})
"""COPY knows no row-level security: a chunk of an import lies there for a moment, out of the API's reach."""

TABLES = """
    SELECT c.oid::regclass::text AS name, c.relrowsecurity AS walled,
      array(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
        AS columns,
      has_table_privilege($2, c.oid, 'SELECT') AS readable,
      has_any_column_privilege($2, c.oid, 'SELECT') AS partly_readable,
      has_any_column_privilege($2, c.oid, 'UPDATE') AS writable,
      array(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
        AND has_column_privilege($2, c.oid, attnum, 'UPDATE')) AS changeable
    FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = ANY ($1::text[]::regnamespace[])
      AND NOT c.relispartition"""


@pytest.fixture
async def admins(world: World) -> Any:
    """The administrator's connection to each service's database."""
    made = {name: await asyncpg.connect(db.admin_dsn) for name, db in world.databases.items()}
    yield made
    for connection in made.values():
        await connection.close()


async def tables(admin: asyncpg.Connection, service: str) -> list[asyncpg.Record]:
    found: list[asyncpg.Record] = await admin.fetch(TABLES, [service, "msg"], roles(service)[0])
    return found


async def unwalled(admin: asyncpg.Connection, service: str) -> list[str]:
    """Tables that hold what is somebody's, within reach of the API's role or in the service's own schema, and
    have no row-level security.
    """
    return [
        table["name"]
        for table in await tables(admin, service)
        if not table["walled"]
        and PERSONAL & set(table["columns"])
        and table["name"] not in NATIONAL
        and (
            table["readable"]
            or table["writable"]
            or (table["name"].startswith(f"{service}.") and table["name"] not in COPIED)
        )
    ]


async def within_reach(database: ServiceDatabase, admin: asyncpg.Connection, service: str) -> list[str]:
    """Rows of others that the API's role reads or changes in the scope of a stranger."""
    tried = [
        (who, statement)
        for table in await tables(admin, service)
        if table["walled"]
        for statement in _attempts(table)
        for who in STRANGERS
    ]
    found = [(who.subject, statement, await _rows(database, who, statement)) for who, statement in tried]
    return [f"{who}: {statement}: {rows}" for who, statement, rows in found if rows > 0]


def _attempts(table: asyncpg.Record) -> Iterator[str]:
    name = table["name"]
    if table["partly_readable"]:
        yield f"SELECT FROM {name}"
    for column in table["changeable"][:1]:
        yield f"UPDATE {name} SET {column} = {column}"
    yield f"DELETE FROM {name}"


async def _rows(database: ServiceDatabase, who: Actor, statement: str) -> int:
    try:
        async with database.api.transaction(who) as tx:
            return (await tx.execute(text(statement))).rowcount
    except Exception as error:
        if sqlstate(error) == "42501":  # no privilege at all
            return 0
        raise


async def test_behind_the_routes_row_level_security_holds(
    world: World, admins: dict[str, asyncpg.Connection]
) -> None:
    populated, walled = set(), set()
    for service, admin in admins.items():
        assert await unwalled(admin, service) == []
        assert await within_reach(world.databases[service], admin, service) == []
        for table in await tables(admin, service):
            if table["walled"]:
                walled.add(table["name"])
                if await admin.fetchval(f"SELECT EXISTS (SELECT FROM {table['name']})"):
                    populated.add(table["name"])
        role = await admin.fetchrow(
            "SELECT rolsuper, rolbypassrls, EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns"
            " FROM pg_roles r WHERE rolname = $1",
            roles(service)[0],
        )
        assert dict(role) == {"rolsuper": False, "rolbypassrls": False, "owns": False}
    assert walled - populated == set(), "give the world a row of it: an empty table keeps every secret"


OF_CHIKAYA = ("report", "note", "subscription", "tally")
HOLES = {
    "rokhas": (
        ("CREATE POLICY a ON rokhas.dossier FOR SELECT TO {api} USING (true)", "SELECT FROM rokhas.dossier"),
        ("CREATE POLICY b ON rokhas.dossier FOR UPDATE TO {api} USING (true)", "UPDATE rokhas.dossier"),
        ("CREATE POLICY c ON rokhas.message TO {api} USING (true)", "SELECT FROM rokhas.message"),
        ("CREATE POLICY d ON msg.idempotency TO {api} USING (true)", "UPDATE msg.idempotency"),
    ),
    "chikaya": tuple(
        (f"CREATE POLICY planted ON chikaya.{table} FOR SELECT TO {{api}} USING (true)", f"chikaya.{table}:")
        for table in OF_CHIKAYA
    ),
}
"""By service: what lets rows into a stranger's reach, and what is found."""
UNWALLED = {
    "rokhas": (
        ("ALTER TABLE rokhas.message DISABLE ROW LEVEL SECURITY", "rokhas.message"),
        ("CREATE TABLE rokhas.planted (applicant text)", "rokhas.planted"),
    ),
    "chikaya": tuple(
        (f"ALTER TABLE chikaya.{table} DISABLE ROW LEVEL SECURITY", f"chikaya.{table}")
        for table in OF_CHIKAYA
    ),
}


@pytest.mark.parametrize("service", HOLES)
async def test_a_hole_in_the_second_wall_is_seen(
    world: World, admins: dict[str, asyncpg.Connection], service: str
) -> None:
    admin, database = admins[service], world.databases[service]
    for planted, _ in HOLES[service]:
        await admin.execute(planted.format(api=roles(service)[0]))
    found = await within_reach(database, admin, service)
    assert [what for _, what in HOLES[service] if not any(what in one for one in found)] == []
    for planted, what in UNWALLED[service]:
        await admin.execute(planted)
        assert what in await unwalled(admin, service), planted


def test_elsewhere_is_another_province() -> None:
    assert territory().province_of(ELSEWHERE).code != territory().province_of(CASABLANCA).code
