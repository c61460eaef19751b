"""What a request gives: the sealed page, its download, and what an officer compares before."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Request, Response
from pydantic import BaseModel

from services.watiqa.api.common import Sha256, authorize, read_by_another, readable
from services.watiqa.domain import Action
from services.watiqa.domain.papers import KINDS
from services.watiqa.store import register, requests
from shared import documents
from shared.db import Tx
from shared.documents.api import IssuedOut, SealedOut
from shared.errors import Conflict, Malformed, NotFound
from shared.http import Caller, Configured, Router
from shared.http.files import DOWNLOAD, content_of, served
from shared.sealing import Damaged, KeyGone, keys_of

router = Router(prefix="/requests/{request_id}")


class PreviewOut(BaseModel):
    """What the register says of the act that was found, as it will be printed; nobody keeps it."""

    act: UUID
    act_version: int
    linked: bool
    content: dict[str, Any]


@router.get("/documents")
async def issued_documents(tx: Annotated[Tx, authorize(Action.READ)], request_id: UUID) -> IssuedOut:
    """What was sealed on this request, the first one first."""
    await readable(tx, request_id)
    below = f"/watiqa/v1/requests/{request_id}"
    found = await documents.issued(tx, request_id)
    return IssuedOut(items=[SealedOut.of(one, KINDS, below=below) for one in found])


@router.get("/contents/{sha256}", **DOWNLOAD)
async def download(
    caller: Annotated[Caller, authorize.caller(Action.READ)],
    request_id: UUID,
    sha256: Sha256,
    request: Request,
    settings: Configured,
) -> Response:
    """The sealed page, or a proof of this request. The reading is recorded and committed first: a slow object
    store then holds up neither a connection nor the reader's register.
    """
    tx = await caller.begin()
    held = await readable(tx, request_id)
    known = next((one.file for one in await documents.issued(tx, request_id) if one.sha256 == sha256), None)
    if known is None and sha256 in held.proofs.values():
        known = await content_of(tx, sha256)
    if known is None:
        raise NotFound(
            "document_unknown",
            {
                "ar": "لا تتوفر هذه الوثيقة في الطلب.",
                "fr": "La demande ne contient pas ce document.",
                "en": "The request does not hold this document.",
            },
        )
    await caller.commit()
    return await served(request, settings, known)


@router.get("/preview")
async def preview(
    tx: Annotated[Tx, authorize(Action.PREVIEW)],
    request_id: UUID,
    settings: Configured,
    purpose: Annotated[
        str | None,
        Header(alias="Access-Purpose", max_length=64, description="Why: a code, written down with the read"),
    ] = None,
) -> PreviewOut:
    """What the register says, for the officer who is to approve."""
    if purpose is None:
        raise Malformed(
            "access_purpose_missing",
            {
                "ar": "اذكروا سبب الاطلاع (Access-Purpose).",
                "fr": "Dites pourquoi vous consultez (Access-Purpose).",
                "en": "Say why you read (Access-Purpose).",
            },
        )
    request = await requests.get(tx, request_id)
    request.demand_preview(tx.actor)
    try:
        content = register.opened(request, keys_of(settings))
    except (KeyGone, Damaged):
        raise Conflict("nothing_to_preview", "The register's answer cannot be read here.") from None
    await read_by_another(tx, Action.PREVIEW, request)
    assert request.match is not None  # who has an answer has what was found
    return PreviewOut(
        act=UUID(request.match.act),
        act_version=request.match.act_version,
        linked=request.match.linked,
        content=content,
    )
