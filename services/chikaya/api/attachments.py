"""What is attached to a report, for whoever may read it."""

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response

from services.chikaya.api.common import Sha256, authorize, readable
from services.chikaya.domain import Action
from shared.errors import NotFound
from shared.http import Caller, Configured, Router
from shared.http.files import DOWNLOAD, content_of, served

router = Router(prefix="/reports/{report_id}/attachments")


@router.get("/{sha256}", **DOWNLOAD)
async def download(
    caller: Annotated[Caller, authorize.caller(Action.READ)],
    report_id: UUID,
    sha256: Sha256,
    request: Request,
    settings: Configured,
) -> Response:
    tx = await caller.begin()
    report = await readable(tx, report_id)
    held = {one.file for one in (*report.attachments, *(a for r in report.replies for a in r.attachments))}
    known = await content_of(tx, sha256) if sha256 in held else None
    if known is None:
        raise NotFound("attachment_unknown", "The report has no such attachment.")
    await caller.commit()
    return await served(request, settings, known)
