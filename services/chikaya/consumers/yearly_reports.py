"""Chikaya listens to its own yearly reports, to have those that are published sealed."""

from services.chikaya.domain.yearly_page import YEARLY, page
from services.chikaya.events.yearly_report import YEARLY_REPORT, YearlyReportCorrected, YearlyReportPublished
from services.chikaya.store import yearly_reports
from shared.db import Tx
from shared.documents import Standing, order, withdraw
from shared.events import Envelope


async def have_sealed(tx: Tx, envelope: Envelope) -> None:
    """The seal comes afterwards, from a task: a transaction waits for no printing. A correction takes the
    place of what was sealed before.
    """
    kind = YEARLY_REPORT.types.get(envelope.type)
    if kind is not YearlyReportPublished and kind is not YearlyReportCorrected:
        return
    said = kind.read(envelope.data)
    report = await yearly_reports.get(tx, said.collectivity, said.year)
    if envelope.sequence < report.version:
        return  # corrected since: what is said there is printed when that is heard
    if kind is YearlyReportCorrected:
        state = Standing.SUPERSEDED
        await withdraw(tx, "chikaya", about=report.id, kind=YEARLY, state=state, reason="corrected")
    await order(
        tx,
        about=report.id,
        collectivity=report.collectivity,
        kind=YEARLY,
        cause=envelope.id,
        content=page(report),
    )
