"""A small OpenID Connect issuer with personas, for development and tests only.

Production takes any real issuer: services know it by its URL and its published keys.
"""

import html
import json
import os
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from shared.auth import Role
from shared.territory import territory

CASABLANCA: Final = "06.141.01.0"
PREFECTURE_OF_CASABLANCA: Final = "06.141"
AUDIENCE: Final = "jamaa"
LIFETIME: Final = timedelta(hours=8)
CODE_SECONDS: Final = 60.0
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class NotDevelopment(Exception):
    """Whoever holds this issuer's key is anybody: it exists in the development profile only."""

    def __init__(self, profile: str) -> None:
        super().__init__(
            f"the development issuer signs for anybody and refuses to start in the profile {profile!r}:"
            " set JAMAA_PROFILE=development, or JAMAA_ISSUER and JAMAA_JWKS_URL to a real issuer"
        )


class UnknownPersona(Exception):
    def __init__(self, name: str) -> None:
        known = ", ".join(PERSONAS)
        super().__init__(
            f"no persona {name!r}: {known}; a number makes another person of it (citizen2, agent3)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    title: Mapping[str, str]
    role: Role
    communes: frozenset[str] = frozenset()
    provinces: frozenset[str] = frozenset()


def _officer(role: Role, **title: str) -> Persona:
    return Persona(title=title, role=role, communes=frozenset({CASABLANCA}))


def _of_province(role: Role, **title: str) -> Persona:
    return Persona(title=title, role=role, provinces=frozenset({PREFECTURE_OF_CASABLANCA}))


PERSONAS: Final[Mapping[str, Persona]] = {
    "citizen": Persona(title={"ar": "مواطن(ة)", "fr": "Citoyen(ne)", "en": "Citizen"}, role=Role.CITIZEN),
    "architect": Persona(
        title={"ar": "مهندس(ة) معماري(ة)", "fr": "Architecte", "en": "Architect"}, role=Role.ARCHITECT
    ),
    "agent": _officer(Role.AGENT, ar="عون الشباك", fr="Agent(e) de guichet", en="Counter agent"),
    "instructor": _officer(Role.INSTRUCTOR, ar="مكلف(ة) بدراسة الملفات", fr="Instructeur", en="Instructor"),
    "president": _officer(
        Role.PRESIDENT, ar="رئيس(ة) مجلس الجماعة", fr="Président(e) du conseil", en="President of the council"
    ),
    "governor": Persona(
        title={"ar": "عامل العمالة أو الإقليم", "fr": "Gouverneur", "en": "Governor's staff"},
        role=Role.GOVERNOR,
        provinces=frozenset({PREFECTURE_OF_CASABLANCA}),
    ),
    "auditor": _officer(Role.AUDITOR, ar="مدقق(ة) داخلي(ة)", fr="Auditeur interne", en="Internal auditor"),
    "operator": Persona(
        title={"ar": "مشغل المنصة", "fr": "Exploitant", "en": "Operator"}, role=Role.OPERATOR
    ),
    "civil_status_officer": _officer(
        Role.CIVIL_STATUS_OFFICER,
        ar="ضابط(ة) الحالة المدنية",
        fr="Officier d'état civil",
        en="Civil status officer",
    ),
    "civil_status_authority": _of_province(
        Role.CIVIL_STATUS_AUTHORITY,
        ar="السلطة المركزية للحالة المدنية",
        fr="Autorité centrale de l'état civil",
        en="Central authority of civil status",
    ),
    "court_clerk": _of_province(
        Role.COURT_CLERK, ar="كاتب(ة) الضبط بالمحكمة", fr="Greffier du tribunal", en="Court clerk"
    ),
    "health_facility": _officer(
        Role.HEALTH_FACILITY, ar="مؤسسة صحية", fr="Établissement de santé", en="Health facility"
    ),
    "administration": Persona(
        title={"ar": "إدارة أخرى", "fr": "Autre administration", "en": "Another administration"},
        role=Role.ADMINISTRATION,
    ),
    "keying_operator": _officer(
        Role.KEYING_OPERATOR, ar="مشغل(ة) الإدخال", fr="Opérateur de saisie", en="Keying operator"
    ),
    "adjudicator": _officer(
        Role.ADJUDICATOR, ar="محكم(ة) الإدخال", fr="Arbitre de saisie", en="Adjudicator of keyings"
    ),
    "quality_controller": _officer(
        Role.QUALITY_CONTROLLER, ar="مراقب(ة) الجودة", fr="Contrôleur qualité", en="Quality controller"
    ),
}


@dataclass(frozen=True, slots=True)
class _Grant:
    """An authorisation code's promise, for one minute and one use."""

    persona: str
    commune: str | None
    challenge: str
    redirect_uri: str
    client_id: str
    expires: float


@dataclass(slots=True)
class Issuer:
    """`home` keeps the key pair (P-256, mode 0600) and the published keys, so that a restart invalidates
    no token and other processes verify by the file `jwks_url`. Raises NotDevelopment.
    """

    home: Path
    profile: str
    url: str
    audience: str = AUDIENCE
    _key: ECKey = field(init=False, repr=False)
    _codes: dict[str, _Grant] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.profile != "development":
            raise NotDevelopment(self.profile)
        self.url = self.url.rstrip("/")
        folder = self.home / "issuer"
        folder.mkdir(parents=True, exist_ok=True)
        self._key = _key(folder / "key.json")
        temporary = folder / f"jwks.{os.getpid()}"
        temporary.write_text(json.dumps(self.jwks()), encoding="utf-8")
        temporary.replace(folder / "jwks.json")

    @property
    def jwks_url(self) -> str:
        return (self.home / "issuer" / "jwks.json").resolve().as_uri()

    def jwks(self) -> dict[str, Any]:
        return dict(KeySet([self._key]).as_dict(private=False, use="sig", alg="ES256"))

    def token(
        self,
        persona: str,
        *,
        commune: str | None = None,
        subject: str | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> str:
        """An access token (RFC 9068). `commune` moves an officer there, and the governor's staff to its
        province or prefecture. The subject is the persona's name, with the commune when one was given.

        Raises UnknownPersona, and UnknownCollectivity for a code that does not exist.
        """
        numbered = re.fullmatch(r"([a-z_]+?)\d*", persona)
        who = PERSONAS.get(numbered[1]) if numbered else None
        if who is None:
            raise UnknownPersona(persona)
        communes, provinces = who.communes, who.provinces
        if commune is not None:
            provinces = provinces and frozenset({territory().province_of(commune).code})
            communes = communes and frozenset({territory().get(commune).code})
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": self.audience,
            "sub": subject or (f"{persona}.{commune}" if commune and (communes or provinces) else persona),
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
            "jti": secrets.token_hex(8),
            "client_id": "development",
            "roles": [who.role.value],
            "communes": sorted(communes),
            "provinces": sorted(provinces),
        }
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": self._key.kid}, claims, self._key)

    def authorize(self, grant: dict[str, str]) -> str:
        """The redirection after a persona was chosen. Raises ValueError with the OAuth error's name."""
        target = urlsplit(grant.get("redirect_uri", ""))
        if target.scheme not in ("http", "https") or target.hostname not in LOOPBACK:
            raise ValueError("invalid_request")
        if grant.get("response_type") != "code" or grant.get("code_challenge_method") != "S256":
            raise ValueError("invalid_request")
        now = time.monotonic()
        self._codes = {code: known for code, known in self._codes.items() if known.expires > now}
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Grant(
            persona=grant["persona"],
            commune=grant.get("commune") or None,
            challenge=grant.get("code_challenge", ""),
            redirect_uri=grant["redirect_uri"],
            client_id=grant.get("client_id", ""),
            expires=now + CODE_SECONDS,
        )
        query = urlencode({"code": code} | ({"state": grant["state"]} if "state" in grant else {}))
        return grant["redirect_uri"] + ("&" if target.query else "?") + query

    def exchange(self, form: dict[str, str]) -> str:
        """The token endpoint. Raises ValueError with the OAuth error's name."""
        match form.get("grant_type"):
            case "client_credentials":
                return self._issued(form.get("client_id", ""), form.get("commune") or None)
            case "authorization_code":
                grant = self._codes.pop(form.get("code", ""), None)
                verifier = form.get("code_verifier", "").encode()
                challenge = urlsafe_b64encode(sha256(verifier).digest()).rstrip(b"=").decode()
                if grant is None or grant.expires <= time.monotonic():
                    raise ValueError("invalid_grant")
                if (grant.challenge, grant.redirect_uri, grant.client_id) != (
                    challenge,
                    form.get("redirect_uri"),
                    form.get("client_id", ""),
                ):
                    raise ValueError("invalid_grant")
                return self._issued(grant.persona, grant.commune)
        raise ValueError("unsupported_grant_type")

    def _issued(self, persona: str, commune: str | None) -> str:
        if commune is not None and commune not in territory():
            raise ValueError("invalid_scope")
        try:
            return self.token(persona, commune=commune)
        except UnknownPersona:
            raise ValueError("invalid_client") from None

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "claims_supported": ["sub", "roles", "communes", "provinces"],
        }


