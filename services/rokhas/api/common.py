"""What every part of this API shares: who may call, how a file is shown, and the one way to change it."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Response
from pydantic import AfterValidator, BaseModel, Field

from services.rokhas.domain import MAY, Action, Dossier, State
from services.rokhas.domain.permissions import DELEGABLE, Delegation
from services.rokhas.domain.values import (
    Appeal,
    Attachment,
    Clock,
    Counter,
    Decision,
    Extension,
    Fee,
    Handover,
    Minutes,
    Opinion,
    Payment,
    Recipient,
    Request,
    Sitting,
)
from services.rokhas.events import BindingOpinion, Channel, DossierEvent
from services.rokhas.store import delegations, dossiers
from shared.access import recorded
from shared.auth import OFFICERS
from shared.db import Tx
from shared.errors import Invalid
from shared.http import Authorizer, Body, Instant, etag
from shared.territory import territory

_LENT: Final = frozenset[Action]().union(*DELEGABLE.values())
authorize = Authorizer(
    {action: roles | OFFICERS if action in _LENT else roles for action, roles in MAY.items()}
)
"""A deputy's own role may be another one: whether somebody lent them the action, the file's rules ask."""


class Texts(BaseModel):
    ar: str
    fr: str
    en: str


def _known(code: str) -> str:
    territory().get(code)
    return code


Collectivity = Annotated[
    str, Field(pattern=r"^\d{2}(\.\d{1,3}){0,3}$", examples=["06.141.01.0"]), AfterValidator(_known)
]


def _municipal(code: str) -> str:
    if territory().get(code).kind not in {"commune", "arrondissement"}:
        raise Invalid(
            "collectivity_not_a_commune",
            {
                "ar": "تُودع الملفات لدى جماعة أو مقاطعة، لا لدى جهة أو عمالة أو إقليم.",
                "fr": "Un dossier relève d'une commune ou d'un arrondissement, non d'une région ou province.",
                "en": "A file belongs to a commune or an arrondissement, not to a region or a province.",
            },
        )
    return code


Commune = Annotated[Collectivity, AfterValidator(_municipal)]
"""Whose president decides on permits (113-14 art. 100-101, 237): a commune or an arrondissement."""
Reference = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
"""An opaque reference of a person; with a colon it would be a desk's (`office:06.141.01.0`)."""
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=4000)]


class CounterIn(Body):
    """Where an agent receives something in the applicant's place (55-19 art. 30)."""

    unit: str = Field(min_length=1, max_length=100)
    channel: Literal[Channel.COUNTER, Channel.PAPER] = Channel.COUNTER

    def value(self) -> Counter:
        return Counter(unit=self.unit, channel=self.channel)


class AtCounter(Body):
    """A body that carries nothing else: `counter` only when an agent acts for the applicant."""

    counter: CounterIn | None = None

    @property
    def at(self) -> Counter | None:
        return self.counter.value() if self.counter else None


class Nothing(Body):
    """An empty object."""


class DossierOut(BaseModel):
    """A permit file. `actions` are what the caller may do now; `clock` is null until the date is known, and
    its `answer_by` null while it is suspended.
    """

    id: UUID
    reference: str | None
    procedure: str
    procedure_version: int
    collectivity: str
    applicant: str
    channel: Channel
    unit: str | None
    site: str
    purpose: str
    state: State
    drafted_at: Instant
    submitted_at: Instant | None
    completed_at: Instant | None
    missing: list[str]
    documents: list[Attachment]
    requests: list[Request]
    extension: Extension | None
    instructor: str | None
    opinions: list[Opinion]
    forwarded_at: Instant | None
    sitting: Sitting | None
    minutes: Minutes | None
    decision: Decision | None
    handover: Handover | None
    binding_opinion: BindingOpinion
    late_attempts: int
    clock: Clock | None
    clock_known: bool
    clocks: list[Clock]
    silence_at: Instant | None
    effective_at: Instant | None
    invoked_at: Instant | None
    attestation_requested_at: Instant | None
    delivered_at: Instant | None
    attested_at: Instant | None
    works_started_at: Instant | None
    transmitted: dict[Recipient, Instant]
    appeals: list[Appeal]
    fees: list[Fee]
    payments: list[Payment]
    proxies: list[str]
    ended_at: Instant | None
    actions: list[Action]
    version: int


class SummaryOut(BaseModel):
    """A line of a list, or of the queue, whose order is `due_at`: the next date of the office."""

    id: UUID
    reference: str | None
    procedure: str
    collectivity: str
    applicant: str
    state: State
    instructor: str | None
    drafted_at: Instant
    submitted_at: Instant | None
    due_at: Instant | None
    answer_by: Instant | None
    last_day: date | None
    provisional: bool
    missing: int
    version: int

    @classmethod
    def of(cls, dossier: Dossier) -> "SummaryOut":
        clock = dossier.clock
        return cls(
            id=dossier.id,
            reference=dossier.reference,
            procedure=dossier.procedure.code,
            collectivity=dossier.collectivity,
            applicant=dossier.applicant,
            state=dossier.state,
            instructor=dossier.instructor,
            drafted_at=dossier.drafted_at,
            submitted_at=dossier.submitted_at,
            due_at=dossier.due_at,
            answer_by=clock.answer_by if clock else None,
            last_day=clock.last_day if clock else None,
            provisional=bool(clock and clock.provisional),
            missing=len(dossier.missing),
            version=dossier.version,
        )


Lent = list[Delegation]
Change = Callable[[Dossier, Lent], DossierEvent | None]


async def change(tx: Tx, response: Response, dossier_id: UUID, read: int | None, how: Change) -> DossierOut:
    """Loads the file under its lock, makes one transition, saves it with its event, and shows it.

    `how` is given the file and the delegations that its holder may use; it raises what the domain refuses.
    """
    dossier = await dossiers.locked(tx, dossier_id, version=read)
    lent = await delegations.lent_to(tx, tx.actor.subject, dossier.collectivity)
    if (event := how(dossier, lent)) is not None:
        await dossiers.save(tx, dossier, because=event)
    return show(tx, response, dossier, lent)


def show(tx: Tx, response: Response, dossier: Dossier, lent: Lent) -> DossierOut:
    etag(response, dossier.version)
    fields = {name: getattr(dossier, name) for name in DossierOut.model_fields if hasattr(dossier, name)}
    shown: dict[str, Any] = fields | {
        "procedure": dossier.procedure.code,
        "procedure_version": dossier.procedure.version,
        "documents": list(dossier.documents.values()),
        "opinions": list(dossier.opinions.values()),
        "fees": list(dossier.fees.values()),
        "payments": list(dossier.payments.values()),
        "clocks": list(dossier.clocks.values()),
        "proxies": sorted(dossier.proxies),
        "missing": list(dossier.missing),
        "binding_opinion": dossier.binding_opinion(),
        "clock_known": dossier.clock is not None and not dossier.awaiting,
        "actions": dossier.actions(tx.actor, tx.now, lent),
    }
    return DossierOut(**shown)


async def read_by_another(tx: Tx, action: Action, *read: Dossier) -> None:
    """The register of reads of personal data: one entry for what was shown to somebody it is not about."""
    for collectivity in sorted({dossier.collectivity for dossier in read}):
        owners = {str(d.id): d.applicant for d in read if d.collectivity == collectivity}
        await recorded(
            tx, "rokhas", action=action, aggregate="dossier", owners=owners, collectivity=collectivity
        )
