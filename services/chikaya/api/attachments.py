"""What is attached to a report, for whoever may read it."""

import re
from typing import Annotated, Final
from uuid import UUID

from fastapi import Request, Response

from services.chikaya.api.common import FollowUpCode, Sha256, authorize, readable
from services.chikaya.domain import Action, Report
from services.chikaya.store import codes, reports
from shared.db import Tx
from shared.errors import NotFound
from shared.files import Kinds, StoredFile
from shared.http import PUBLIC, Caller, Configured, Router
from shared.http.files import content_of, download, served

SOUND: Final[Kinds] = {
    kind: (re.compile(sign, re.DOTALL), extensions)
    for kind, sign, extensions in (
        ("audio/mp4", rb".{4}ftyp(?=.*hdlr\0{8}soun)(?!.*hdlr\0{8}vide)", ("m4a", "mp4")),
        (
            "audio/ogg",
            rb"OggS\0\x02.{20}\x01.(OpusHead|\x01vorbis|Speex)(?!.*\x80theora)",
            ("ogg", "oga", "opus"),
        ),
        ("audio/webm", rb"\x1aE\xdf\xa3(?=.{,4096}\x86.A_)(?!.{,4096}\x86.V_)", ("webm", "weba")),
        ("audio/mpeg", rb"ID3[\x02-\x04]|\xff[\xf2\xf3\xfa\xfb]", ("mp3",)),
    )
}
"""What telephones and browsers record: `hdlr` names the handler of a track of MP4 (ISO 14496-12), the first
page of Ogg its codec (RFC 3533, 7845), CodecID that of a track of WebM. Whatever has a picture too is a film,
and is not taken.
"""

router = Router(prefix="")


@router.get("/reports/{report_id}/attachments/{sha256}", **download(SOUND))
async def read_attachment(
    caller: Annotated[Caller, authorize.caller(Action.READ)],
    report_id: UUID,
    sha256: Sha256,
    request: Request,
    settings: Configured,
) -> Response:
    tx = await caller.begin()
    known = await _held(tx, await readable(tx, report_id), sha256)
    await caller.commit()
    return await served(request, settings, known)


@router.get("/followed/{reference}/attachments/{sha256}", **download(SOUND))
async def read_followed_attachment(
    caller: Annotated[Caller, authorize.caller(PUBLIC, limit="60/minute")],
    reference: str,
    code: FollowUpCode,
    sha256: Sha256,
    request: Request,
    settings: Configured,
) -> Response:
    """What they brought, and what a reply came with, for whoever has no account."""
    tx = await caller.begin()
    report_id = await codes.follow(tx, reference, code)
    if report_id is None:
        raise reports.report_unknown()
    known = await _held(tx, await reports.get(tx, report_id), sha256)
    await caller.commit()
    return await served(request, settings, known)


async def _held(tx: Tx, report: Report, sha256: str) -> StoredFile:
    """Raises NotFound `attachment_unknown`."""
    held = {one.file for one in (*report.attachments, *(a for r in report.replies for a in r.attachments))}
    known = await content_of(tx, sha256) if sha256 in held else None
    if known is None:
        raise NotFound("attachment_unknown", "The report has no such attachment.")
    return known