def _key(path: Path) -> ECKey:
    """The pair that is there, or a new one; two processes that start together agree on the first's."""
    with suppress(FileNotFoundError):
        return ECKey.import_key(json.loads(path.read_text(encoding="utf-8")))
    pair = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(pair.as_dict(private=True), file)
    with suppress(FileExistsError):
        os.link(temporary, path)
    temporary.unlink()
    return ECKey.import_key(json.loads(path.read_text(encoding="utf-8")))


def issuer_app(issuer: Issuer) -> FastAPI:
    """To be mounted where `issuer.url` says."""
    app = FastAPI(title="Development issuer", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        return issuer.discovery()

    @app.get("/jwks")
    async def jwks() -> dict[str, Any]:
        return issuer.jwks()

    @app.get("/authorize")
    async def choose(request: Request) -> Response:
        query = dict(request.query_params)
        if "persona" not in query:
            return HTMLResponse(_choice(query))
        try:
            return RedirectResponse(issuer.authorize(query), 302)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    @app.post("/token")
    async def token(request: Request) -> Response:
        sent = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        try:
            access = issuer.exchange(sent)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        body = {"access_token": access, "token_type": "Bearer", "expires_in": int(LIFETIME.total_seconds())}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    return app


def _choice(query: dict[str, str]) -> str:
    links = "".join(
        f'<li><a href="?{html.escape(urlencode(query | {"persona": name}))}">{html.escape(who.title["ar"])}'
        f" · {html.escape(who.title['fr'])} · {html.escape(who.title['en'])}</a></li>"
        for name, who in PERSONAS.items()
    )
    return f'<!doctype html><meta charset="utf-8"><title>Personas</title><ul>{links}</ul>'
