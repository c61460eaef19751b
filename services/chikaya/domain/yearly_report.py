"""The yearly report: figures, causes that recur, and what the office proposes (2-17-265 art. 14, 18)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from services.chikaya.domain.permissions import demand
from services.chikaya.domain.states import Action
from services.chikaya.domain.statistics import Figures
from services.chikaya.domain.values import legible
from services.chikaya.events.yearly_report import (
    Proposed,
    YearlyReportCorrected,
    YearlyReportPublished,
)
from shared.auth import Actor
from shared.data import Names
from shared.documents.content import printable
from shared.errors import Conflict, Invalid
from shared.time import civil_day

LONGEST: Final = 800
"""Characters of a statement, so that the page holds it beside its translation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the office says, in Arabic, in French, or both: a proposal, or why a report is corrected."""

    ar: str = ""
    fr: str = ""

    @classmethod
    def of(cls, ar: str | None, fr: str | None) -> "Statement":
        """One line each, as it will be printed. Raises Invalid `statement_empty`, `text_not_printable`, and
        what `legible` raises.
        """
        if not ar and not fr:
            raise Invalid("statement_empty", "A text in Arabic, in French, or both.")
        return cls(ar=_line(ar, "ar"), fr=_line(fr, "fr"))


def _line(text: str | None, field: str) -> str:
    return printable(" ".join(legible(text, field, LONGEST).split()), field) if text else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The figures of a year: in all, and by category, the most frequent first."""

    total: Figures
    causes: Mapping[str, Figures]


@dataclass(kw_only=True)
class YearlyReport:
    """Of one commune and year. `account` is fixed once it is published, None before; `corrected_at` and
    `correction` are of the last correction, `version` the sequence of its last event.
    """

    collectivity: str
    year: int
    proposals: Sequence[Statement] = ()
    account: Account | None = None
    published_at: datetime | None = None
    corrected_at: datetime | None = None
    correction: Statement | None = None
    version: int = 0

    @property
    def id(self) -> str:
        return f"{self.collectivity}:{self.year}"

    @property
    def due(self) -> date:
        """The end of the first quarter of the next year (art. 18)."""
        return date(self.year + 1, 3, 31)

    def propose(self, proposals: Sequence[Statement], *, by: Actor, now: datetime) -> Proposed:
        """In the place of those that were entered before. Raises Forbidden, Conflict."""
        demand(Action.PROPOSE, by, self.collectivity)
        self._open()
        self.proposals = tuple(proposals)
        self.version += 1
        return Proposed(collectivity=self.collectivity, year=self.year, proposed_at=now)

    def publish(self, account: Account, *, by: Actor, now: datetime) -> YearlyReportPublished:
        """Once the year is over, and once. Raises Forbidden, Conflict `year_not_over`."""
        demand(Action.PUBLISH_YEARLY_REPORT, by, self.collectivity)
        self._open()
        if civil_day(now).year <= self.year:
            raise Conflict(
                "year_not_over",
                {
                    "ar": "لم تنته هذه السنة بعد.",
                    "fr": "Cette année n'est pas terminée.",
                    "en": "This year is not over.",
                },
            )
        self.account, self.published_at = account, now
        self.version += 1
        return YearlyReportPublished(collectivity=self.collectivity, year=self.year, published_at=now)

    def correct(
        self,
        account: Account,
        reasons: Statement,
        proposals: Sequence[Statement] | None,
        *,
        by: Actor,
        now: datetime,
    ) -> YearlyReportCorrected:
        """What was published with something wrong: the figures of this moment, and other proposals where
        some are given. The decree says nothing of corrections. Raises Forbidden, Conflict
        `yearly_report_not_published`.
        """
        demand(Action.PUBLISH_YEARLY_REPORT, by, self.collectivity)
        if self.published_at is None:
            raise Conflict(
                "yearly_report_not_published",
                {
                    "ar": "لم ينشر هذا التقرير بعد: لا يصحح إلا ما نشر.",
                    "fr": "Ce rapport n'est pas publié : on ne corrige que ce qui l'est.",
                    "en": "This report is not published: only what is published is corrected.",
                },
            )
        if proposals is not None:
            self.proposals = tuple(proposals)
        self.account, self.corrected_at, self.correction = account, now, reasons
        self.version += 1
        return YearlyReportCorrected(collectivity=self.collectivity, year=self.year, corrected_at=now)

    def _open(self) -> None:
        if self.published_at is not None:
            raise Conflict(
                "yearly_report_published",
                {
                    "ar": "نشر هذا التقرير، ولا يتغير بعد ذلك إلا بتصحيح معلل.",
                    "fr": "Ce rapport est publié : il ne change plus que par une correction motivée.",
                    "en": "This report is published: it changes by a correction with reasons only.",
                },
            )


TITLES: Final[Mapping[str, Names]] = {
    "received": {"ar": "التبليغات المتوصل بها", "fr": "Signalements reçus"},
    "complaint": {"ar": "منها شكايات", "fr": "dont réclamations"},
    "observation": {"ar": "منها ملاحظات", "fr": "dont observations"},
    "suggestion": {"ar": "منها اقتراحات", "fr": "dont suggestions"},
    "answered": {"ar": "تبليغات أجيب عنها", "fr": "Répondus"},
    "resolved": {"ar": "منها ما سوي", "fr": "dont réglés"},
    "planned": {"ar": "منها ما برمج", "fr": "dont programmés"},
    "explained": {"ar": "منها ما تم توضيحه", "fr": "dont expliqués"},
    "not_upheld": {"ar": "منها ما لم يستجب له", "fr": "dont non retenus"},
    "within_sixty_days": {"ar": "في أجل 60 يوما", "fr": "Sous 60 jours"},
    "median_days": {"ar": "الأجل الوسيط (أيام)", "fr": "Délai médian (jours)"},
    "p90_days": {"ar": "أجل 9 من 10 (أيام)", "fr": "Délai de 9 sur 10 (j)"},
    "overdue": {"ar": "لم يجب عنها في الأجل", "fr": "En retard"},
    "escalated": {"ar": "رفعت إلى العامل", "fr": "Portés au gouverneur"},
    "inadmissible": {"ar": "غير مقبولة", "fr": "Irrecevables"},
    "redirected": {"ar": "وجهت لإدارة أخرى", "fr": "Orientés ailleurs"},
    "reopened": {"ar": "أعيد فتحها", "fr": "Rouverts"},
    "reopening": {"ar": "نسبة إعادة الفتح", "fr": "Taux de réouverture"},
    "rated": {"ar": "تبليغات قيم جوابها", "fr": "Signalements évalués"},
    "satisfaction": {"ar": "نسبة الرضا", "fr": "Taux de satisfaction"},
}
"""The lines of the report, in their order, each short enough for a line of the page; English has no page."""
SPACE: Final = "\N{NO-BREAK SPACE}"
SHARES: Final = frozenset({"within_sixty_days", "reopening", "satisfaction"})


def lines(figures: Figures) -> dict[str, int | float | None]:
    """Each line of `TITLES` with its figure."""
    of_parts = {**figures.by_kind, **figures.by_outcome}
    return {name: of_parts[name] if name in of_parts else getattr(figures, name) for name in TITLES}


def percent(share: float) -> str:
    return f"{100 * share:.1f}{SPACE}%".replace(".", ",")


def grouped(number: float) -> str:
    """By thousands, as both languages write it in Morocco."""
    return f"{number:,}".replace(",", SPACE)


def shown(name: str, value: float | None) -> str:
    """As it is printed; a dash for what is not known."""
    if value is None:
        return "-"
    return percent(value) if name in SHARES else grouped(value)
