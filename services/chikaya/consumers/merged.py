"""Chikaya listens to its own reports: what was merged into one gets the answer to it."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.chikaya.events import REPORT
from services.chikaya.events.report import Answered, DeclaredInadmissible, Redirected
from services.chikaya.store import duplicates, reports
from shared.db import Tx
from shared.events import Envelope

ENDS: Final = (Answered, DeclaredInadmissible, Redirected)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFacts:
    """The fields that are read here."""

    round: int | None = None


async def share(tx: Tx, envelope: Envelope) -> None:
    """The reply of that round to each; where the report ended without one, they wait for somebody again, and
    a person decides of each: no ground of one is another's.
    """
    kind = REPORT.types.get(envelope.type)
    if kind not in ENDS:
        return
    of = UUID(envelope.subject)
    merged = await duplicates.merged_into(tx, of, locked=True)
    if not merged:
        return
    given = envelope.read(AnswerFacts).round
    replies = {one.round: one for one in (await reports.get(tx, of)).replies}
    for report in merged:
        event = report.share(replies[given] if given is not None else None, of=of, now=tx.now)
        if event is not None:
            await reports.save(tx, report, because=event)
