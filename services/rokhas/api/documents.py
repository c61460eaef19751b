"""What the applicant supplies and is given: documents, the receipt, answers."""

from typing import Annotated
from uuid import UUID

from fastapi import Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from services.rokhas.api.common import (
    AtCounter,
    Code,
    DossierOut,
    Sha256,
    authorize,
    change,
    read_by_another,
)
from services.rokhas.api.dossiers import ReceiptOut
from services.rokhas.api.files import files
from services.rokhas.domain import Action
from services.rokhas.store import dossiers
from services.rokhas.store.uploads import describe, uploaded
from shared.db import Tx
from shared.errors import NotFound
from shared.files import EXTENSIONS
from shared.http import Configured, IfRead, Router, etag

router = Router(prefix="/dossiers/{dossier_id}")

BINARY = {"schema": {"type": "string", "format": "binary"}}


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


@router.post("/documents")
async def attach(
    tx: Annotated[Tx, authorize(Action.ATTACH)],
    dossier_id: UUID,
    body: DocumentIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    """The last missing document starts the clock (55-19 art. 10)."""
    await uploaded(tx, body.file, await dossiers.get(tx, dossier_id))
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.attach(
            body.document,
            body.file,
            by=tx.actor,
            now=tx.now,
            declaration=body.declaration,
            counter=body.at,
        ),
    )


@router.get(
    "/documents/{document}",
    response_class=StreamingResponse,
    responses={200: {"content": dict.fromkeys(EXTENSIONS, BINARY)}},
)
async def download(
    tx: Annotated[Tx, authorize(Action.READ)], dossier_id: UUID, document: Code, settings: Configured
) -> Response:
    """The content, as an attachment."""
    dossier = await dossiers.get(tx, dossier_id)
    attached = dossier.documents.get(document)
    known = await describe(tx, attached) if attached else None
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
    return StreamingResponse(await files(settings).open(known.sha256), headers=known.headers)


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
    tx: Annotated[Tx, authorize(Action.ANSWER)],
    dossier_id: UUID,
    request: Annotated[str, Field(max_length=64)],
    body: AnswerIn,
    response: Response,
    version: IfRead,
) -> DossierOut:
    dossier = await dossiers.get(tx, dossier_id)
    for file in body.documents.values():
        await uploaded(tx, file, dossier)
    return await change(
        tx,
        response,
        dossier_id,
        version,
        lambda dossier, _: dossier.answer(
            request,
            by=tx.actor,
            now=tx.now,
            documents=body.documents,
            text=body.text,
            substantive=body.substantive,
            counter=body.at,
        ),
    )
