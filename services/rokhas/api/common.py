"""What every part of this API shares: who may call, how a file is shown, and the one way to change it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypedDict
from uuid import UUID

from fastapi import Depends, Response
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
    Paper,
    Payment,
    Recipient,
    Request,
    Sitting,
)
from services.rokhas.events import BindingOpinion, Channel, DossierEvent
from services.rokhas.store import delegations, dossiers
from services.rokhas.store.lists import FAR, Line
from shared.access import recorded
from shared.auth import OFFICERS, Actor
from shared.db import Tx
from shared.errors import Invalid
from shared.http import Authorizer, Body, Caller, Collectivity, IfRead, Instant, etag
from shared.http.files import brought
from shared.territory import territory

_LENT: Final = frozenset[Action]().union(*DELEGABLE.values())
authorize = Authorizer(
    {action: roles | OFFICERS if action in _LENT else roles for action, roles in MAY.items()}
)
"""A deputy's own role may be another one: whether somebody lent them the action, the file's rules ask."""


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
Article = Annotated[
    str,
    Field(min_length=1, max_length=4000, pattern=r"\S", examples=["loi 12-90, art. 43", "RGC art. 40"]),
]
"""A legal ground as the officer writes it; in a usual form (`domain/references.py`), events carry it too."""
ActReference = Annotated[
    str, Field(min_length=1, max_length=4000, pattern=r"\S", examples=["TA Casablanca 12/2026"])
]
"""A judgment or order, likewise."""
Desk = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", examples=["guichet-anfa"])]
"""The code of a counter: a place, no person."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=4000)]


class CounterIn(Body):
    """Where an agent receives something in the applicant's place (55-19 art. 30)."""

    unit: Desk
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
    its `answer_by` null while it is suspended. `papers` are what it holds besides the recueil's documents
    (minutes, opinions, proofs, deeds): each digest opens `GET /dossiers/{id}/contents/{digest}`.
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
    papers: list[Paper]
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
    annulment: str | None
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

    @staticmethod
    def of(line: Line) -> dict[str, Any]:
        """As JSON shows it, straight from the columns, which have these types: fifty models a page cost more
        than the query.
        """
        return {
            "id": line.id,
            "reference": line.reference,
            "procedure": line.procedure,
            "collectivity": line.collectivity,
            "applicant": line.applicant,
            "state": line.state,
            "instructor": line.instructor,
            "drafted_at": line.drafted_at,
            "submitted_at": line.submitted_at,
            "due_at": None if line.due_at == FAR else line.due_at,
            "answer_by": line.answer_by,
            "last_day": line.last_day,
            "provisional": line.provisional,
            "missing": len(line.missing),
            "version": line.version,
        }


def workplaces(actor: Actor) -> frozenset[str]:
    """The collectivities whose files the caller works on."""
    known = territory()
    return actor.communes.union(*(known.within(province) for province in actor.provinces))


Lent = list[Delegation]


class ByOfficer(TypedDict):
    """What a transition of the office is told besides its own words."""

    by: Actor
    now: datetime
    delegations: Lent


class ByApplicant(TypedDict):
    """The same for a step that an applicant takes, or an agent at a counter for them."""

    by: Actor
    now: datetime
    counter: Counter | None


class ByGovernor(TypedDict):
    by: Actor
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file, locked, to be changed once in the transaction of this request: see `changing`."""

    tx: Tx
    response: Response
    action: Action
    dossier: Dossier
    owner: str
    lent: Lent

    @property
    def officer(self) -> ByOfficer:
        return ByOfficer(by=self.tx.actor, now=self.tx.now, delegations=self.lent)

    @property
    def governor(self) -> ByGovernor:
        return ByGovernor(by=self.tx.actor, now=self.tx.now)

    def applicant(self, body: AtCounter) -> ByApplicant:
        return ByApplicant(by=self.tx.actor, now=self.tx.now, counter=body.at)

    async def brought(self, sha256: str | None) -> None:
        """Raises Invalid `file_unknown` for a content that neither the caller nor this file brought."""
        if sha256 is not None:
            await brought(self.tx, sha256, held=self.dossier.contents)

    async def save(self, event: DossierEvent | None) -> None:
        """The file with its one event; and whoever changed a file that was somebody else's has read it: the
        register of reads says so. Call it last.
        """
        if event is not None:
            await dossiers.save(self.tx, self.dossier, because=event)
        await _register(self.tx, self.action, {str(self.dossier.id): self.owner}, self.dossier.collectivity)

    async def answer(self, event: DossierEvent | None) -> DossierOut:
        """Saves the file and shows it as it now stands."""
        await self.save(event)
        return show(self.tx, self.response, self.dossier, self.lent)


def changing(action: Action) -> Any:
    """The dependency of every route that changes a file, and the whole of what such routes have in common:

        @router.post("/forwarding")
        async def forward(file: Annotated[Change, changing(Action.FORWARD)], body: Nothing) -> DossierOut:
            return await file.answer(file.dossier.forward(**file.officer))

    It authorises, opens the transaction, loads the file under its lock (404 `dossier_unknown`, 412 when
    `If-Match` names another version) and the delegations that the caller may use.
    """

    async def load(
        caller: Annotated[Caller, authorize.caller(action)],
        dossier_id: UUID,
        response: Response,
        version: IfRead,
    ) -> Change:
        # An applicant's step asks the database nothing but the file; an office decides under its lock.
        alone = not (caller.actor.communes or caller.actor.provinces)
        tx = await caller.begin(dossiers.arrival(dossier_id) if alone else None)
        dossier = await dossiers.locked(tx, dossier_id, version=version)
        lent = await delegations.lent_to(tx, tx.actor, dossier.collectivity)
        return Change(
            tx=tx, response=response, action=action, dossier=dossier, owner=dossier.applicant, lent=lent
        )

    return Depends(load)


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


async def read_by_another(tx: Tx, action: Action, *read: Dossier | Line) -> None:
    """The register of reads of personal data: one entry for what was shown to somebody it is not about."""
    for collectivity in sorted({one.collectivity for one in read}):
        owners = {str(one.id): one.applicant for one in read if one.collectivity == collectivity}
        await _register(tx, action, owners, collectivity)


async def _register(tx: Tx, action: Action, owners: dict[str, str], collectivity: str) -> None:
    await recorded(tx, "rokhas", action=action, aggregate="dossier", owners=owners, collectivity=collectivity)
