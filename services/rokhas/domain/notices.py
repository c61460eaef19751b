"""Who is told of what happens to a permit file, and in which words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.rokhas.domain.core import Core
from services.rokhas.domain.notice_words import (
    APPLICANT,
    CONTEST,
    DATE_TITLES,
    FORMER,
    GOVERNOR_ALERT,
    INVOKE_ADVICE,
    NOTHING,
    NULLITY,
    OFFICERS,
    PASSED,
    REFUSAL_VOID,
    SILENCE_TITLE,
    STEP_PASSED,
    STEP_TEXT,
)
from services.rokhas.domain.sentences import WARNINGS
from services.rokhas.domain.states import Action
from services.rokhas.domain.values import LAPSE, ClockRole
from services.rokhas.domain.words import fill, rule_name, sentence, short
from services.rokhas.events import (
    ApprovedBySilence,
    Authority,
    BindingOpinion,
    Channel,
    DeadlineMoved,
    DeadlinePassed,
    DossierEvent,
    Granted,
    MessagePosted,
    Refused,
    Requested,
    RequestReminded,
    Submitted,
    Transferred,
)
from shared.data import LANGUAGES, Names

TO_THE_OFFICE: Final = frozenset(
    {"completed", "silence_invoked", "explanations_requested", "president_invited"}
)
"""What concerns the whole office, whoever has the file."""

DOUBTFUL: Final = frozenset({BindingOpinion.UNFAVOURABLE, BindingOpinion.MISSING})
"""Opinions under which an approval by silence may be void (113-14 art. 101)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """`action` is the one step that the reader may take next; `request` names what it answers."""

    kind: str
    title: Names
    advice: Names = field(default_factory=dict)
    action: Action | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """To one recipient: a person's reference, or the office, governor or auditors of a territory."""

    recipient: str
    told: Told
    text: Names


def office(collectivity: str) -> str:
    return f"office:{collectivity}"


def governor(collectivity: str) -> str:
    return f"governor:{collectivity[:6]}"


def auditors(collectivity: str) -> str:
    return f"audit:{collectivity}"


def instructor(dossier: Core) -> str:
    """Who has the file on their table, else the office."""
    return dossier.instructor or office(dossier.collectivity)


def notices(event: DossierEvent, dossier: Core) -> list[Notice]:
    """Everybody who is told of this event, each once. Of what a file taken over from another system went
    through there, they were told there.
    """
    if _elsewhere(event, dossier):
        return []
    said = sentence(event, dossier.procedure)
    found: dict[str, Notice] = {}
    for recipients, told in _told(event, dossier):
        for recipient in recipients:
            text = _text(dossier, said, told)
            found.setdefault(recipient, Notice(recipient=recipient, told=told, text=text))
    return list(found.values())


def warning(which: str, rule: str, role: ClockRole, last_day: Names, dossier: Core) -> list[Notice]:
    """Before a period passes: whoever it runs for. `which` is `half`, `eighty_percent` or `two_days`."""
    told = Told(kind=f"warning_{which}", title=WARNINGS[which])
    said = fill(WARNINGS["text"], {"rule": rule_name(rule), "answer_by": last_day})
    recipients = {
        ClockRole.APPLICANT: parties(dossier),
        ClockRole.ATTESTATION: [governor(dossier.collectivity)],
    }.get(role, [instructor(dossier)])
    return [Notice(recipient=r, told=told, text=_text(dossier, said, told)) for r in recipients]


def step_passed(rule: Names, due: Names, dossier: Core) -> Notice:
    """An actor's own period passed (2-22-141 art. 6): the office is told who is late; no more follows."""
    told = Told(kind="step_passed", title=STEP_PASSED)
    said = fill(STEP_TEXT, {"rule": rule, "due": due})
    return Notice(recipient=office(dossier.collectivity), told=told, text=_text(dossier, said, told))


def parties(dossier: Core) -> list[str]:
    return [dossier.applicant, *sorted(dossier.proxies)]


def _elsewhere(event: DossierEvent, dossier: Core) -> bool:
    if dossier.channel is not Channel.IMPORT:
        return False
    return isinstance(event, Submitted) or (
        isinstance(event, Granted | Refused) and dossier.decision is None  # see `decided_elsewhere`
    )


