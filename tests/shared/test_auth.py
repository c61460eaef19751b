"""Who may: tokens, roles, territory, and a route that forgot to ask."""

import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import text

from deploy.issuer import Issuer, NotDevelopment, UnknownPersona, issuer_app
from shared import tokens as tokens_module
from shared.auth import Role
from shared.db import Tx
from shared.errors import Unauthenticated, Unavailable
from shared.http import PUBLIC, Authorizer, Router, unguarded
from shared.territory import UnknownCollectivity, territory
from shared.tokens import Tokens
from tests.shared.conftest import ISSUER, Toy
from tests.shared.toy.service import SERVICE, Action, authorize

CLAIMS = {"iss": ISSUER, "aud": "jamaa", "sub": "citizen", "exp": 4_102_444_800, "roles": ["citizen"]}


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path, "development", ISSUER)


@pytest.fixture
def verifier(issuer: Issuer) -> Tokens:
    return Tokens(jwks_url=issuer.jwks_url, issuer=ISSUER, audience="jamaa", within=territory().within)


def signed(issuer: Issuer, changes: dict[str, Any] | None = None, **header: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | (changes or {})).items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": issuer._key.kid} | header, claims, issuer._key)


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(algorithm: str, **header: Any) -> str:
    parts = ({"alg": algorithm, "typ": "JWT"} | header, CLAIMS)
    return ".".join(encoded(json.dumps(part).encode()) for part in parts) + "."


def confused(issuer: Issuer) -> str:
    """Signed with the public key as if it were a shared secret; the library would not do that for us."""
    signing = unsigned("HS256", kid=issuer._key.kid).rstrip(".")
    return f"{signing}.{encoded(hmac.digest(issuer._key.as_pem(private=False), signing.encode(), 'sha256'))}"


