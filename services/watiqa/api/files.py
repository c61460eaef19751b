"""Contents: proofs that people bring, and the sealed pages that they are given; each under its digest."""

from functools import cache
from typing import Annotated, Final

from fastapi import File, UploadFile
from pydantic import BaseModel

from services.watiqa.api.common import authorize
from services.watiqa.domain import Action
from services.watiqa.store import uploads
from shared.files import Clamd, Files
from shared.http import Caller, Configured, Router
from shared.settings import MOST_UPLOAD, Settings

router = Router(prefix="/files")

MULTIPART: Final = 16 * 1024  # bytes: what a form adds to its one file


class FileOut(BaseModel):
    """`sha256` is what proofs refer to."""

    sha256: str
    size: int
    media_type: str
    name: str


@cache
def files(settings: Settings) -> Files:
    scanner = Clamd.at(settings.clamd) if settings.clamd else None
    return Files.at(settings.files_url, scanner=scanner, max_bytes=settings.max_upload_bytes)


@router.post("", status_code=201, max_body_size=MOST_UPLOAD + MULTIPART)
async def upload(
    caller: Annotated[Caller, authorize.caller(Action.UPLOAD)],
    file: Annotated[UploadFile, File(description="PDF, JPEG or PNG")],
    settings: Configured,
) -> FileOut:
    """Stored before the transaction that remembers who brought it: a content that nothing refers to does no
    harm.
    """
    stored = await files(settings).put(
        await file.read(), name=file.filename or "", content_type=file.content_type
    )
    await uploads.record(await caller.begin(), stored)
    return FileOut(sha256=stored.sha256, size=stored.size, media_type=stored.media_type, name=stored.name)
