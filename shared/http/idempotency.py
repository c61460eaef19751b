"""One effect per Idempotency-Key: the answer is stored in the transaction of the effect."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from shared.db import Database, Tx
from shared.errors import Invalid, Malformed, Unavailable

HEADER: Final = "Idempotency-Key"
KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
LARGE: Final = 64 * 1024  # bytes: more is hashed in a thread, while the loop answers others
BOUNDARY: Final = re.compile(r'boundary="?([^";]{1,200})"?')

STORED: Final = text(
    "SELECT route, request_hash, status, body, headers FROM msg.idempotency"
    " WHERE principal = :principal AND key = :key"
)
STORE: Final = text(
    "INSERT INTO msg.idempotency (principal, key, route, request_hash, status, body, headers)"
    " VALUES (:principal, :key, :route, :hash, :status, :body, CAST(:headers AS jsonb))"
)

PURGE: Final = text("SELECT msg.purge_idempotency()")
PURGE_SECONDS: Final = 3600.0


class Replayed(Exception):
    """No error: it carries the first answer out of the dependencies."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class Claim:
    """The first request with its key: its answer goes into the same transaction."""

    tx: Tx
    wanted: Mapping[str, Any]

    async def store(self, response: Response) -> None:
        if not isinstance(response.body, bytes):
            raise TypeError("an answer that is stored for its idempotency key must be rendered, not streamed")
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in response.raw_headers
            if name != b"content-length"
        ]
        self.tx.later(
            STORE,
            {
                **self.wanted,
                "principal": self.tx.actor.subject,
                "status": response.status_code,
                "body": response.body,
                "headers": json.dumps(headers),
            },
        )


def key_of(request: Request) -> str:
    """Raises Malformed when the key is absent or unreadable."""
    key = request.headers.get(HEADER)
    if key is None:
        raise Malformed(
            "idempotency_key_missing",
            {
                "ar": "يلزم مفتاح عدم التكرار (Idempotency-Key) لكي لا يُنفَّذ الطلب مرتين",
                "fr": "L'en-tête Idempotency-Key est requis, pour ne pas exécuter la demande deux fois",
                "en": "Send an Idempotency-Key, so that the request is never carried out twice",
            },
        )
    if not KEY.fullmatch(key):
        raise Malformed("idempotency_key_malformed", "1 to 255 visible ASCII characters")
    return key


async def fingerprint(request: Request, body: bytes) -> bytes:
    """Of the query and the body. A multipart boundary is drawn anew when a client tries again, so it does
    not count.
    """
    return await asyncio.to_thread(_digest, request, body) if len(body) > LARGE else _digest(request, body)


def _digest(request: Request, body: bytes) -> bytes:
    content_type = request.headers.get("content-type", "")
    boundary = BOUNDARY.search(content_type) if content_type.startswith("multipart/") else None
    if boundary:
        body = body.replace(boundary[1].encode("latin-1"), b"boundary")
        content_type = "multipart"
    return sha256(b"\0".join([request.scope["query_string"], content_type.encode(), body])).digest()


def wanted(request: Request, digest: bytes) -> dict[str, Any]:
    """The claim that the transaction begins with: it waits for a concurrent request with the same key."""
    return {"key": key_of(request), "route": f"{request.method} {request.scope['path']}", "hash": digest}


async def claimed(tx: Tx, claim: dict[str, Any]) -> Claim:
    """Raises `Replayed` with the stored answer, or Invalid `idempotency_key_reused` when the key came with
    another request.
    """
    if tx.claimed:
        return Claim(tx, claim)
    who = {"principal": tx.actor.subject, "key": claim["key"]}
    found: Any = (await tx.execute(STORED, who)).first()
    if found is None:  # forgotten by the purge between the two statements
        raise Unavailable("busy", retry_after=1)
    if (found.route, found.request_hash) != (claim["route"], claim["hash"]):
        raise Invalid(
            "idempotency_key_reused",
            {
                "ar": "سبق استعمال هذا المفتاح في طلب مختلف",
                "fr": "Cette clé a déjà servi pour une autre demande",
                "en": "This key was already used for another request",
            },
        )
    response = Response(found.body, found.status)
    response.raw_headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in found.headers]
    response.headers["content-length"] = str(len(found.body))
    response.headers["Idempotency-Replayed"] = "true"
    raise Replayed(response)


async def forget_keys(database: Database) -> None:
    """A service's task, on the worker's pool: every hour, forgets the keys older than seven days."""
    while True:
        async with database.transaction() as tx:
            await tx.execute(PURGE)
        await asyncio.sleep(PURGE_SECONDS)
