"""Contents over HTTP: brought once, referred to by digest, given out whole or in part.

router.include_router(file_routes(authorize.caller(Action.UPLOAD)))
"""

import re
from collections.abc import AsyncIterator, Collection
from typing import Annotated, Any, Final

from fastapi import File, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy import text

from shared.db import Tx
from shared.errors import Invalid
from shared.files import EXTENSIONS, NO_OTHER, Kinds, StoredFile, accepted, files_of
from shared.http.route import Caller, Router
from shared.http.values import Configured
from shared.settings import MOST_UPLOAD, Settings

Upload = Annotated[UploadFile, File(description="Its kind is told by its content")]
MOST_FORM: Final = MOST_UPLOAD + 16 * 1024
"""Bytes: what a form adds to its one file is little. `@router.post("", max_body_size=MOST_FORM)`."""


def download(also: Kinds = NO_OTHER) -> dict[str, Any]:
    """What a download says of itself: `@router.get(path, **DOWNLOAD)`."""
    binary = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in accepted(also)}
    return {
        "response_class": StreamingResponse,
        "responses": {
            200: {"content": binary},
            206: {"content": binary, "description": "The range that was asked for"},
            304: {"description": "The caller has it: `If-None-Match`"},
            416: {"description": "No such range; `Content-Range` says the size"},
        },
    }


DOWNLOAD: Final = download()
RECORD: Final = text(
    "INSERT INTO msg.upload (sha256, uploader, name, media_type, size, uploaded_at)"
    " VALUES (:sha256, :uploader, :name, :media_type, :size, :uploaded_at) ON CONFLICT DO NOTHING"
)
MINE: Final = text("SELECT sha256 FROM msg.upload WHERE sha256 = ANY(:digests) AND uploader = :uploader")
CONTENT: Final = text("SELECT name, media_type, size FROM msg.content(:sha256, :uploader)")
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


def file_routes(uploader: Any, also: Kinds = NO_OTHER) -> Router:
    """`POST /files`, by which `uploader`, an `authorize.caller(…)`, brings contents; also of such kinds."""
    router = Router(prefix="/files")

    @router.post("", status_code=201, max_body_size=MOST_FORM)
    async def upload(caller: Annotated[Caller, uploader], file: Upload, settings: Configured) -> FileOut:
        """One content, told by its digest from now on; the same content again is the same digest."""
        stored = await received(file, settings, also)
        await record(await caller.begin(), stored)
        return FileOut.of(stored)

    return router


async def record(tx: Tx, stored: StoredFile) -> None:
    """The caller brought this content; the name of the first time stays."""
    values = {name: getattr(stored, name) for name in ("sha256", "name", "media_type", "size")}
    await tx.execute(RECORD, values | {"uploader": tx.actor.subject, "uploaded_at": tx.now})


async def brought(tx: Tx, *digests: str, held: Collection[str] = ()) -> None:
    """Raises Invalid `file_unknown` for a content that neither the caller brought nor the aggregate holds on
    which they may act (`held`), whether or not somebody else brought it.
    """
    if not (wanted := set(digests) - set(held)):
        return
    mine = await tx.execute(MINE, {"digests": sorted(wanted), "uploader": tx.actor.subject})
    if wanted - {row.sha256 for row in mine}:
        raise Invalid(
            "file_unknown",
            {
                "ar": "لم ترفعوا أي ملف بهذه البصمة.",
                "fr": "Vous n'avez déposé aucun fichier de cette empreinte.",
                "en": "You uploaded no file with this digest.",
            },
        )


async def content_of(tx: Tx, sha256: str, *, by: str = "", called: str = "") -> StoredFile | None:
    """A content of something that the caller may read, under the name that `by` gave it, else as `called`;
    None for content taken over from elsewhere, which this service never received.
    """
    row = (await tx.execute(CONTENT, {"sha256": sha256, "uploader": by})).one_or_none()
    if row is None:
        return None
    usual = EXTENSIONS.get(row.media_type, (row.media_type.rpartition("/")[2],))[0]
    name = row.name or f"{called or sha256[:12]}.{usual}"
    return StoredFile(sha256=sha256, size=row.size, media_type=row.media_type, name=name)


async def received(file: UploadFile, settings: Settings, also: Kinds = NO_OTHER) -> StoredFile:
    """What was sent, stored. Raises what `Files.put` raises.

    Call it before the transaction that remembers who brought it: a content that nothing refers to does no
    harm.
    """
    return await files_of(settings).put(
        await file.read(), name=file.filename or "", content_type=file.content_type, also=also
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
