"""What happened to a permit file, told to people in Arabic, French and English: which sentence, and how each
field is read. What people wrote, and who they are, stays out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from services.rokhas.domain.recueil import Procedure
from services.rokhas.domain.sentences import RULES, SENTENCES, TERMS
from services.rokhas.domain.values import LAPSE
from services.rokhas.events import (
    AppealAnswered,
    AppealLodged,
    DeadlineMoved,
    DeadlineSet,
    DossierEvent,
    HandoverRecorded,
    RequestAnswered,
    Requested,
    Submitted,
)
from shared.data import LANGUAGES, Names
from shared.time import civil_day, day_text


def sentence(event: DossierEvent, procedure: Procedure) -> Names:
    """What happened, in one sentence per language."""
    return fill(SENTENCES[_key(event)], words(event, procedure))


def fill(texts: Names, known: Mapping[str, Names]) -> Names:
    return {
        language: texts[language].format_map({name: said[language] for name, said in known.items()})
        for language in LANGUAGES
    }


def short(event: DossierEvent | type[DossierEvent]) -> str:
    """The event's name without its service and version: `approved_by_silence`."""
    return event.TYPE.split(".")[-2]


def rule_name(rule: str) -> Names:
    """`rule` may carry the discriminator of one request. An unknown rule is the file's own period."""
    code = rule.partition("/")[0]
    if code.startswith(LAPSE):
        return RULES[LAPSE]
    return RULES.get(code, RULES[""])


def words(event: DossierEvent, procedure: Procedure) -> dict[str, Names]:
    """Each field of the event as a person reads it."""
    return {
        field.name: _said(field.name, getattr(event, field.name), procedure)
        for field in fields(event)
        if field.name not in {"procedure", "collectivity"}
    }


def _key(event: DossierEvent) -> str:
    name = short(event)
    variant = next((choose(event) for kind, choose in _VARIANTS if isinstance(event, kind)), "")
    return f"{name}.{variant}" if f"{name}.{variant}" in SENTENCES else name


def _declared(event: Any) -> str:
    return "nothing_more" if event.nothing_more and event.suspension_ends else ""


def _moved(event: Any) -> str:
    if event.answer_by is None:
        return "suspended"
    if event.previous is None:
        return "resumed"
    if event.previous == event.answer_by:
        return "provisional" if event.provisional else "settled"
    return ""


_VARIANTS: Final[tuple[tuple[type[DossierEvent], Callable[[Any], str]], ...]] = (
    (Submitted, lambda event: "complete" if event.complete else "incomplete"),
    (Requested, lambda event: "" if event.suspends else "runs_on"),
    (AppealLodged, lambda event: event.authority),
    (AppealAnswered, lambda event: "silence" if event.by_silence else event.outcome),
    (HandoverRecorded, lambda event: "late" if event.after_expiry else ""),
    (DeadlineSet, lambda event: "provisional" if event.provisional else ""),
    (DeadlineMoved, _moved),
    (RequestAnswered, lambda event: "restarts" if event.restarts else _declared(event)),
)


def _said(name: str, value: Any, procedure: Procedure) -> Names:
    return _READ[name](value, procedure) if name in _READ else _plain(value)


def _documents(value: Any, procedure: Procedure) -> Names:
    return _listed({listed.code: listed.label for listed in procedure.documents}, value)


def _fees(value: Any, procedure: Procedure) -> Names:
    return _listed({listed.code: listed.label for listed in procedure.fees}, value)


def _actor(value: Any, procedure: Procedure) -> Names:
    return _listed({listed.actor: listed.label for listed in procedure.opinions}, value)


def _amount(value: int, _: Procedure) -> Names:
    return dict.fromkeys(LANGUAGES, f"{value // 100}.{value % 100:02d}")


def _plain(value: Any) -> Names:
    if isinstance(value, datetime):
        return day_text(civil_day(value))
    if isinstance(value, date):
        return day_text(value)
    if isinstance(value, StrEnum) or value in TERMS:
        return TERMS.get(str(value), dict.fromkeys(LANGUAGES, str(value)))
    if isinstance(value, tuple):
        return dict.fromkeys(LANGUAGES, ", ".join(map(str, value)) or "—")
    return dict.fromkeys(LANGUAGES, str(value) or "—")


def _listed(known: Mapping[str, Names], codes: str | Iterable[str] | None) -> Names:
    several = [codes] if isinstance(codes, str) else codes or ()
    listed = [known.get(code) or dict.fromkeys(LANGUAGES, code) for code in several]
    comma = {"ar": "، ", "fr": ", ", "en": ", "}
    return {language: comma[language].join(label[language] for label in listed) for language in LANGUAGES}


def days_text(number: int) -> Names:
    """A number of days after a preposition; Arabic has a form for one, for two, for three to ten, for eleven
    to ninety-nine, and for whole hundreds.
    """
    match number:
        case 1:
            arabic = "يوم واحد"
        case 2:
            arabic = "يومين"
        case _ if 3 <= number % 100 <= 10:
            arabic = f"{number} أيام"
        case _ if number % 100 < 3:
            arabic = f"{number} يوم"
        case _:
            arabic = f"{number} يوما"
    french = f"{number} jour" if number < 2 else f"{number} jours"
    english = f"{number} day" if number == 1 else f"{number} days"
    return {"ar": arabic, "fr": french, "en": english}


def last_day_text(answer_by: datetime | None) -> Names:
    """The civil day before the instant at which silence takes effect; of a suspended clock, nothing yet."""
    if answer_by is None:
        return {"ar": "غير محدد", "fr": "non fixé", "en": "not fixed"}
    return day_text(civil_day(answer_by.astimezone(UTC) - timedelta(seconds=1)))


_READ: Final[Mapping[str, Callable[[Any, Procedure], Names]]] = {
    "reason": lambda value, _: dict(value),
    "rule": lambda value, _: rule_name(value),
    "answer_by": lambda value, _: last_day_text(value),
    "previous": lambda value, _: last_day_text(value),
    "document": _documents,
    "documents": _documents,
    "missing": _documents,
    "fee": _fees,
    "fees": _fees,
    "actor": _actor,
    "amount": _amount,
    "days": lambda value, _: days_text(value),
}