FORGED: dict[str, Callable[[Issuer], str]] = {
    "none": lambda _: unsigned("none"),
    "None": lambda _: unsigned("None"),
    "confused": confused,
    "foreign key": lambda i: jwt.encode(
        {"alg": "ES256", "kid": i._key.kid}, CLAIMS, ECKey.generate_key("P-256", auto_kid=True)
    ),
    "unknown kid": lambda i: signed(i, kid="other"),
    "issuer": lambda i: signed(i, {"iss": "http://elsewhere"}),
    "audience": lambda i: signed(i, {"aud": "elsewhere"}),
    "audiences": lambda i: signed(i, {"aud": ["a", "b"]}),
    "no issuer": lambda i: signed(i, {"iss": None}),
    "no audience": lambda i: signed(i, {"aud": None}),
    "no expiry": lambda i: signed(i, {"exp": None}),
    "no subject": lambda i: signed(i, {"sub": None}),
    "empty subject": lambda i: signed(i, {"sub": ""}),
    "system": lambda i: signed(i, {"sub": "system"}),
    "a desk": lambda i: signed(i, {"sub": "audit:06.141"}),
    "not yet": lambda i: signed(i, {"nbf": int(time.time()) + 3600}),
    "roles no list": lambda i: signed(i, {"roles": "president"}),
    "garbage": lambda _: "a.b.c",
    "empty parts": lambda _: "..",
    "binary": lambda _: "é.è.à",
    "long": lambda i: signed(i, {"x": "y" * 9000}),
    "changed": lambda i: signed(i)[:-8] + "AAAAAAAA",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_a_token_that_is_not_the_issuers_is_refused(
    issuer: Issuer, verifier: Tokens, forge: Callable[[Issuer], str]
) -> None:
    assert (await verifier.actor(signed(issuer))).subject == "citizen"
    with pytest.raises(Unauthenticated) as refused:
        await verifier.actor(forge(issuer))
    assert refused.value.code == "token_invalid"


async def test_an_expired_token_says_so(issuer: Issuer, verifier: Tokens) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await verifier.actor(issuer.token("citizen", lifetime=timedelta(minutes=-5)))
    assert refused.value.code == "token_expired"


async def test_a_token_becomes_an_actor_in_a_territory(issuer: Issuer, verifier: Tokens) -> None:
    president = await verifier.actor(issuer.token("president"))
    assert president.covers("06.141.01.01"), "Anfa is an arrondissement of Casablanca"
    assert not president.covers("06.141.01.81"), "Mechouar de Casablanca is a commune of its own"
    governor = await verifier.actor(issuer.token("governor"))
    assert governor.covers("06.141.01.81")
    assert not governor.covers("06.371.01.01")
    region = await verifier.actor(signed(issuer, {"roles": ["governor"], "provinces": ["06"]}))
    assert not region.covers("06.141.01.0"), "a region is nobody's province"
    several = await verifier.actor(signed(issuer, {"roles": ["citizen", "emperor", "architect"]}))
    assert several.roles == {Role.CITIZEN, Role.ARCHITECT}


@pytest.mark.parametrize("claim", ["communes", "provinces"])
async def test_a_token_with_an_unknown_collectivity_is_refused(
    issuer: Issuer, verifier: Tokens, claim: str
) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await verifier.actor(signed(issuer, {claim: ["99.999"]}))
    assert refused.value.code == "token_territory_unknown"


async def test_rsa_keys_are_accepted(tmp_path: Path) -> None:
    key = RSAKey.generate_key(2048, auto_kid=True)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    url = (tmp_path / "jwks.json").as_uri()
    verifier = Tokens(jwks_url=url, issuer=ISSUER, audience="jamaa", within=territory().within)
    token = jwt.encode({"alg": "RS256", "kid": key.kid}, CLAIMS, key)
    assert (await verifier.actor(token)).subject == "citizen"


async def test_keys_come_over_http_as_well(issuer: Issuer, tmp_path: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "issuer"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        base = f"http://127.0.0.1:{server.server_port}"
        right = Tokens(
            jwks_url=f"{base}/jwks.json", issuer=ISSUER, audience="jamaa", within=territory().within
        )
        wrong = Tokens(jwks_url=f"{base}/none", issuer=ISSUER, audience="jamaa", within=territory().within)
        assert (await right.actor(signed(issuer))).subject == "citizen"
        with pytest.raises(Unavailable):
            await wrong.actor(signed(issuer))
        server.shutdown()


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"issuer": "https://elsewhere.example.ma"}, False),
        ({"jwks_uri": "file:///etc/passwd"}, False),
        ({"jwks_uri": 7}, False),
        ({"jwks_uri": "http://[::1"}, False),
        ({"jwks_uri": "http://127.0.0.1:99999/"}, False),
    ],
)
async def test_the_issuers_metadata_names_its_keys(
    tmp_path: Path, issuer: Issuer, changes: dict[str, object], accepted: bool
) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "issuer"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        base = f"http://127.0.0.1:{server.server_port}"
        metadata = {"issuer": ISSUER, "jwks_uri": f"{base}/jwks.json"} | changes
        (tmp_path / "issuer" / "metadata").write_text(json.dumps(metadata))
        verifier = Tokens(
            jwks_url=f"{base}/metadata", issuer=ISSUER, audience="jamaa", within=territory().within
        )
        try:
            if accepted:
                assert (await verifier.actor(signed(issuer))).subject == "citizen"
            else:
                with pytest.raises(Unavailable):
                    await verifier.actor(signed(issuer))
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["agent"]}}),
        ("https://jamaa.example.ma/roles", {"https://jamaa.example.ma/roles": ["agent"]}),
    ],
)
async def test_an_issuer_may_call_its_claims_otherwise(
    issuer: Issuer, name: str, claims: dict[str, object]
) -> None:
    verifier = Tokens(
        jwks_url=issuer.jwks_url,
        issuer=ISSUER,
        audience="jamaa",
        within=territory().within,
        names={"roles": name},
    )
    assert (await verifier.actor(signed(issuer, claims))).roles == {Role.AGENT}
    assert (await verifier.actor(signed(issuer))).roles == set(), "a claim of the usual name counts no more"
    with pytest.raises(Unauthenticated):
        await verifier.actor(signed(issuer, {name.partition(".")[0] if "_" in name else name: "president"}))


