"""Bearer tokens of any OpenID Connect issuer, verified against its published keys, in real time."""

import json
import re
import time
from asyncio import Lock, to_thread
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from shared.auth import ANYBODY, Actor, Role
from shared.errors import Problem, Unauthenticated, Unavailable

ALGORITHMS: Final = ("ES256", "RS256")  # no "none", and no HS*: a public key must never serve as a secret
LONGEST: Final = 8192  # characters
LEEWAY: Final = 30  # seconds that clocks of issuer and service may differ
MIN_REFRESH: Final = 30.0  # seconds between two fetches of the keys, however many unknown ones are asked for
RETRY: Final = 2.0  # seconds during which nobody asks an issuer again that did not answer
REMEMBERED: Final = 4096  # tokens verified since the keys were fetched: a signature is a sixth of a request
MAX_AGE: Final = 3600.0  # seconds until the keys are fetched again, so that a withdrawn key ends

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

UNUSABLE: Final = (
    OSError,
    httpx.HTTPError,
    httpx.InvalidURL,
    ValueError,
    KeyError,
    TypeError,
    JoseError,
)
"""An issuer that does not answer, or with anything but its keys."""

PROVINCE: Final = re.compile(r"\d{2}\.\d{3}")
SUBJECT: Final = re.compile(r"[^\x00:]{1,255}")

Within = Callable[[str], frozenset[str]]
"""A collectivity's own code and those of everything below it. Raises a Problem for an unknown code."""


class Tokens:
    """Who sent this token. `jwks_url` is the keys', or the issuer's metadata (OpenID Connect Discovery 1.0)
    that names them: http(s), or a `file://` that several processes share. `names` says what the issuer calls
    the claims `roles`, `communes` and `provinces`, where it calls them otherwise: `realm_access.roles`.
    """

    def __init__(
        self,
        *,
        jwks_url: str,
        issuer: str,
        audience: str,
        within: Within,
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._scheme = urlsplit(jwks_url).scheme
        if self._scheme not in ("http", "https", "file"):
            raise ValueError(f"JWKS URL {jwks_url!r}: http, https or file expected")
        self.jwks_url = jwks_url
        self._issuer = issuer
        self._names = names
        self._within = within
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        self._keys: KeySet | None = None
        self._fetched = -MAX_AGE
        self._failed = -RETRY
        self._lock = Lock()
        self._known: dict[str, tuple[float, Actor]] = {}

    async def actor(self, token: str) -> Actor:
        """Raises Unauthenticated for anything wrong with the token, Unavailable without the issuer's keys."""
        if len(token) > LONGEST:
            raise Unauthenticated("token_invalid")
        await self._current()  # a withdrawn key ends what was verified by it
        expires, actor = self._known.get(token, (0.0, ANYBODY))
        if time.time() < expires:
            return actor
        try:
            verified = await self._verified(token)
            self._claims.validate(verified.claims)
        except ExpiredTokenError:
            raise Unauthenticated(
                "token_expired",
                {
                    "ar": "انتهت صلاحية الجلسة",
                    "fr": "La session a expiré",
                    "en": "The session has expired",
                },
            ) from None
        except (JoseError, ValueError, TypeError):
            # Which check failed is of use to an attacker only; the issuer's log knows the rest.
            raise Unauthenticated("token_invalid") from None
        actor = self._read(verified.claims)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[token] = (float(verified.claims["exp"]), actor)
        return actor

    async def _verified(self, token: str) -> jwt.Token:
        keys = await self._current()
        try:
            return jwt.decode(token, keys, algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            renewed = await self._renewed(keys)
            return jwt.decode(token, renewed, algorithms=ALGORITHMS)

    async def _current(self) -> KeySet:
        keys = self._keys
        if keys is None or time.monotonic() - self._fetched > MAX_AGE:
            return await self._renewed(keys)
        return keys

    async def _renewed(self, known: KeySet | None) -> KeySet:
        """Fetches the keys, unless somebody just did. Keeps the old ones when the issuer does not answer."""
        async with self._lock:
            if self._keys is None and time.monotonic() - self._failed < RETRY:
                raise Unavailable("keys_unavailable", retry_after=5)
            recent = time.monotonic() - self._fetched < MIN_REFRESH
            if self._keys is not None and (self._keys is not known or recent):
                return self._keys
            try:
                self._keys = KeySet.import_key_set(await self._published())
                self._known.clear()
            except UNUSABLE as error:
                log.warning("keys_unavailable", url=self.jwks_url, error=type(error).__name__)
                if self._keys is None:
                    self._failed = time.monotonic()
                    raise Unavailable("keys_unavailable", retry_after=5) from None
            self._fetched = time.monotonic()
            return self._keys

    async def _published(self) -> Any:
        """The key set itself, or what the issuer's metadata names as such."""
        found = json.loads(await _fetched(self.jwks_url))
        if "jwks_uri" not in found:
            return found
        there = urlsplit(str(found["jwks_uri"]))
        # Somebody else's metadata, or keys that travel less safely than it did, would let others mint tokens.
        if found["issuer"] != self._issuer or there.scheme not in ("https", self._scheme) or there.port == 0:
            raise ValueError("the metadata is another issuer's, or names no keys")
        return json.loads(await _fetched(there.geturl()))

    def _read(self, claims: dict[str, Any]) -> Actor:
        subject = claims["sub"]
        # A colon is for desks ("office:06.141.01.0"), which no person can be.
        if not SUBJECT.fullmatch(subject) or subject in ("anonymous", "system"):
            raise Unauthenticated("token_invalid")
        known = {role.value for role in Role}
        roles, communes, provinces = (
            _words(claims, self._names.get(name, name)) for name in ("roles", "communes", "provinces")
        )
        try:
            return Actor(
                subject=subject,
                roles=frozenset(Role(role) for role in roles if role in known),
                communes=frozenset[str]().union(*(self._within(code) for code in communes)),
                provinces=frozenset(
                    code for code in provinces if PROVINCE.fullmatch(code) and self._within(code)
                ),
            )
        except Problem:
            raise Unauthenticated(
                "token_territory_unknown", "The token names a collectivity that does not exist"
            ) from None


async def _fetched(url: str) -> bytes:
    if url.startswith("file:"):
        return await to_thread(Path(url2pathname(urlsplit(url).path)).read_bytes)
    async with httpx.AsyncClient(timeout=5) as client:
        return (await client.get(url)).raise_for_status().content


def _words(claims: dict[str, Any], name: str) -> list[str]:
    value: Any = claims.get(name)
    if value is None:  # no claim of that name: a path into one, or none
        value = reduce(
            lambda at, part: at.get(part, {}) if isinstance(at, dict) else at, name.split("."), claims
        )
    if value == {}:
        return []
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise Unauthenticated("token_invalid")
    return value
