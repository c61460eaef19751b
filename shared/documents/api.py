"""HTTP of every service that issues documents: what it withdrew, and verification for machines.

router.include_router(verification({"receipt": {"ar": …, "fr": …, "en": …}}))
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import File, UploadFile
from pydantic import BaseModel, Field

from shared.data import Names
from shared.db import Tx
from shared.documents import desk
from shared.documents.check import Checked, check_file, check_token
from shared.documents.claim import LONGEST, Verdict
from shared.documents.desk import Standing
from shared.documents.keys import published
from shared.errors import Invalid
from shared.http import PUBLIC, Authorizer, Body, Caller, Configured, Instant, Router, Texts
from shared.settings import Settings

authorize: Authorizer[StrEnum] = Authorizer({})
LARGEST = 5 * 1024 * 1024  # bytes: twenty times the largest document of ours


class SealedOut(BaseModel):
    """A sealed PDF. `href` downloads it; `state` says whether it still stands, and `reason` why not."""

    id: UUID
    kind: str
    title: Texts
    state: Standing
    state_at: Instant
    reason: str
    issued_at: Instant
    expires_at: Instant | None
    sha256: str
    size: int
    href: str

    @classmethod
    def of(cls, one: desk.Document, kinds: Mapping[str, Names], *, below: str) -> "SealedOut":
        """`below` is the path of what the document is about."""
        same = {name: getattr(one, name) for name in cls.model_fields if hasattr(one, name)}
        return cls(title=Texts(**kinds[one.kind]), href=f"{below}/contents/{one.sha256}", **same)


class IssuedOut(BaseModel):
    items: list[SealedOut]


class WithdrawnOut(BaseModel):
    id: UUID
    state: Literal["superseded", "revoked"]
    at: Instant


class WithdrawalsOut(BaseModel):
    """Every document that people hold and that no longer stands, as of `as_of`; expired ones are left out.
    `kinds` names what the service issues.
    """

    as_of: Instant
    kinds: dict[str, dict[str, str]]
    withdrawn: list[WithdrawnOut]


class TokenIn(Body):
    """What the QR code carries behind `#`."""

    token: str = Field(min_length=1, max_length=LONGEST)


class VerificationOut(BaseModel):
    """`verdict` is the first that applies. The other members are null unless the signature holds; `content`
    is what the file prints, and null for a token, which only carries its digest.
    """

    verdict: Verdict
    id: UUID | None = None
    service: str | None = None
    kind: str | None = None
    digest: str | None = None
    names: dict[str, str] = Field(default_factory=dict)
    issued_at: Instant | None = None
    expires_at: Instant | None = None
    withdrawn_at: Instant | None = None
    reason: str | None = None
    content: str | None = None


def verification(kinds: Mapping[str, Names]) -> Router:
    """The routes, public and rate-limited. What one person asks is not recorded."""
    router = Router(prefix="")

    @router.get("/withdrawn-documents")
    async def withdrawn_documents(
        tx: Annotated[Tx, authorize(PUBLIC, limit="120/minute")],
    ) -> WithdrawalsOut:
        """What the verification page keeps for the time without a network."""
        rows = await desk.withdrawn(tx)
        listed = [WithdrawnOut(id=row.id, state=row.state, at=row.state_at) for row in rows]
        return WithdrawalsOut(as_of=tx.now, kinds=dict(kinds), withdrawn=listed)

    @router.post("/verifications")
    async def verify_token(
        tx: Annotated[Tx, authorize(PUBLIC, idempotent=False, limit="120/minute")],
        body: TokenIn,
        settings: Configured,
    ) -> VerificationOut:
        """A document of this service by the token of its QR code."""
        keys = await asyncio.to_thread(published, settings.documents_keys)
        return await _judged(tx, settings, check_token(body.token, keys))

    @router.post("/verifications/files", max_body_size=LARGEST)
    async def verify_file(
        caller: Annotated[Caller, authorize.caller(PUBLIC, idempotent=False, limit="60/minute")],
        file: Annotated[UploadFile, File(description="the sealed PDF")],
        settings: Configured,
    ) -> VerificationOut:
        """A document of this service, every byte of it. The file is not kept."""
        content = await file.read()
        checked = await asyncio.to_thread(_looked_into, content, settings)
        return await _judged(await caller.begin(), settings, checked)

    return router


def _looked_into(content: bytes, settings: Settings) -> Checked:
    return check_file(content, published(settings.documents_keys))


async def _judged(tx: Tx, settings: Settings, checked: Checked) -> VerificationOut:
    claim = checked.claim
    if claim is None:
        return VerificationOut(verdict=checked.verdict)
    if claim.service != settings.service:
        raise Invalid(
            "document_of_another_service",
            {
                "ar": "صدرت هذه الوثيقة عن مصلحة أخرى.",
                "fr": "Ce document a été délivré par un autre service.",
                "en": "Another service issued this document.",
            },
            href=f"/{claim.service}/v1/verifications",
        )
    known = await desk.document(tx, claim.id)
    verdict = checked.verdict
    if verdict is Verdict.VALID:
        verdict = _standing(known, claim.expires_at, tx.now)
    withdrawn = known is not None and known.state is not Standing.ISSUED
    said: dict[str, Any] = (
        {"withdrawn_at": known.state_at, "reason": known.reason} if known and withdrawn else {}
    )
    return VerificationOut(
        verdict=verdict,
        id=claim.id,
        service=claim.service,
        kind=claim.kind,
        digest=claim.digest.hex(),
        names=dict(claim.names),
        issued_at=claim.issued_at,
        expires_at=claim.expires_at,
        content=checked.content,
        **said,
    )


def _standing(known: desk.Document | None, expires_at: datetime | None, now: datetime) -> Verdict:
    if known is None:
        return Verdict.UNREGISTERED
    if known.state is not Standing.ISSUED:
        return Verdict(known.state)
    return Verdict.EXPIRED if expires_at is not None and expires_at <= now else Verdict.VALID
