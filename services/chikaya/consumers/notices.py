"""Chikaya listens to its own reports, to tell whoever reported what became of them."""

from typing import Final
from uuid import UUID

from services.chikaya.domain import Report
from services.chikaya.domain.words import WORDS
from services.chikaya.events import REPORT
from services.chikaya.events.report import (
    Acknowledged,
    Answered,
    Assigned,
    Completed,
    DeclaredDefective,
    DeclaredInadmissible,
    Escalated,
    Merged,
    Redirected,
    Reopened,
    Rerouted,
    Separated,
)
from services.chikaya.store import codes, reports
from shared.data import Names
from shared.db import Database, Tx
from shared.events import Envelope
from shared.notify import notify, provider_at, send_notices
from shared.settings import Settings
from shared.territory import territory

TELLS: Final = (
    Acknowledged,
    Answered,
    Assigned,
    Completed,
    DeclaredDefective,
    DeclaredInadmissible,
    Escalated,
    Merged,
    Redirected,
    Reopened,
    Rerouted,
    Separated,
)
OVERDUE: Final[Names] = {
    "ar": "انصرم أجل الجواب عن هذا التبليغ دون جواب (المادة 8 من المرسوم 2-17-265).",
    "fr": "Le délai de réponse à ce signalement est passé sans réponse (décret 2-17-265, art. 8).",
    "en": "The time to reply to this report passed without a reply (decree 2-17-265, art. 8).",
}
LATE: Final[Names] = {
    "ar": "انصرم أجل الجواب عن تبليغكم دون جواب، وأشعر العامل بذلك. يبقى الجواب واجبا.",
    "fr": "Le délai de réponse à votre signalement est passé sans réponse ; le gouverneur en est saisi."
    " La réponse vous est toujours due.",
    "en": "The time to reply to your report passed without a reply; the governor has been told."
    " The reply is due still.",
}
TITLE: Final[Names] = {
    "ar": "التبليغ رقم {}",
    "fr": "Signalement {}",
    "en": "Report {}",
}
CONFIRM: Final[Names] = {
    "ar": "لتأكيد عنوانكم، أدخلوا الرمز {}.",
    "fr": "Pour confirmer votre adresse, saisissez le code {}.",
    "en": "To confirm your address, enter the code {}.",
}


async def tell(tx: Tx, envelope: Envelope) -> None:
    """One notice for each step that concerns whoever reported; of a reply that is overdue, one for the
    governor too. To an address that nobody confirmed goes the code that confirms it, and nothing else.
    """
    kind = REPORT.types.get(envelope.type)
    if kind not in TELLS:
        return
    report = await reports.get(tx, UUID(envelope.subject))
    if kind is Escalated:
        governor = f"governor:{territory().province_of(report.collectivity).code}"
        await _post(tx, envelope, report, governor, "escalated", OVERDUE)
    if reporter := _reached(report):
        if kind is Escalated:
            await _post(tx, envelope, report, reporter, "overdue", LATE)
        else:
            await _told(tx, envelope, report, reporter)
    elif kind is Acknowledged and report.contact is not None and report.contact.address is not None:
        code = codes.drawn(codes.SPOKEN)
        if not await codes.send(tx, report.id, code):
            return
        said = {language: text.format(code) for language, text in CONFIRM.items()}
        await _post(tx, envelope, report, report.contact.address, "confirmation", said)


def _reached(report: Report) -> str | None:
    """Where whoever reported is told: nowhere before the address that they gave is confirmed."""
    if report.account:
        return report.reporter
    return report.contact.address if report.contact and report.contact_confirmed_at else None


async def _told(tx: Tx, envelope: Envelope, report: Report, recipient: str) -> None:
    """As the report stands now: of two steps in a row, the last one counts."""
    words = WORDS[report.state]
    said = {language: f"{words.message[language]} {words.next_step[language]}" for language in words.message}
    await _post(tx, envelope, report, recipient, report.state.value, said)


async def _post(tx: Tx, envelope: Envelope, report: Report, recipient: str, kind: str, said: Names) -> None:
    content = {
        language: {"title": TITLE[language].format(report.reference), "text": text}
        for language, text in said.items()
    }
    await notify(tx, event_id=envelope.id, recipient=recipient, about=report.id, kind=kind, content=content)


async def hand_over(database: Database, settings: Settings) -> None:
    """Hands what was written to the provider. Runs until cancelled."""
    await send_notices(database, provider_at(settings.needed("notify_url")))
