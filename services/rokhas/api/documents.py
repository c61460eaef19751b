"""What the applicant supplies and is given: documents, the receipt, answers."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import Request, Response
from pydantic import Field

from services.rokhas.api.common import (
    AtCounter,
    Change,
    Code,
    DossierOut,
    Sha256,
    authorize,
    changing,
    read_by_another,
)
from services.rokhas.api.dossiers import ReceiptOut
from services.rokhas.domain import Action, Dossier
from services.rokhas.domain.certificates import KINDS
from services.rokhas.store import dossiers
from shared import documents
from shared.db import Tx
from shared.documents.api import IssuedOut, SealedOut
from shared.errors import NotFound
from shared.files import StoredFile
from shared.http import Caller, Configured, Router, etag
from shared.http.files import DOWNLOAD, content_of, served

router = Router(prefix="/dossiers/{dossier_id}")


class DocumentIn(AtCounter):
    """`document` is a code of the recueil, `file` the digest that POST /files answered. `declaration`: a
    declaration on honour stands in the document's place (55-19 art. 8).
    """

    document: Code
    file: Sha256
    declaration: bool = False


class AnswerIn(AtCounter):
    """`documents` is code → digest. `substantive`: the project is modified in substance, which restarts the
    clock when the commission had asked for it (RGC art. 41).
    """

    text: str = Field(default="", max_length=4000)
    documents: Annotated[dict[Code, Sha256], Field(default_factory=dict, max_length=50)]
    substantive: bool = False
    nothing_more: bool = False


@router.post("/documents")
async def attach(file: Annotated[Change, changing(Action.ATTACH)], body: DocumentIn) -> DossierOut:
    """The last missing document starts the clock (55-19 art. 10)."""
    await file.brought(body.file)
    attached = file.dossier.attach(
        body.document, body.file, declaration=body.declaration, **file.applicant(body)
    )
    return await file.answer(attached)


@router.get("/documents/{document}", **DOWNLOAD)
async def download(
    caller: Annotated[Caller, authorize.caller(Action.READ)],
    dossier_id: UUID,
    document: Code,
    request: Request,
    settings: Configured,
) -> Response:
    """As it stands now, as an attachment."""

    async def held(tx: Tx, dossier: Dossier) -> StoredFile | None:
        found = dossier.documents.get(document)
        return await content_of(tx, found.file, by=found.by, called=found.called) if found else None

    return await served(request, settings, await _read(caller, dossier_id, held))


@router.get("/contents/{sha256}", **DOWNLOAD)
async def download_content(
    caller: Annotated[Caller, authorize.caller(Action.READ)],
    dossier_id: UUID,
    sha256: Sha256,
    request: Request,
    settings: Configured,
) -> Response:
    """Whatever the file holds under this digest: a document, an opinion, the minutes, a proof, a deed, and
    what was replaced. For everybody who may read the file.
    """

    async def held(tx: Tx, dossier: Dossier) -> StoredFile | None:
        if found := dossier.contents.get(sha256):
            return await content_of(tx, sha256, by=found.by, called=found.called)
        return next(
            (one.file for one in await documents.issued(tx, dossier_id) if one.sha256 == sha256), None
        )

    return await served(request, settings, await _read(caller, dossier_id, held))


@router.get("/issued-documents")
async def issued_documents(tx: Annotated[Tx, authorize(Action.READ)], dossier_id: UUID) -> IssuedOut:
    """What was sealed on this file, in its order: a receipt is there a moment after the submission."""
    dossier = await dossiers.get(tx, dossier_id)
    below = f"/rokhas/v1/dossiers/{dossier_id}"
    items = [SealedOut.of(one, KINDS, below=below) for one in await documents.issued(tx, dossier_id)]
    await read_by_another(tx, Action.READ, dossier)
    return IssuedOut(items=items)


async def _read(
    caller: Caller, dossier_id: UUID, find: Callable[[Tx, Dossier], Awaitable[StoredFile | None]]
) -> StoredFile:
    """What the file says of the content, the reading recorded and committed: a slow object store then holds
    up neither a connection nor the reader's register.
    """
    tx = await caller.begin()
    dossier = await dossiers.get(tx, dossier_id)
    known = await find(tx, dossier)
    if known is None:
        raise NotFound(
            "document_unknown",
            {
                "ar": "لا تتوفر هذه الوثيقة في الملف.",
                "fr": "Le dossier ne contient pas cette pièce.",
                "en": "The file does not hold this document.",
            },
        )
    await read_by_another(tx, Action.READ, dossier)
    await caller.commit()
    return known


@router.get("/receipt")
async def receipt(
    tx: Annotated[Tx, authorize(Action.READ)], dossier_id: UUID, response: Response
) -> ReceiptOut:
    """As it stands: «ملف مودع» once the last missing document came."""
    dossier = await dossiers.get(tx, dossier_id)
    if dossier.submitted_at is None:
        raise NotFound(
            "not_submitted",
            {
                "ar": "لم يودع الملف بعد: لا وصل له.",
                "fr": "Le dossier n'est pas encore déposé : il n'a pas de récépissé.",
                "en": "The file was not submitted yet: it has no receipt.",
            },
        )
    await read_by_another(tx, Action.READ, dossier)
    etag(response, dossier.version)
    return ReceiptOut.of(dossier)


@router.post("/requests/{request}/answer")
async def answer(
    file: Annotated[Change, changing(Action.ANSWER)],
    request: Annotated[str, Field(max_length=64)],
    body: AnswerIn,
) -> DossierOut:
    """By the identifier that the file shows."""
    for digest in body.documents.values():
        await file.brought(digest)
    answered = file.dossier.answer(
        request,
        documents=body.documents,
        text=body.text,
        substantive=body.substantive,
        nothing_more=body.nothing_more,
        **file.applicant(body),
    )
    return await file.answer(answered)