async def test_a_new_key_is_fetched_but_not_for_every_unknown_one(
    tmp_path: Path, issuer: Issuer, verifier: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    await verifier.actor(signed(issuer))
    (tmp_path / "issuer" / "key.json").unlink()
    renewed = Issuer(tmp_path, "development", ISSUER)
    with pytest.raises(Unauthenticated):
        await verifier.actor(signed(renewed))  # too soon after the first fetch
    monkeypatch.setattr(tokens_module, "MIN_REFRESH", 0.0)
    assert (await verifier.actor(signed(renewed))).subject == "citizen"
    with pytest.raises(Unauthenticated):
        await verifier.actor(signed(issuer))  # the withdrawn key


async def test_a_token_is_verified_once_until_it_ends_or_its_key_is_withdrawn(
    issuer: Issuer, verifier: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []

    def decode(token: str, *keys: Any, **options: Any) -> jwt.Token:
        checked.append(token)
        return real(token, *keys, **options)

    real = jwt.decode
    monkeypatch.setattr(jwt, "decode", decode)
    token = issuer.token("citizen", lifetime=timedelta(minutes=5))
    assert await verifier.actor(token) == await verifier.actor(token)
    assert checked == [token]
    with pytest.raises(Unauthenticated, match="token_invalid"):
        await verifier.actor(token[:-6] + "AAAAAA")
    monkeypatch.setattr(time, "time", partial(float, time.time() + 400))
    with pytest.raises(Unauthenticated, match="token_expired"):
        await verifier.actor(token)
    monkeypatch.undo()

    another = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    published = {"keys": [another.as_dict(private=False)]}
    (issuer.home / "issuer" / "jwks.json").write_text(json.dumps(published))
    assert (await verifier.actor(token)).subject == "citizen", "the keys are young"
    verifier._fetched -= tokens_module.MAX_AGE
    with pytest.raises(Unauthenticated, match="token_invalid"):
        await verifier.actor(token)


async def test_old_keys_serve_while_the_issuer_is_away(
    tmp_path: Path, issuer: Issuer, verifier: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "issuer" / "jwks.json").rename(tmp_path / "away")
    with pytest.raises(Unavailable):
        await verifier.actor(signed(issuer))
    (tmp_path / "away").rename(tmp_path / "issuer" / "jwks.json")
    with pytest.raises(Unavailable):  # nobody asks again at once an issuer that did not answer
        await verifier.actor(signed(issuer))
    monkeypatch.setattr(tokens_module, "RETRY", 0.0)
    await verifier.actor(signed(issuer))
    (tmp_path / "issuer" / "jwks.json").unlink()
    monkeypatch.setattr(tokens_module, "MAX_AGE", 0.0)
    monkeypatch.setattr(tokens_module, "MIN_REFRESH", 0.0)
    assert (await verifier.actor(signed(issuer))).subject == "citizen"


@pytest.mark.parametrize(
    ("sent", "code", "challenge"),
    [
        (None, "token_missing", 'Bearer realm="jamaa"'),
        ("Basic YTpi", "token_invalid", 'Bearer realm="jamaa", error="invalid_token"'),
        ("Bearer", "token_invalid", 'Bearer realm="jamaa", error="invalid_token"'),
        ("Bearer a.b.c", "token_invalid", 'Bearer realm="jamaa", error="invalid_token"'),
    ],
)
async def test_without_a_token_the_answer_is_401(
    toy: Toy, sent: str | None, code: str, challenge: str
) -> None:
    answer = await toy.client.get("/toy/v1/notes", headers={"Authorization": sent} if sent else {})
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"] == challenge
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_role_that_may_not_is_403(toy: Toy) -> None:
    answer = await toy.post("/toy/v1/notes", "president", json={"commune": "06.141.01.0", "body": "x"})
    assert (answer.status_code, answer.json()["action"]) == (403, "write")


async def test_row_level_security_is_the_second_wall(toy: Toy) -> None:
    note = await toy.note()
    path = f"/toy/v1/notes/{note['id']}"
    seen = {
        "citizen": await toy.client.get(path, headers=toy.headers()),
        "citizen2": await toy.client.get(path, headers=toy.headers("citizen2")),
        "president": await toy.client.get(path, headers=toy.headers("president")),
        "elsewhere": await toy.client.get(path, headers=toy.headers("president", commune="06.371.01.03")),
    }
    assert {who: answer.status_code for who, answer in seen.items()} == {
        "citizen": 200,
        "citizen2": 404,
        "president": 200,
        "elsewhere": 404,
    }


async def test_a_write_that_only_row_level_security_stops_is_403(toy: Toy) -> None:
    answer = await toy.post(f"/toy/v1/notes/{uuid4()}/trouble?times=9&kind=rls", "president")
    assert (answer.status_code, answer.json()["code"]) == (403, "outside_territory")


async def test_reads_of_others_data_are_on_the_register(toy: Toy) -> None:
    note = await toy.note()
    before = await toy.counts()
    path = f"/toy/v1/notes/{note['id']}"
    await toy.client.get(path, headers=toy.headers())
    assert await toy.counts() == before, "one's own data is no access"
    await toy.client.get(path, headers=toy.headers("president") | {"Access-Purpose": "complaint.1234"})
    assert (await toy.counts())["reads"] == before["reads"] + 1
    async with toy.worker.transaction() as tx:
        row = await tx.execute(
            text(
                "SELECT aggregateid, collectivity, convert_from(payload, 'UTF8')::json AS event"
                " FROM msg.event_log WHERE type = 'ma.jamaa.toy.access.read.v1' ORDER BY pos DESC LIMIT 1"
            )
        )
        found = row.one()
    event = found.event
    assert (found.aggregateid, found.collectivity) == ("president", "06.141.01.0")
    assert event.pop("at").endswith("Z")
    assert event == {"aggregate": "note", "ids": [note["id"]], "action": "read", "purpose": "complaint.1234"}
    wrong = await toy.client.get(path, headers=toy.headers("president") | {"Access-Purpose": "M. Alami"})
    assert wrong.json()["code"] == "access_purpose_malformed"


def test_the_walker_finds_what_forgot_to_authorize() -> None:
    assert unguarded([SERVICE]) == []
    router = Router()
    foreign = APIRouter()

    @router.get("/open")
    async def forgotten() -> None: ...

    @router.get("/public")
    async def public(tx: Annotated[Tx, authorize(PUBLIC)]) -> None: ...

    @foreign.get("/foreign")
    async def bypass(tx: Annotated[Tx, authorize(Action.READ)]) -> None: ...

    router.include_router(foreign)
    assert unguarded([replace(SERVICE, router=router)]) == [
        "toy ['GET'] /v1/open: no authorize",
        "toy /v1/foreign: APIRoute is no shared.http.Route",
    ]


def test_a_second_authorize_is_refused_because_nobody_would_ask_it() -> None:
    router = Router()

    async def twice(
        tx: Annotated[Tx, authorize(PUBLIC)], again: Annotated[Tx, authorize(Action.READ)]
    ) -> None: ...

    with pytest.raises(TypeError, match="/twice has 2 authorize"):
        router.get("/twice")(twice)


def test_the_table_names_every_action() -> None:
    class Verb(StrEnum):
        SIGN = "sign"
        SEAL = "seal"

    with pytest.raises(TypeError, match="seal"):
        Authorizer({Verb.SIGN: frozenset({Role.PRESIDENT})})


@pytest.mark.parametrize("profile", ["production", "", "Development"])
def test_the_issuer_refuses_outside_development(tmp_path: Path, profile: str) -> None:
    with pytest.raises(NotDevelopment, match="JAMAA_PROFILE=development"):
        Issuer(tmp_path, profile, ISSUER)
    assert not list(tmp_path.iterdir())


def test_the_issuers_key_is_its_own_and_survives(tmp_path: Path, issuer: Issuer) -> None:
    assert (tmp_path / "issuer" / "key.json").stat().st_mode & 0o777 == 0o600
    assert Issuer(tmp_path, "development", ISSUER).jwks() == issuer.jwks()
    assert "d" not in issuer.jwks()["keys"][0]


def test_the_issuer_knows_its_personas(issuer: Issuer) -> None:
    with pytest.raises(UnknownPersona, match="citizen"):
        issuer.token("emperor")
    with pytest.raises(UnknownCollectivity):
        issuer.token("president", commune="99.999.99.99")


async def test_code_and_pkce(issuer: Issuer, verifier: Tokens) -> None:
    secret = "v" * 43
    challenge = encoded(sha256(secret.encode()).digest())
    back = "http://127.0.0.1:9/back"
    asked = {
        "response_type": "code",
        "client_id": "portal",
        "redirect_uri": back,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": "s",
    }
    transport = httpx.ASGITransport(app=issuer_app(issuer))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        found = (await client.get("/.well-known/openid-configuration")).json()
        assert found["issuer"] == ISSUER
        assert "persona=president" in (await client.get("/authorize", params=asked)).text
        evil = await client.get(
            "/authorize", params=asked | {"persona": "agent", "redirect_uri": "http://e.com"}
        )
        assert evil.json() == {"error": "invalid_request"}
        sent = await client.get("/authorize", params=asked | {"persona": "agent2", "commune": "06.371.01.03"})
        query = parse_qs(urlsplit(sent.headers["Location"]).query)
        assert query["state"] == ["s"]
        form = {
            "grant_type": "authorization_code",
            "code": query["code"][0],
            "client_id": "portal",
            "redirect_uri": back,
        }
        assert (await client.post("/token", data=form | {"code_verifier": secret})).status_code == 200
        again = await client.post("/token", data=form | {"code_verifier": secret})
        assert again.json() == {"error": "invalid_grant"}, "a code serves once"
        sent = await client.get("/authorize", params=asked | {"persona": "agent2", "commune": "06.371.01.03"})
        form["code"] = parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0]
        wrong = await client.post("/token", data=form | {"code_verifier": "w" * 43})
        assert wrong.json() == {"error": "invalid_grant"}
        machine = await client.post(
            "/token", data={"grant_type": "client_credentials", "client_id": "operator"}
        )
        actor = await verifier.actor(machine.json()["access_token"])
        assert actor.roles == {Role.OPERATOR}
