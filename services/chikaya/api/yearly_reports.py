"""The yearly report of 2-17-265 art. 14 and 18: as JSON, as CSV and, once published, as a sealed page."""

import csv
import io
from datetime import date
from typing import Annotated, Final

from fastapi import Path, Request, Response
from pydantic import BaseModel, Field

from services.chikaya.api.common import Nothing, Sha256, Written, authorize
from services.chikaya.api.statistics import CauseOut, FiguresOut, of_caller, told
from services.chikaya.domain import Action
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.permissions import demand
from services.chikaya.domain.yearly_page import KINDS
from services.chikaya.domain.yearly_report import Account, Statement, YearlyReport, lines
from services.chikaya.store import statistics, yearly_reports
from shared import documents
from shared.db import Tx
from shared.documents.api import IssuedOut, SealedOut
from shared.errors import Invalid, NotFound, Stale
from shared.http import Body, Caller, Collectivity, Configured, IfRead, Instant, Router, Texts, etag
from shared.http.files import DOWNLOAD, served
from shared.territory import territory

router = Router(prefix="/yearly-reports/{collectivity}/{year}")

Year = Annotated[int, Path(ge=2017, le=2999, description="the decree is of 2017", examples=[2025])]
OF_COMMUNES: Final = frozenset({"commune", "arrondissement"})
HEADERS: Final = ("section", "code", "intitulé_ar", "intitulé_fr", "indicateur", "valeur")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet would compute."""


class StatementIn(Body):
    """In Arabic, in French, or both."""

    ar: Written | None = None
    fr: Written | None = None

    def value(self) -> Statement:
        return Statement.of(self.ar, self.fr)


Proposals = Annotated[list[StatementIn], Field(max_length=20)]


class ProposalsIn(Body):
    proposals: Proposals


class CorrectionIn(Body):
    """Without `proposals` they stay as they were published."""

    reasons: StatementIn
    proposals: Proposals | None = None


class StatementOut(BaseModel):
    ar: str
    fr: str


class YearlyReportOut(BaseModel):
    """`due` is when it should be with the Head of Government (art. 18: the first quarter). Until
    `published_at` the figures are those of this moment; then they are fixed, unless a correction fixes them
    anew: `correction` is why.
    """

    collectivity: str
    name: Texts
    year: int
    due: date
    published_at: Instant | None
    corrected_at: Instant | None
    correction: StatementOut | None
    total: FiguresOut
    causes: list[CauseOut]
    proposals: list[StatementOut]
    version: int


@router.get("")
async def read(
    tx: Annotated[Tx, authorize(Action.STATISTICS)],
    collectivity: Collectivity,
    year: Year,
    response: Response,
) -> YearlyReportOut:
    report, account = await _read(tx, collectivity, year)
    return _show(report, account, response)


@router.get("/figures.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def figures(
    tx: Annotated[Tx, authorize(Action.STATISTICS)], collectivity: Collectivity, year: Year
) -> Response:
    """The same as a spreadsheet: UTF-8 with a byte order mark, so that Excel shows Arabic. Shares of 1."""
    report, account = await _read(tx, collectivity, year)
    rows: list[tuple[str, ...]] = [HEADERS]
    for code, one in (("", account.total), *account.causes.items()):
        name = catalogue().category(code).name if code else {"ar": "المجموع", "fr": "Total"}
        for line, value in lines(one).items():
            figure = "" if value is None else str(value)
            rows.append(("cause" if code else "total", code, name["ar"], name["fr"], line, figure))
    rows += [
        ("proposal", str(number), one.ar, one.fr, "", "")
        for number, one in enumerate(report.proposals, start=1)
    ]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row] for row in rows
    )
    return Response(
        b"\xef\xbb\xbf" + text.getvalue().encode(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="chikaya-{collectivity}-{year}.csv"'},
    )


@router.post("/proposals")
async def propose(
    tx: Annotated[Tx, authorize(Action.PROPOSE)],
    collectivity: Collectivity,
    year: Year,
    body: ProposalsIn,
    response: Response,
    version: IfRead,
) -> YearlyReportOut:
    """In the place of those that were entered before."""
    report, account = await _read(tx, collectivity, year, version=version)
    proposals = [one.value() for one in body.proposals]
    await yearly_reports.save(tx, report, because=report.propose(proposals, by=tx.actor, now=tx.now))
    return _show(report, account, response)


@router.post("/publication")
async def publish(
    tx: Annotated[Tx, authorize(Action.PUBLISH_YEARLY_REPORT)],
    collectivity: Collectivity,
    year: Year,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> YearlyReportOut:
    """Fixes the figures, and has the page sealed: see `documents`."""
    report, account = await _read(tx, collectivity, year, version=version)
    await yearly_reports.save(tx, report, because=report.publish(account, by=tx.actor, now=tx.now))
    return _show(report, account, response)


@router.post("/correction")
async def correct(
    tx: Annotated[Tx, authorize(Action.PUBLISH_YEARLY_REPORT)],
    collectivity: Collectivity,
    year: Year,
    body: CorrectionIn,
    response: Response,
    version: IfRead,
) -> YearlyReportOut:
    """Fixes the figures of this moment in the place of those that were published, with the reasons; the page
    that was sealed is superseded by another, and stays to be read.
    """
    report, _ = await _read(tx, collectivity, year, version=version)
    account = await _account(tx, collectivity, year)
    proposals = None if body.proposals is None else [one.value() for one in body.proposals]
    said = report.correct(account, body.reasons.value(), proposals, by=tx.actor, now=tx.now)
    await yearly_reports.save(tx, report, because=said)
    return _show(report, account, response)


@router.get("/documents")
async def issued_documents(
    tx: Annotated[Tx, authorize(Action.STATISTICS)], collectivity: Collectivity, year: Year
) -> IssuedOut:
    report, _ = await _read(tx, collectivity, year)
    below = f"/chikaya/v1/yearly-reports/{collectivity}/{year}"
    found = await documents.issued(tx, report.id)
    return IssuedOut(items=[SealedOut.of(one, KINDS, below=below) for one in found])


@router.get("/contents/{sha256}", **DOWNLOAD)
async def download(
    caller: Annotated[Caller, authorize.caller(Action.STATISTICS)],
    collectivity: Collectivity,
    year: Year,
    sha256: Sha256,
    request: Request,
    settings: Configured,
) -> Response:
    """The sealed page. Nobody is waited for with a connection in hand while it is read."""
    tx = await caller.begin()
    report, _ = await _read(tx, collectivity, year)
    known = next((one.file for one in await documents.issued(tx, report.id) if one.sha256 == sha256), None)
    if known is None:
        raise NotFound(
            "document_unknown",
            {
                "ar": "لا تتوفر هذه الوثيقة لهذا التقرير.",
                "fr": "Ce rapport n'a pas ce document.",
                "en": "The report does not have this document.",
            },
        )
    await caller.commit()
    return await served(request, settings, known)


async def _read(
    tx: Tx, collectivity: str, year: int, *, version: int | None = None
) -> tuple[YearlyReport, Account]:
    """With its figures, fixed or of this moment. Raises Forbidden, Invalid `not_a_commune`, and Stale when
    the caller read another version than this one.
    """
    demand(Action.STATISTICS, tx.actor, collectivity)
    if territory().get(collectivity).kind not in OF_COMMUNES:
        raise Invalid("not_a_commune", "A commune, or an arrondissement.")
    report = await yearly_reports.get(tx, collectivity, year)
    if version is not None and version != report.version:
        raise Stale("yearly_report_changed", version=report.version)
    return report, report.account or await _account(tx, collectivity, year)


async def _account(tx: Tx, collectivity: str, year: int) -> Account:
    """The figures of this moment, of reports that were received in that year."""
    places = of_caller(tx.actor, collectivity)
    rows = await statistics.counts(tx, date(year, 1, 1), date(year, 12, 1), places, everybody=False)
    total, causes, _ = told(rows)
    return Account(total=total, causes=causes)


def _show(report: YearlyReport, account: Account, response: Response) -> YearlyReportOut:
    etag(response, report.version)
    return YearlyReportOut(
        collectivity=report.collectivity,
        name=Texts(**territory().get(report.collectivity).name),
        year=report.year,
        due=report.due,
        published_at=report.published_at,
        corrected_at=report.corrected_at,
        correction=StatementOut(ar=report.correction.ar, fr=report.correction.fr)
        if report.correction
        else None,
        total=FiguresOut.of(account.total),
        causes=CauseOut.all_of(account.total, account.causes),
        proposals=[StatementOut(ar=one.ar, fr=one.fr) for one in report.proposals],
        version=report.version,
    )