def _text(dossier: Core, said: Names, told: Told) -> Names:
    """Which file, what happened, what may be done."""
    title, reference = dossier.procedure.title, dossier.reference
    return {
        language: " ".join(
            part
            for part in (
                f"{title[language]}{f' ({reference})' if reference else ''}.",
                said[language],
                told.advice.get(language, ""),
            )
            if part
        )
        for language in LANGUAGES
    }


def _told(event: DossierEvent, dossier: Core) -> list[tuple[list[str], Told]]:
    name = short(event)
    found: list[tuple[list[str], Told]] = []
    if isinstance(event, ApprovedBySilence):
        found.append((parties(dossier), _silence(event)))
    elif isinstance(event, DeadlineMoved | DeadlinePassed) or name == "deadline_set":
        found.append((parties(dossier), _date(event)))
    elif name in APPLICANT and not (isinstance(event, MessagePosted) and event.from_applicant):
        request = event.request if isinstance(event, Requested | RequestReminded) else None
        title, advice, action = APPLICANT[name]
        if isinstance(event, Requested) and not event.suspends:
            advice = NOTHING  # nothing is lost by not answering it
        found.append(
            (parties(dossier), Told(kind=name, title=title, advice=advice, action=action, request=request))
        )
    if isinstance(event, Transferred):
        found.append((list(event.former), Told(kind=name, title=FORMER, advice=CONTEST)))
    for recipient in _officers(event, dossier):
        advice = NOTHING
        if isinstance(event, ApprovedBySilence):
            advice = GOVERNOR_ALERT if recipient == governor(dossier.collectivity) else REFUSAL_VOID
        found.append(([recipient], Told(kind=name, title=OFFICERS[name], advice=advice)))
    return found


def _silence(event: ApprovedBySilence) -> Told:
    doubt = event.binding_opinion in DOUBTFUL
    return Told(
        kind="approved_by_silence",
        title=SILENCE_TITLE,
        advice={
            language: f"{INVOKE_ADVICE[language]}{f' {NULLITY[language]}' if doubt else ''}"
            for language in LANGUAGES
        },
        action=Action.INVOKE,
    )


def _date(event: Any) -> Told:
    """A date that was set, moved or passed; when it passed, the step that it opens."""
    rule = event.rule.partition("/")[0]
    if isinstance(event, DeadlinePassed):
        advice, action = PASSED.get(LAPSE if rule.startswith(LAPSE) else rule, ({}, None))
        return Told(
            kind="deadline_passed", title=DATE_TITLES["deadline_passed"], advice=advice, action=action
        )
    kind = short(event)
    if isinstance(event, DeadlineMoved) and event.previous == event.answer_by and not event.provisional:
        kind = "deadline_settled"
    return Told(kind=kind, title=DATE_TITLES[kind])


def _officers(event: DossierEvent, dossier: Core) -> list[str]:
    """The governor too where the law gives them something to do or to know."""
    place = dossier.collectivity
    special: Mapping[str, Callable[[Any], list[str]]] = {
        "submitted": lambda e: [office(place)] if e.complete else [],
        "message_posted": lambda e: [instructor(dossier)] if e.from_applicant else [],
        # RGC art. 55: the governor is alerted when silence may have approved against the binding opinion.
        "approved_by_silence": lambda e: (
            [instructor(dossier)] + ([governor(place)] if e.binding_opinion in DOUBTFUL else [])
        ),
        "decision_attempted_late": lambda _: [governor(place), auditors(place)],
        "handover_recorded": lambda e: (
            [office(place)] + ([governor(place), auditors(place)] if e.after_expiry else [])
        ),
        "attestation_requested": lambda _: [governor(place), office(place)],
        "appeal_lodged": lambda e: [governor(place) if e.authority is Authority.GOVERNOR else office(place)],
    }
    name = short(event)
    if name in special:
        return special[name](event)
    if name not in OFFICERS:
        return []
    return [office(place) if name in TO_THE_OFFICE else instructor(dossier)]
