"""Contents over HTTP: brought once, referred to by digest, given out whole or in part."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import File, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from shared.files import EXTENSIONS, StoredFile, files_of
from shared.settings import MOST_UPLOAD, Settings

ACCEPTED: Final = ", ".join(extensions[0].upper() for extensions in EXTENSIONS.values())
Upload = Annotated[UploadFile, File(description=f"One of {ACCEPTED}")]
MOST_FORM: Final = MOST_UPLOAD + 16 * 1024
"""Bytes: what a form adds to its one file is little. `@router.post("", max_body_size=MOST_FORM)`."""
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


class FileOut(BaseModel):
    """`sha256` is what all else refers to; `media_type` is what the content is, whatever it was called."""

    sha256: str
    size: int
    media_type: str
    name: str

    @classmethod
    def of(cls, stored: StoredFile) -> "FileOut":
        return cls(**{name: getattr(stored, name) for name in cls.model_fields})


async def received(file: UploadFile, settings: Settings) -> StoredFile:
    """What was sent, stored. Raises what `Files.put` raises.

    Call it before the transaction that remembers who brought it: a content that nothing refers to does no
    harm.
    """
    return await files_of(settings).put(
        await file.read(), name=file.filename or "", content_type=file.content_type
    )


async def served(request: Request, settings: Settings, known: StoredFile) -> Response:
    """The content as an attachment: whole, or the one range asked for (RFC 9110 §14); 304 for who has it.

    Its entity tag is its digest. Several ranges at once, or an invalid one, are answered by the whole. Call
    it outside a transaction: it asks the object store.
    """
    tag = f'"{known.sha256}"'
    headers = known.headers | {"ETag": tag, "Accept-Ranges": "bytes"}
    if tag in re.findall(r'"[^"]*"', request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers={"ETag": tag})
    store = files_of(settings)
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
