"""Files: drafting, submitting, listing, reading."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Query, Response
from pydantic import BaseModel, Field

from services.rokhas.api.common import (
    AtCounter,
    Change,
    Code,
    Commune,
    CounterIn,
    DossierOut,
    Reference,
    SummaryOut,
    authorize,
    changing,
    read_by_another,
    show,
    workplaces,
)
from services.rokhas.domain import Action, Dossier, State
from services.rokhas.domain.values import ClockRule
from services.rokhas.store import delegations, dossiers, lists
from services.rokhas.store.dossiers import procedures
from services.rokhas.store.lists import Filter
from shared.auth import OFFICERS, Role
from shared.db import Tx
from shared.http import Body, Collectivity, Instant, Listing, Page, Router, Texts, etag
from shared.territory import territory
from shared.time import civil_day

router = Router(prefix="")

COMPLETE = {"ar": "ملف مودع", "fr": "Dossier déposé", "en": "File deposited"}
INCOMPLETE = {"ar": "ملف في طور الإيداع", "fr": "Dossier en cours de dépôt", "en": "File being deposited"}


class DraftIn(Body):
    """`applicant` and `counter` only when an agent receives for somebody else."""

    procedure: Code
    collectivity: Commune
    site: str = Field(default="", max_length=500)
    purpose: str = Field(default="", max_length=2000)
    applicant: Reference | None = None
    counter: CounterIn | None = None


class SubmissionIn(AtCounter):
    """`deposited_at`: when a counter received the file on paper, at most 7 days ago; an agent's to say, of
    somebody else's file. `circumstances`: what changed since a former
    refusal of the same application (55-19 art. 15).
    """

    circumstances: str = Field(default="", max_length=4000)
    deposited_at: Instant | None = None


class MissingOut(BaseModel):
    code: str
    label: Texts


class ReceiptOut(BaseModel):
    """Issued at once; complete, or with every missing document, once (55-19 art. 10). `deposit_until` is the
    last day to supply them, once it is known.
    """

    dossier: UUID
    reference: str
    status: Annotated[str, Field(pattern="^(complete|incomplete)$")]
    title: Texts
    procedure: str
    collectivity: str
    submitted_at: Instant
    completed_at: Instant | None
    missing: list[MissingOut]
    deposit_until: date | None
    version: int

    @classmethod
    def of(cls, dossier: Dossier) -> "ReceiptOut":
        assert dossier.reference is not None
        assert dossier.submitted_at is not None
        return cls(
            dossier=dossier.id,
            reference=dossier.reference,
            status="incomplete" if dossier.missing else "complete",
            title=Texts(**(INCOMPLETE if dossier.missing else COMPLETE)),
            procedure=dossier.procedure.code,
            collectivity=dossier.collectivity,
            submitted_at=dossier.submitted_at,
            completed_at=dossier.completed_at,
            missing=[
                MissingOut(code=code, label=Texts(**dossier.procedure.document(code).label))
                for code in dossier.missing
            ],
            deposit_until=period.last_day
            if (period := dossier.clocks.get(ClockRule.MISSING_ITEMS))
            else None,
            version=dossier.version,
        )


@router.post("/dossiers", status_code=201)
async def draft(tx: Annotated[Tx, authorize(Action.DRAFT)], body: DraftIn, response: Response) -> DossierOut:
    """A new file, not yet submitted."""
    dossier, drafted = Dossier.draft(
        uuid4(),
        procedure=procedures().at(body.procedure, civil_day(tx.now)),
        collectivity=body.collectivity,
        by=tx.actor,
        now=tx.now,
        applicant=body.applicant,
        counter=body.counter.value() if body.counter else None,
        site=body.site,
        purpose=body.purpose,
    )
    await dossiers.save(tx, dossier, because=drafted)
    await read_by_another(tx, Action.DRAFT, dossier)
    response.headers["Location"] = f"/rokhas/v1/dossiers/{dossier.id}"
    return show(tx, response, dossier, [])


@router.get("/dossiers")
async def list_dossiers(
    tx: Annotated[Tx, authorize(Action.LIST)],
    paging: Listing,
    state: Annotated[list[State] | None, Query()] = None,
    procedure: Code | None = None,
    collectivity: Collectivity | None = None,
    mine: Annotated[bool, Query(description="only those where the caller is applicant or proxy")] = False,
) -> Page[SummaryOut] | Response:
    """The newest first: one's own and those held by proxy; for officers, those of their territory."""
    staff = tx.actor.holds(*OFFICERS, Role.GOVERNOR, Role.AUDITOR)
    within = None if collectivity is None else territory().within(collectivity)
    theirs = workplaces(tx.actor) if staff and not mine else frozenset[str]()
    where = Filter(
        places=sorted(theirs if within is None else theirs & within),
        own=True,
        within=None if within is None else sorted(within),
        states=state,
        procedure=procedure,
    )
    after = paging.after(datetime, UUID)
    found = await lists.find(
        tx, where, urgent=False, after=after and (after[0], after[1]), limit=paging.fetch
    )
    await read_by_another(tx, Action.LIST, *found[: paging.limit])
    return paging.written(found, key=lambda line: (line.drafted_at, line.id), to=SummaryOut.of)


@router.get("/dossiers/{dossier_id}")
async def read(tx: Annotated[Tx, authorize(Action.READ)], dossier_id: UUID, response: Response) -> DossierOut:
    """With what the caller may do now."""
    dossier = await dossiers.get(tx, dossier_id)
    lent = await delegations.lent_to(tx, tx.actor, dossier.collectivity)
    await read_by_another(tx, Action.READ, dossier)
    return show(tx, response, dossier, lent)


@router.post("/dossiers/{dossier_id}/submission")
async def submit(file: Annotated[Change, changing(Action.SUBMIT)], body: SubmissionIn) -> ReceiptOut:
    """The numbered receipt, at once, under the recueil of the day of filing."""
    dossier, tx = file.dossier, file.tx
    at = dossier.received_at(body.deposited_at, by=tx.actor, now=tx.now)
    submitted = dossier.submit(
        await dossiers.number(tx, dossier.collectivity, at),
        in_force=procedures().at(dossier.procedure.code, civil_day(at)),
        deposited_at=body.deposited_at,
        circumstances=body.circumstances,
        **file.applicant(body),
    )
    await file.save(submitted)
    etag(file.response, dossier.version)
    return ReceiptOut.of(dossier)
