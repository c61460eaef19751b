"""Reports that may be of one thing, side by side; a person merges them, and may part them again."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel

from services.chikaya.api.common import (
    Change,
    Nothing,
    PlaceOut,
    Reasoned,
    ReportOut,
    authorize,
    changing,
    placed,
    read_by_another,
)
from services.chikaya.domain import Action, Report, State
from services.chikaya.domain.duplicates import likeness
from services.chikaya.store import duplicates, reports
from shared.db import Tx
from shared.http import Instant, Router, Texts

router = Router(prefix="/reports/{report_id}")

MOST: Final = 10


class SideOut(BaseModel):
    """What is compared. `photos` are digests, for `…/attachments/`."""

    id: UUID
    reference: str
    category: str
    title: Texts
    collectivity: str
    received_at: Instant
    state: State
    answer_by: Instant | None
    text: str
    completions: list[str]
    place: PlaceOut
    photos: list[str]
    version: int

    @classmethod
    def of(cls, one: Report) -> "SideOut":
        fields = {name: getattr(one, name) for name in cls.model_fields if hasattr(one, name)}
        own = {
            "title": Texts(**one.listed.name),
            "place": placed(one),
            "photos": [held.file for held in one.attachments if held.media_type.startswith("image/")],
        }
        return cls(**(fields | own))


class ProposalOut(BaseModel):
    """`metres` is null where one of the two has no point; `similarity` of the words, from 0 to 1: two
    languages have none in common.
    """

    report: SideOut
    metres: float | None
    similarity: float
    same_category: bool


class DismissedOut(BaseModel):
    """Who said that the two are no duplicates, when and why."""

    report: SideOut
    by: str
    at: Instant
    reasons: str


class DuplicatesOut(BaseModel):
    """`proposals`, the likeliest first, are nobody's decision; `dismissed` are proposed no more. `merged` are
    those that a person merged.
    """

    report: SideOut
    proposals: list[ProposalOut]
    dismissed: list[DismissedOut]
    merged: list[SideOut]


@router.get("/duplicates")
async def find(tx: Annotated[Tx, authorize(Action.MERGE)], report_id: UUID) -> DuplicatesOut:
    """Of what is open, within 300 metres: of its category, or of its group in like words; where one of the
    two has no point, of its category and commune in like words. At most ten.
    """
    report = await reports.get(tx, report_id)
    report.demand(Action.MERGE, tx.actor)
    held = await duplicates.candidates(tx, report)
    known = [*held, *await duplicates.dismissed(tx, report)]
    told = {one.id: one for one in known if report.told_apart(one) and one.may_read(tx.actor)}
    pairs = [
        (one, likeness(report, one))
        for one in held
        if one.id not in told and Action.MERGE in one.actions(tx.actor)
    ]
    alike = sorted(((one, found) for one, found in pairs if found.proposed), key=lambda pair: -pair[1].score)[
        :MOST
    ]
    merged = await duplicates.merged_into(tx, report_id)
    read = (report, *(one for one, _ in alike), *told.values(), *merged)
    await read_by_another(tx, tx.actor, Action.MERGE, *read)
    return DuplicatesOut(
        report=SideOut.of(report),
        proposals=[
            ProposalOut(
                report=SideOut.of(one),
                metres=found.metres if found.metres is None else round(found.metres, 1),
                similarity=round(found.similarity, 2),
                same_category=found.same_category,
            )
            for one, found in alike
        ],
        dismissed=[
            DismissedOut(report=SideOut.of(one), by=said.by, at=said.at, reasons=said.reasons)
            for one in told.values()
            if (said := report.told_apart(one))
        ],
        merged=[SideOut.of(one) for one in merged],
    )


@router.post("/duplicates/{other}/dismissal")
async def dismiss(
    report: Annotated[Change, changing(Action.DISMISS)], other: UUID, body: Reasoned
) -> ReportOut:
    """They are of two things: not proposed again, for either; the other officers see who said so, and why."""
    compared = await reports.get(report.tx, other)
    return await report.answer(report.report.dismiss(compared, body.reasons, **report.who))


@router.post("/merger/{into}")
async def merge(report: Annotated[Change, changing(Action.MERGE)], into: UUID, body: Nothing) -> ReportOut:
    """It is of the same thing as `into`, which is worked on for both. Whoever reported is told, and gets the
    answer; the clock runs on.
    """
    leading = await reports.locked(report.tx, into)
    leads = await duplicates.leads(report.tx, report.report.id)
    return await report.answer(report.report.merge(leading, leads=leads, **report.who))


@router.post("/separation")
async def separate(report: Annotated[Change, changing(Action.SEPARATE)], body: Nothing) -> ReportOut:
    """Two things after all: it waits for somebody to take it."""
    return await report.answer(report.report.separate(**report.who))
