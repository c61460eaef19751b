"""The work of an office, by legal urgency: on the screen and as a spreadsheet."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from services.rokhas.api.common import Code, Reference, SummaryOut, authorize, read_by_another, workplaces
from services.rokhas.domain import Action, State
from services.rokhas.store import lists
from services.rokhas.store.dossiers import procedures
from services.rokhas.store.lists import FAR, Filter, Line
from shared.auth import Actor
from shared.db import Tx
from shared.http import Body, Collectivity, Listing, Page, Paging, Router
from shared.territory import territory
from shared.time import civil_day

router = Router(prefix="")

WORK: Final = (
    State.INCOMPLETE,
    State.UNDER_REVIEW,
    State.SUSPENDED,
    State.GRANTED,
    State.APPROVED_BY_SILENCE,
    State.SILENCE_INVOKED,
    State.ATTESTATION_REQUESTED,
    State.SILENCE_NO_EFFECT,
    State.APPEAL_PRESIDENT,
    State.APPEAL_GOVERNOR,
)
"""In which somebody of the office or of the governor's staff still has something to do."""

BATCH: Final = 200
MOST: Final = 50_000  # lines of one spreadsheet
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
HEADERS: Final = (
    "المرجع / Référence",
    "المسطرة / Procédure",
    "الجماعة / Collectivité",
    "الحالة / État",
    "طالب الرخصة / Pétitionnaire",
    "موقع المشروع / Situation du projet",
    "المكلف بالدراسة / Instructeur",
    "تاريخ الإيداع / Déposé le",
    "آخر يوم للجواب / Dernier jour pour répondre",
    "تاريخ مؤقت / Date provisoire",
    "الاستحقاق المقبل / Prochaine échéance",
    "وثائق ناقصة / Pièces manquantes",
    "المعرف / Identifiant",
)

States = Annotated[list[State] | None, Query()]
Mine = Annotated[bool, Query(description="only what is on the caller's own table")]


@router.get("/queue")
async def read_queue(
    tx: Annotated[Tx, authorize(Action.EXPORT)],
    paging: Listing,
    state: States = None,
    procedure: Code | None = None,
    collectivity: Collectivity | None = None,
    mine: Mine = False,
) -> Page[SummaryOut] | Response:
    """What is due first comes first, what has no date last. Of one's territory only, whatever else one may
    read as an applicant.
    """
    return await _page(tx, paging, _where(tx.actor, state, procedure, collectivity, mine=mine))


class SearchIn(Body):
    """Which part of the work of an office. `instructor` is whose table it lies on."""

    instructor: Reference
    state: list[State] | None = Field(default=None, max_length=len(State))
    procedure: Code | None = None
    collectivity: Collectivity | None = None


@router.post("/queue/search")
async def search_queue(
    tx: Annotated[Tx, authorize(Action.EXPORT, idempotent=False)], paging: Listing, body: SearchIn
) -> Page[SummaryOut] | Response:
    """The files of one instructor, for instance of an absent one, to be given to others. A person's reference
    stands in a body, never in an address, which proxies and browsers write down.
    """
    where = _where(tx.actor, body.state, body.procedure, body.collectivity, mine=False)
    return await _page(tx, paging, replace(where, instructor=body.instructor))


async def _page(tx: Tx, paging: Paging, where: Filter) -> Response:
    after = paging.after(datetime, UUID)
    found = await lists.find(tx, where, urgent=True, after=after and (after[0], after[1]), limit=paging.fetch)
    await read_by_another(tx, Action.EXPORT, *found[: paging.limit])
    return paging.written(found, key=_place, to=SummaryOut.of)


@router.get("/queue.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def export_queue(
    tx: Annotated[Tx, authorize(Action.EXPORT, limit="10/minute")],
    state: States = None,
    procedure: Code | None = None,
    collectivity: Collectivity | None = None,
    mine: Mine = False,
) -> Response:
    """The same as a spreadsheet: UTF-8 with a byte order mark, so that Excel shows Arabic. Dates are civil
    days of Casablanca.
    """
    where = _where(tx.actor, state, procedure, collectivity, mine=mine)
    lines: list[str] = [_line(HEADERS)]
    after: tuple[datetime, UUID] | None = None
    while len(lines) <= MOST:
        found = await lists.find(tx, where, urgent=True, after=after, limit=BATCH)
        lines += [_line(_cells(line)) for line in found]
        await read_by_another(tx, Action.EXPORT, *found)  # an event holds some thousand identifiers at most
        if len(found) < BATCH:
            break
        after = _place(found[-1])
    # Everything was read while the transaction was open: what leaves after its end is text.
    return StreamingResponse(
        _encoded(lines),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="queue-{civil_day(tx.now)}.csv"'},
    )


def _where(
    actor: Actor,
    state: list[State] | None,
    procedure: str | None,
    collectivity: str | None,
    *,
    mine: bool,
) -> Filter:
    theirs = workplaces(actor)
    return Filter(
        states=state or WORK,
        procedure=procedure,
        places=sorted(theirs & territory().within(collectivity) if collectivity else theirs),
        instructor=actor.subject if mine else None,
    )


def _place(line: Line) -> tuple[datetime, UUID]:
    return line.due_at, line.id


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.reference or "",
        procedures().version(line.procedure, line.procedure_version).title["ar"],
        territory().get(line.collectivity).name_fr,
        line.state,
        line.applicant,
        line.site,
        line.instructor or "",
        _day(line.submitted_at),
        str(line.last_day or ""),
        "نعم / oui" if line.provisional else "",
        _day(None if line.due_at == FAR else line.due_at),
        " ".join(line.missing),
        str(line.id),
    )


def _day(instant: datetime | None) -> str:
    return str(civil_day(instant)) if instant else ""


def _line(cells: tuple[str, ...]) -> str:
    """A cell that a spreadsheet would compute is shown as the text that it is."""
    line = io.StringIO()
    csv.writer(line).writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells])
    return line.getvalue()


def _encoded(lines: list[str]) -> Iterator[bytes]:
    yield b"\xef\xbb\xbf"
    for start in range(0, len(lines), BATCH):
        yield "".join(lines[start : start + BATCH]).encode()
