"""Contents: brought once, then referred to by digest."""

from typing import Annotated

from services.rokhas.api.common import authorize
from services.rokhas.domain import Action
from services.rokhas.store import uploads
from shared.http import Caller, Configured, Router
from shared.http.files import MOST_FORM, FileOut, Upload, received

router = Router(prefix="/files")


@router.post("", status_code=201, max_body_size=MOST_FORM)
async def upload(
    caller: Annotated[Caller, authorize.caller(Action.UPLOAD)], file: Upload, settings: Configured
) -> FileOut:
    """One content, told by its digest from now on; the same content again is the same digest."""
    stored = await received(file, settings)
    await uploads.record(await caller.begin(), stored)
    return FileOut.of(stored)
