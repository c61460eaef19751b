"""What whoever has no account does on their report, by its reference and its follow-up code."""

from typing import Annotated

from pydantic import Field

from services.chikaya.api.common import Change, Reasoned, ReportOut, following
from services.chikaya.api.reports import CompletionIn, RatingIn
from services.chikaya.domain import Action
from services.chikaya.store import codes
from shared.errors import Forbidden
from shared.http import Body, Router

router = Router(prefix="/followed/{reference}")


class ConfirmationIn(Body):
    """The code that was sent to the address."""

    code: Annotated[str, Field(min_length=1, max_length=64)]


@router.get("")
async def read(report: Annotated[Change, following(Action.READ)]) -> ReportOut:
    """How it stands, and what may be done now."""
    return await report.answer(None)


@router.post("/contact-confirmation")
async def confirm_contact(
    report: Annotated[Change, following(Action.CONFIRM_CONTACT)], body: ConfirmationIn
) -> ReportOut:
    """From now on what becomes of the report is told there."""
    event = report.report.confirm_contact(**report.who)
    if not await codes.contact_confirmed(report.tx, report.report.id, body.code):
        raise Forbidden(
            "code_wrong",
            {
                "ar": "هذا الرمز غير صحيح.",
                "fr": "Ce code n'est pas le bon.",
                "en": "This is not the code.",
            },
        )
    return await report.answer(event)


@router.post("/completion")
async def complete(report: Annotated[Change, following(Action.COMPLETE)], body: CompletionIn) -> ReportOut:
    files = await report.brought(*body.files)
    return await report.answer(report.report.complete(body.text, files, **report.who))


@router.post("/reopening")
async def reopen(report: Annotated[Change, following(Action.REOPEN)], body: Reasoned) -> ReportOut:
    return await report.answer(report.report.reopen(body.reasons, **report.who))


@router.post("/rating")
async def rate(report: Annotated[Change, following(Action.RATE)], body: RatingIn) -> ReportOut:
    return await report.answer(
        report.report.rate(satisfied=body.satisfied, comment=body.comment, **report.who)
    )
