"""Yearly reports: proposals, and the figures once they are fixed."""

import json
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from services.chikaya.domain.yearly_report import Account, Statement, YearlyReport
from services.chikaya.events.yearly_report import YEARLY_REPORT, YearlyReportEvent
from shared.db import Tx

ONE = text("""
    SELECT published_at, proposals, account, corrected_at, correction, version FROM chikaya.yearly_report
    WHERE collectivity = :collectivity AND year = :year""").columns(
    proposals=JSONB, account=JSONB, correction=JSONB
)
SAVE = text("""
    INSERT INTO chikaya.yearly_report
      (collectivity, year, published_at, proposals, account, corrected_at, correction, version)
    VALUES (:collectivity, :year, :published_at, CAST(:proposals AS jsonb), CAST(:account AS jsonb),
      :corrected_at, CAST(:correction AS jsonb), :version)
    ON CONFLICT (collectivity, year) DO UPDATE SET published_at = excluded.published_at,
      proposals = excluded.proposals, account = excluded.account, corrected_at = excluded.corrected_at,
      correction = excluded.correction, version = excluded.version""")
PROPOSALS = TypeAdapter(tuple[Statement, ...])
ACCOUNT = TypeAdapter(Account | None)
CORRECTION = TypeAdapter(Statement | None)


async def get(tx: Tx, collectivity: str, year: int) -> YearlyReport:
    """One that nobody has begun is empty."""
    row = (await tx.execute(ONE, {"collectivity": collectivity, "year": year})).one_or_none()
    if row is None:
        return YearlyReport(collectivity=collectivity, year=year)
    return YearlyReport(
        collectivity=collectivity,
        year=year,
        proposals=PROPOSALS.validate_python(row.proposals),
        account=ACCOUNT.validate_python(row.account),
        published_at=row.published_at,
        corrected_at=row.corrected_at,
        correction=CORRECTION.validate_python(row.correction),
        version=row.version,
    )


async def save(tx: Tx, report: YearlyReport, *, because: YearlyReportEvent) -> None:
    """Raises Stale when somebody else changed it at the same moment."""
    row: dict[str, Any] = {
        "collectivity": report.collectivity,
        "year": report.year,
        "published_at": report.published_at,
        "proposals": _json(PROPOSALS, tuple(report.proposals)),
        "account": _json(ACCOUNT, report.account),
        "corrected_at": report.corrected_at,
        "correction": _json(CORRECTION, report.correction),
        "version": report.version,
    }
    await tx.save(YEARLY_REPORT, report.id, because, report.version, SAVE, row)


def _json(adapter: TypeAdapter[Any], value: Any) -> str | None:
    return None if value is None else json.dumps(adapter.dump_python(value, mode="json"), ensure_ascii=False)
