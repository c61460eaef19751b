"""Contents: brought once, then referred to by digest."""

import re
from collections.abc import AsyncIterator
from functools import cache
from typing import Annotated, Any, Final

from fastapi import File, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from services.rokhas.api.common import authorize
from services.rokhas.domain import Action
from services.rokhas.store import uploads
from shared.files import EXTENSIONS, Clamd, Files, StoredFile
from shared.http import Caller, Configured, Router
from shared.settings import MOST_UPLOAD, Settings

router = Router(prefix="/files")

_BINARY: Final = {
    "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in EXTENSIONS}
}
DOWNLOAD: Final[dict[str, Any]] = {
    "response_class": StreamingResponse,
    "responses": {
        200: _BINARY,
        206: _BINARY | {"description": "The range that was asked for"},
        304: {"description": "The caller has it: `If-None-Match`"},
        416: {"description": "No such range; `Content-Range` says the size"},
    },
}
"""What every download says of itself: `@router.get(path, **DOWNLOAD)`."""

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
MULTIPART: Final = 16 * 1024  # bytes: what a form adds to its one file


class FileOut(BaseModel):
    """`sha256` is what documents refer to; `media_type` is what the content is, whatever it was called."""

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
    file: Annotated[UploadFile, File(description="PDF, JPEG, PNG, DOCX or XLSX")],
    settings: Configured,
) -> FileOut:
    """Stored before the transaction that remembers who brought it: a content that nothing refers to does no
    harm. The same content again is the same digest.
    """
    stored = await files(settings).put(
        await file.read(), name=file.filename or "", content_type=file.content_type
    )
    await uploads.record(await caller.begin(), stored)
    return FileOut(sha256=stored.sha256, size=stored.size, media_type=stored.media_type, name=stored.name)


async def served(request: Request, settings: Settings, known: StoredFile) -> Response:
    """The content as an attachment: whole, or the one range asked for (RFC 9110 §14); 304 for who has it.

    Its entity tag is its digest. Several ranges at once, or an invalid one, are answered by the whole. Call
    it outside a transaction: it asks the object store.
    """
    tag = f'"{known.sha256}"'
    headers = known.headers | {"ETag": tag, "Accept-Ranges": "bytes"}
    if tag in re.findall(r'"[^"]*"', request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers={"ETag": tag})
    store = files(settings)
    span = _span(request.headers.get("range", ""), known.size)
    if span is None or request.headers.get("if-range", tag) != tag:
        return StreamingResponse(await store.open(known.sha256), headers=headers)
    first, last = span
    if first > last:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{known.size}"})
    async for _ in await store.open(known.sha256):
        pass  # to its end: a part is complete before the hash is known, so the hash comes first
    part = {
        "Content-Range": f"bytes {first}-{last}/{known.size}",
        "Content-Length": str(last - first + 1),
    }
    content = _cut(await store.open(known.sha256), first, last + 1)
    return StreamingResponse(content, status_code=206, headers=headers | part)


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte asked for; None for what is no valid single range, which is to be ignored
    (RFC 9110 §14.1.1). The first lies beyond the last where nothing can be given.
    """
    said = _RANGE.fullmatch(asked)
    if said is None or not any(said.groups()):
        return None
    first, last = said.groups()
    if not first:
        return max(size - int(last), 0), size - 1
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1


async def _cut(content: AsyncIterator[bytes], start: int, stop: int) -> AsyncIterator[bytes]:
    at = 0
    async for chunk in content:
        if part := chunk[max(start - at, 0) : max(stop - at, 0)]:
            yield part
        at += len(chunk)
        if at >= stop:
            break
