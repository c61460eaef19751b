"""Chikaya listens to its own reports and subscriptions, to tell whoever follows a report or an area.

They are told what everybody may see, and nothing of a report that is not public (any more).
"""

from dataclasses import replace
from typing import Final
from uuid import UUID, uuid5

from services.chikaya.consumers.tellings import tell
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.values import Point
from services.chikaya.events import REPORT, ReportEvent
from services.chikaya.events.report import (
    Acknowledged,
    Answered,
    Assigned,
    Closed,
    Escalated,
    Rated,
    Redirected,
    Reopened,
    Rerouted,
)
from services.chikaya.events.subscription import SUBSCRIPTION, Begun
from services.chikaya.store import codes, public, subscriptions
from services.chikaya.store.public import PublicReport
from services.chikaya.store.tellings import Telling
from shared.data import Names
from shared.db import Tx
from shared.errors import NotFound
from shared.events import Envelope
from shared.notify import notify
from shared.territory import territory

FOLLOWERS: Final = UUID("0a4a2f6c-1d0e-5a0b-9a4e-6b0f2f4f6c11")
"""The namespace of what followers are told: whoever reported is told by another notice of the same event."""

CONFIRM: Final[Names] = {
    "ar": "لتأكيد عنوانكم وبدء المتابعة، أدخلوا الرمز {}. إن لم تطلبوا ذلك فلا تفعلوا شيئا.",
    "fr": "Pour confirmer votre adresse et commencer le suivi, saisissez le code {}. Si vous n'avez rien"
    " demandé, ne faites rien.",
    "en": "To confirm your address and begin to follow, enter the code {}."
    " If you asked for nothing, do nothing.",
}
FOLLOWING: Final[Names] = {
    "ar": "متابعة التبليغات",
    "fr": "Suivi des signalements",
    "en": "Following reports",
}
TITLE: Final[Names] = {
    "ar": "تتابعون التبليغ رقم {}",
    "fr": "Signalement suivi : {}",
    "en": "You follow report {}",
}
NEARBY: Final[Names] = {
    "ar": "تبليغ جديد في المجال الذي تتابعونه",
    "fr": "Nouveau signalement dans la zone que vous suivez",
    "en": "A new report in the area that you follow",
}
WHERE: Final[Names] = {
    "ar": "{category} - {place}. رقم التبليغ: {reference}.",
    "fr": "{category} - {place}. Signalement {reference}.",
    "en": "{category} - {place}. Report {reference}.",
}
_CLOSED: Final[Names] = {
    "ar": "أغلق هذا التبليغ.",
    "fr": "Ce signalement est clos.",
    "en": "This report is closed.",
}
SAYS: Final[dict[type[ReportEvent], Names]] = {
    Assigned: {
        "ar": "أسند هذا التبليغ إلى مصلحة.",
        "fr": "Ce signalement est confié à un service.",
        "en": "This report is with a service.",
    },
    Answered: {
        "ar": "أجابت الإدارة عن هذا التبليغ.",
        "fr": "L'administration a répondu à ce signalement.",
        "en": "The administration answered this report.",
    },
    Reopened: {
        "ar": "أعيد فتح هذا التبليغ.",
        "fr": "Ce signalement est rouvert.",
        "en": "This report is open again.",
    },
    Rerouted: {
        "ar": "أحيل هذا التبليغ إلى مصلحة أخرى.",
        "fr": "Ce signalement est transmis à un autre service.",
        "en": "This report went to another service.",
    },
    Redirected: {
        "ar": "هذا التبليغ من اختصاص إدارة أخرى، وقد وجه إليها.",
        "fr": "Ce signalement relève d'une autre administration, vers laquelle il est orienté.",
        "en": "This report is another administration's, to which it is directed.",
    },
    Escalated: {
        "ar": "انصرم أجل الجواب عن هذا التبليغ دون جواب، ورفع إلى العامل.",
        "fr": "Le délai de réponse est passé sans réponse ; le gouverneur en est saisi.",
        "en": "The time to reply passed without a reply; the governor has been told.",
    },
    Rated: _CLOSED,
    Closed: _CLOSED,
}


async def tell_followers(tx: Tx, envelope: Envelope) -> None:
    """Each is told once of an event, and once that a report is in their area, which the report may have been
    routed to. To an address that nobody confirmed goes its code, and nothing else.
    """
    if envelope.type == Begun.TYPE:
        await _ask(tx, envelope)
        return
    kind = REPORT.types.get(envelope.type)
    if kind is not Acknowledged and kind not in SAYS:
        return
    report_id = UUID(envelope.subject)
    try:
        seen = await public.get(tx, report_id)
    except NotFound:
        return  # not for everybody
    if kind in SAYS:
        title = {language: text.format(seen.reference) for language, text in TITLE.items()}
        await tell(tx, _telling(tx, envelope, seen, "followed", title, SAYS[kind]))
    if kind is Acknowledged or (kind is Rerouted and _moved(envelope)):
        nearby = replace(
            _telling(tx, envelope, seen, "nearby", NEARBY, _where(seen)),
            notice=uuid5(FOLLOWERS, f"nearby/{seen.id}"),
            collectivities=_places(seen.collectivity),
            category=seen.category,
            point=_point(seen),
        )
        await tell(tx, nearby)


async def _ask(tx: Tx, envelope: Envelope) -> None:
    begun = SUBSCRIPTION.types[envelope.type].read(envelope.data)
    assert isinstance(begun, Begun)  # as its type says
    if begun.account:
        return
    code = codes.drawn(codes.SPOKEN)
    address = await subscriptions.ask(tx, UUID(envelope.subject), code)
    if address is None:
        return
    content = {
        language: {"title": FOLLOWING[language], "text": text.format(code)}
        for language, text in CONFIRM.items()
    }
    await notify(
        tx,
        event_id=envelope.id,
        recipient=address,
        about=envelope.subject,
        kind="confirmation",
        content=content,
    )


def _moved(envelope: Envelope) -> bool:
    """To another place: who follows that one has not heard of it."""
    event = Rerouted.read(envelope.data)
    return event.collectivity != event.previous_collectivity


def _places(collectivity: str) -> list[str]:
    """Who follows a commune follows its arrondissements."""
    parent = territory().get(collectivity).parent
    return [collectivity, parent] if parent else [collectivity]


def _point(seen: PublicReport) -> Point | None:
    """As everybody sees it: an alert tells no more of the place than that."""
    if seen.longitude is None or seen.latitude is None:
        return None
    return Point(longitude=seen.longitude, latitude=seen.latitude)


def _where(seen: PublicReport) -> Names:
    category, place = catalogue().category(seen.category).name, territory().get(seen.collectivity).name
    return {
        language: text.format(category=category[language], place=place[language], reference=seen.reference)
        for language, text in WHERE.items()
    }


def _telling(tx: Tx, envelope: Envelope, seen: PublicReport, kind: str, title: Names, said: Names) -> Telling:
    return Telling(
        id=uuid5(FOLLOWERS, f"{envelope.id}/{kind}"),
        notice=uuid5(FOLLOWERS, str(envelope.id)),
        report=seen.id,
        kind=kind,
        content={language: {"title": title[language], "text": said[language]} for language in said},
        said_at=tx.now,
        origin=(tx.correlation_id, tx.traceparent),
    )
