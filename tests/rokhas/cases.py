"""People, instants and files for the tests of rokhas: every state is reached by real transitions."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from services.rokhas.domain import Action, Dossier, State, load
from services.rokhas.domain.values import (
    Clock,
    ClockChange,
    ClockRole,
    Counter,
    ExtensionGround,
    Handover,
    Reason,
    Recipient,
    TransferBasis,
)
from services.rokhas.events import DossierEvent, OpinionOutcome, Outcome
from shared.auth import Actor, Role

CASABLANCA: Final = "06.141.01.0"
PROVINCE: Final = "06.141"


def _officer(subject: str, *roles: Role) -> Actor:
    return Actor(subject=subject, roles=frozenset(roles), communes=frozenset({CASABLANCA}))


CITIZEN: Final = Actor(subject="citizen-1", roles=frozenset({Role.CITIZEN}))
STRANGER: Final = Actor(subject="citizen-2", roles=frozenset({Role.CITIZEN}))
ARCHITECT: Final = Actor(subject="architect-1", roles=frozenset({Role.ARCHITECT}))
AGENT: Final = _officer("agent-1", Role.AGENT)
CLERK: Final = _officer("agent-2", Role.AGENT)
INSTRUCTOR: Final = _officer("instructor-1", Role.INSTRUCTOR)
COVER: Final = _officer("instructor-2", Role.INSTRUCTOR)
PRESIDENT: Final = _officer("president-1", Role.PRESIDENT)
VICE_PRESIDENT: Final = _officer("vice-president-1")
ELSEWHERE: Final = Actor(subject="president-2", roles=frozenset(Role), communes=frozenset({"01.051.01.01"}))
GOVERNOR: Final = Actor(
    subject="governor-1", roles=frozenset({Role.GOVERNOR}), provinces=frozenset({PROVINCE})
)
AUDITOR: Final = _officer("auditor-1", Role.AUDITOR)
OPERATOR: Final = _officer("operator-1", Role.OPERATOR)
DESK: Final = Counter(unit="guichet-anfa")

FILED: Final = datetime(2026, 3, 2, 10, tzinfo=UTC)
SOON: Final = FILED + timedelta(days=3)
ANSWER_BY: Final = datetime(2026, 4, 15, tzinfo=UTC)
FIRST_HALF: Final = date(2026, 3, 20)
LATE: Final = ANSWER_BY + timedelta(hours=9)
LAPSES_AT: Final = datetime(2027, 4, 16, tzinfo=UTC)
MUCH_LATER: Final = FILED + timedelta(days=800)

PROCEDURES: Final = load()
LAPSE: Final = Clock(
    rule="lapse.construction", role=ClockRole.APPLICANT, answer_by=LAPSES_AT, last_day=date(2027, 4, 15)
)
REASON: Final = Reason(article="12-90, art. 43", text="L'alignement n'est pas respecté.")
DIGEST: Final = "sha256:00"


def draft(code: str = "construction_large") -> Dossier:
    dossier, _ = Dossier.draft(
        UUID(int=1),
        procedure=PROCEDURES.at(code, FILED.date()),
        collectivity=CASABLANCA,
        by=CITIZEN,
        now=FILED,
        site="TF 12345/C",
    )
    return dossier


def submitted(code: str = "construction_large", *, without: tuple[str, ...] = ()) -> Dossier:
    dossier = draft(code)
    for document in dossier.procedure.required:
        if document not in without:
            dossier.attach(document, f"sha256:{document}", by=CITIZEN, now=FILED)
    dossier.submit("06.141.01.0/2026/1", by=CITIZEN, now=FILED)
    return dossier


def clock(
    rule: str = "construction_large",
    role: ClockRole = ClockRole.DECISION,
    answer_by: datetime | None = ANSWER_BY,
    *,
    discriminator: str = "",
    provisional: bool = False,
    first_half_until: date | None = FIRST_HALF,
) -> Clock:
    return Clock(
        rule=rule,
        role=role,
        answer_by=answer_by,
        first_half_until=first_half_until,
        discriminator=discriminator,
        provisional=provisional,
    )


def running(code: str = "construction_large", answer_by: datetime = ANSWER_BY) -> Dossier:
    """Complete, and its date known."""
    dossier = submitted(code)
    dossier.observe(clock(code, answer_by=answer_by), ClockChange.STARTED)
    return dossier


def incomplete() -> Dossier:
    dossier = submitted(without=("site_plan",))
    dossier.observe(
        clock("completion.missing_items", ClockRole.APPLICANT, FILED + timedelta(days=31)),
        ClockChange.STARTED,
    )
    return dossier


def suspended() -> Dossier:
    dossier = running()
    dossier.request_replacement("r1", "site_plan", "Échelle illisible", by=INSTRUCTOR, now=SOON)
    due = SOON + timedelta(days=31)
    dossier.observe(clock(answer_by=None), ClockChange.SUSPENDED)
    dossier.observe(
        clock("completion.replacement", ClockRole.APPLICANT, due, discriminator="r1"), ClockChange.STARTED
    )
    return dossier


def silent(code: str = "construction_large") -> Dossier:
    """Its date passed unanswered."""
    dossier = running(code)
    dossier.elapsed(clock(code), effective_at=ANSWER_BY, now=LATE)
    dossier.observe(LAPSE, ClockChange.STARTED)
    return dossier


def invoked() -> Dossier:
    dossier = silent()
    dossier.invoke(by=CITIZEN, now=LATE)
    due = LATE + timedelta(days=9)
    dossier.observe(clock("invocation.delivery", ClockRole.INVOCATION, due), ClockChange.STARTED)
    return dossier


def attestation_requested() -> Dossier:
    dossier = invoked()
    dossier.request_attestation(by=CITIZEN, now=LATE + timedelta(days=10))
    return dossier


def attested() -> Dossier:
    dossier = attestation_requested()
    dossier.attest(by=GOVERNOR, now=LATE + timedelta(days=12))
    return dossier


def granted(code: str = "construction_large") -> Dossier:
    dossier = running(code)
    dossier.grant(by=PRESIDENT, now=SOON)
    return dossier


def delivered(code: str = "construction_large") -> Dossier:
    dossier = granted(code)
    dossier.deliver(by=PRESIDENT, now=SOON)
    dossier.observe(LAPSE, ClockChange.STARTED)
    return dossier


def refused() -> Dossier:
    dossier = running()
    dossier.refuse([REASON], by=PRESIDENT, now=SOON)
    return dossier


def appealed() -> Dossier:
    dossier = refused()
    dossier.appeal("Le retrait est respecté.", by=CITIZEN, now=SOON)
    due = SOON + timedelta(days=17)
    dossier.observe(clock("appeal.president", ClockRole.APPEAL, due), ClockChange.STARTED)
    return dossier


def appealed_to_governor() -> Dossier:
    dossier = appealed()
    dossier.escalate_appeal("Sans réponse.", by=CITIZEN, now=SOON + timedelta(days=18))
    return dossier


def _ended(dossier: Dossier, end: Callable[[Dossier], object]) -> Dossier:
    end(dossier)
    return dossier


def repeated() -> Dossier:
    earlier = refused()
    earlier.id = UUID(int=2)
    return _ended(running(), lambda d: d.close_as_repeat(earlier, by=INSTRUCTOR, now=SOON))


REACH: Final[dict[State, Callable[[], Dossier]]] = {
    State.DRAFT: draft,
    State.INCOMPLETE: incomplete,
    State.RETURNED: lambda: _ended(incomplete(), lambda d: d.return_file(by=INSTRUCTOR, now=LATE)),
    State.UNDER_REVIEW: running,
    State.SUSPENDED: suspended,
    State.GRANTED: granted,
    State.DELIVERED: delivered,
    State.REFUSED: refused,
    State.APPROVED_BY_SILENCE: silent,
    State.SILENCE_INVOKED: invoked,
    State.ATTESTATION_REQUESTED: attestation_requested,
    State.ATTESTED: attested,
    State.SILENCE_NO_EFFECT: lambda: silent("regularisation"),
    State.APPEAL_PRESIDENT: appealed,
    State.APPEAL_GOVERNOR: appealed_to_governor,
    State.APPEAL_REJECTED: lambda: _ended(
        appealed(), lambda d: d.answer_appeal(Outcome.REFUSED, "Mal fondé", by=PRESIDENT, now=SOON)
    ),
    State.CLOSED_AS_REPEAT: repeated,
    State.WITHDRAWN: lambda: _ended(running(), lambda d: d.withdraw(by=CITIZEN, now=SOON)),
    State.RENOUNCED: lambda: _ended(delivered(), lambda d: d.renounce(by=CITIZEN, now=SOON)),
    State.ANNULLED: lambda: _ended(delivered(), lambda d: d.annul("TA 12/2026", by=GOVERNOR, now=SOON)),
    State.LAPSED: lambda: _ended(delivered(), lambda d: d.lapse(by=AGENT, now=MUCH_LATER)),
}


def _answer(d: Dossier) -> DossierEvent:
    """Under review, to a request that suspends nothing; suspended, to the one that does."""
    if d.state is State.UNDER_REVIEW:
        d.request_modification("r1", "Retrait", by=INSTRUCTOR, now=LATE - timedelta(days=5))
    return d.answer("r1", documents={"site_plan": "sha256:new"}, by=CITIZEN, now=SOON)


def _confirm(d: Dossier) -> DossierEvent:
    _pending(d)
    return d.confirm_handover(by=CLERK, now=LATE)


def _reject(d: Dossier) -> DossierEvent:
    _pending(d)
    return d.reject_handover(by=CLERK, now=LATE)


def _pending(d: Dossier) -> None:
    d.handover = Handover(
        outcome=Outcome.REFUSED,
        handed_over_at=SOON,
        evidence=DIGEST,
        recorded_at=LATE,
        recorded_by=AGENT.subject,
        reasons=(REASON,),
    )


def _pay(d: Dossier) -> DossierEvent:
    d.fees = {}
    if Action.ASSESS_FEE in d.available:
        d.assess_fee("service_fee", amount=50_000, by=AGENT, now=SOON)
    return d.start_payment("p1", ["service_fee"], by=CITIZEN, now=SOON)


def _minutes(d: Dossier) -> DossierEvent:
    if Action.CONVENE in d.available:
        d.convene(SOON, by=INSTRUCTOR, now=SOON)
    return d.sign_minutes(DIGEST, by=INSTRUCTOR, now=SOON)


def _revoke(d: Dossier) -> DossierEvent:
    d.proxies = {ARCHITECT.subject: FILED}
    return d.revoke_proxy(ARCHITECT.subject, by=CITIZEN, now=SOON)


def _repeat(d: Dossier) -> DossierEvent:
    earlier = refused()
    earlier.id = UUID(int=2)
    return d.close_as_repeat(earlier, by=INSTRUCTOR, now=SOON)


def _handover(d: Dossier) -> DossierEvent:
    return d.record_handover(
        Outcome.REFUSED, handed_over_at=SOON, evidence=DIGEST, reasons=[REASON], by=AGENT, now=LATE
    )


TAKE: Final[dict[Action, tuple[Actor, Callable[[Dossier], DossierEvent]]]] = {
    Action.ATTACH: (CITIZEN, lambda d: d.attach(*_attachable(d), by=CITIZEN, now=SOON)),
    Action.SUBMIT: (CITIZEN, lambda d: d.submit("06.141.01.0/2026/9", by=CITIZEN, now=SOON)),
    Action.ANSWER: (CITIZEN, _answer),
    Action.WITHDRAW: (CITIZEN, lambda d: d.withdraw(by=CITIZEN, now=SOON)),
    Action.RENOUNCE: (CITIZEN, lambda d: d.renounce(by=CITIZEN, now=SOON)),
    Action.TRANSFER: (
        CITIZEN,
        lambda d: d.transfer(STRANGER.subject, TransferBasis.BUYER, DIGEST, by=CITIZEN, now=SOON),
    ),
    Action.GRANT_PROXY: (CITIZEN, lambda d: d.grant_proxy(ARCHITECT.subject, by=CITIZEN, now=SOON)),
    Action.REVOKE_PROXY: (CITIZEN, _revoke),
    Action.PAY: (CITIZEN, _pay),
    Action.START_WORKS: (CITIZEN, lambda d: d.start_works(by=CITIZEN, now=SOON)),
    Action.INVOKE: (CITIZEN, lambda d: d.invoke(by=CITIZEN, now=LATE)),
    Action.REQUEST_ATTESTATION: (CITIZEN, lambda d: d.request_attestation(by=CITIZEN, now=MUCH_LATER)),
    Action.APPEAL: (CITIZEN, lambda d: d.appeal("Recours", by=CITIZEN, now=SOON)),
    Action.ESCALATE_APPEAL: (CITIZEN, lambda d: d.escalate_appeal("Recours", by=CITIZEN, now=MUCH_LATER)),
    Action.MESSAGE: (CITIZEN, lambda d: d.post_message("m1", by=CITIZEN, now=SOON)),
    Action.ASSIGN: (PRESIDENT, lambda d: d.assign(COVER.subject, by=PRESIDENT, now=SOON)),
    Action.RETURN: (INSTRUCTOR, lambda d: d.return_file(by=INSTRUCTOR, now=MUCH_LATER)),
    Action.REQUEST_REPLACEMENT: (
        INSTRUCTOR,
        lambda d: d.request_replacement("r9", "elevations", "Illisible", by=INSTRUCTOR, now=SOON),
    ),
    Action.REQUEST_INFORMATION: (
        INSTRUCTOR,
        lambda d: d.request_information("r9", "Précisez la hauteur", by=INSTRUCTOR, now=SOON),
    ),
    Action.REQUEST_MODIFICATION: (
        INSTRUCTOR,
        lambda d: d.request_modification("r9", "Retrait", by=INSTRUCTOR, now=SOON),
    ),
    Action.REMIND: (INSTRUCTOR, lambda d: d.remind("r1", by=INSTRUCTOR, now=LATE)),
    Action.EXTEND: (
        INSTRUCTOR,
        lambda d: d.extend(10, ExtensionGround.EXPERTISE, by=INSTRUCTOR, now=SOON),
    ),
    Action.CLOSE_AS_REPEAT: (INSTRUCTOR, _repeat),
    Action.REQUEST_OPINION: (
        INSTRUCTOR,
        lambda d: d.request_opinion("commune", by=INSTRUCTOR, now=SOON),
    ),
    Action.GIVE_OPINION: (
        INSTRUCTOR,
        lambda d: d.give_opinion(
            "urban_agency", OpinionOutcome.FAVOURABLE, document=DIGEST, by=INSTRUCTOR, now=SOON
        ),
    ),
    Action.FORWARD: (INSTRUCTOR, lambda d: d.forward(by=INSTRUCTOR, now=SOON)),
    Action.CONVENE: (INSTRUCTOR, lambda d: d.convene(LATE, by=INSTRUCTOR, now=SOON)),
    Action.SIGN_MINUTES: (INSTRUCTOR, _minutes),
    Action.ASSESS_FEE: (
        AGENT,
        lambda d: d.assess_fee("service_fee", amount=50_000, by=AGENT, now=SOON, quantity=Decimal(1)),
    ),
    Action.GRANT: (PRESIDENT, lambda d: d.grant(by=PRESIDENT, now=LATE)),
    Action.REFUSE: (PRESIDENT, lambda d: d.refuse([REASON], by=PRESIDENT, now=SOON)),
    Action.RECORD_HANDOVER: (AGENT, _handover),
    Action.CONFIRM_HANDOVER: (CLERK, _confirm),
    Action.REJECT_HANDOVER: (CLERK, _reject),
    Action.ANSWER_APPEAL: (
        PRESIDENT,
        lambda d: d.answer_appeal(Outcome.GRANTED, "", by=PRESIDENT, now=LATE),
    ),
    Action.DELIVER: (PRESIDENT, lambda d: d.deliver(by=PRESIDENT, now=LATE)),
    Action.TRANSMIT: (AGENT, lambda d: d.transmit(Recipient.GOVERNOR, by=AGENT, now=LATE)),
    Action.LAPSE: (AGENT, lambda d: d.lapse(by=AGENT, now=MUCH_LATER)),
    Action.ASK_EXPLANATIONS: (GOVERNOR, lambda d: d.ask_explanations(by=GOVERNOR, now=LATE)),
    Action.ATTEST: (GOVERNOR, lambda d: d.attest(by=GOVERNOR, now=LATE)),
    Action.INVITE_PRESIDENT: (GOVERNOR, lambda d: d.invite_president(by=GOVERNOR, now=LATE)),
    Action.ANNUL: (GOVERNOR, lambda d: d.annul("TA 12/2026", by=GOVERNOR, now=LATE)),
}
"""Each action as the person who may take it takes it, on a file where nothing else stands against it."""


def _attachable(d: Dossier) -> tuple[str, str]:
    """The missing document of an incomplete file; a complementary one otherwise."""
    return (d.missing[0] if d.missing else "surface_certificate", DIGEST)
