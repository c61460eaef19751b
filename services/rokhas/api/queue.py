"""The work of an office, by legal urgency: on the screen and as a spreadsheet."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from services.rokhas.api.common import Code, SummaryOut, authorize, read_by_another
from services.rokhas.domain import Action, Dossier, State
from services.rokhas.store import dossiers
from services.rokhas.store.dossiers import FAR, Filter
from shared.auth import Actor
from shared.db import Tx
from shared.http import Collectivity, Listing, Page, Router
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
) -> Page[SummaryOut]:
    """What is due first comes first, what has no date last. Of one's territory only, whatever else one may
    read as an applicant.
    """
    where = _where(tx.actor, state, procedure, collectivity, mine=mine)
    after = paging.after(datetime, UUID)
    found = await dossiers.find(
        tx, where, urgent=True, after=after and (after[0], after[1]), limit=paging.fetch
    )
    await read_by_another(tx, Action.EXPORT, *found[: paging.limit])
    return paging.page(found, key=_place, to=SummaryOut.of)


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
        found = await dossiers.find(tx, where, urgent=True, after=after, limit=BATCH)
        lines += [_line(_cells(dossier)) for dossier in found]
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
    known = territory()
    theirs = actor.communes.union(*(known.within(province) for province in actor.provinces))
    return Filter(
        states=state or WORK,
        procedure=procedure,
        collectivities=sorted(theirs & known.within(collectivity) if collectivity else theirs),
        instructor=actor.subject if mine else None,
    )


def _place(dossier: Dossier) -> tuple[datetime, UUID]:
    return dossier.due_at or FAR, dossier.id


def _cells(dossier: Dossier) -> tuple[str, ...]:
    clock = dossier.clock
    return (
        dossier.reference or "",
        dossier.procedure.title["ar"],
        territory().get(dossier.collectivity).name_fr,
        dossier.state,
        dossier.applicant,
        dossier.site,
        dossier.instructor or "",
        _day(dossier.submitted_at),
        str(clock.last_day) if clock and clock.last_day else "",
        "نعم / oui" if clock and clock.provisional else "",
        _day(dossier.due_at),
        " ".join(dossier.missing),
        str(dossier.id),
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
