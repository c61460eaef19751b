"""What anybody may know before filing: the recueil (55-19 art. 5, 6) and the territory."""

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from services.rokhas.api.common import Code, authorize
from services.rokhas.domain import Procedure, SilenceEffect
from services.rokhas.domain.recueil import Category, Confidence, Counting, FeeKind, Session, Stage
from services.rokhas.events import Channel
from services.rokhas.store.dossiers import procedures
from shared.db import Tx
from shared.http import PUBLIC, Day, Router, Texts
from shared.territory import Collectivity as Place
from shared.territory import Kind, territory
from shared.time import civil_day

router = Router(prefix="")

On = Annotated[Day | None, Query(description="the recueil as it was that day (Casablanca); today by default")]


class ProcedureLine(BaseModel):
    code: str
    label: Texts
    category: Category
    version: int
    valid_from: date


class Sourced(BaseModel):
    """`source` is where the fact comes from; `confidence`: C text read, P secondary source, B general
    knowledge, U uncertain.
    """

    source: str
    confidence: Confidence


class DocumentLine(Sourced):
    """A `required` one starts the clock; another never delays it (RGC art. 37). `declaration`: a declaration
    on honour may replace it (55-19 art. 8).
    """

    code: str
    label: Texts
    required: bool
    stage: Stage
    declaration: bool


class FeeLine(Sourced):
    """`rate` is centimes (fixed), centimes per unit, or hundredths of a percent of the cost (share)."""

    code: str
    label: Texts
    kind: FeeKind
    rate: int | None
    unit: str | None
    before_delivery: bool


class OpinionLine(Sourced):
    actor: str
    label: Texts
    binding: bool


class PeriodOut(Sourced):
    days: int
    counting: Counting
    text: Texts


class SilenceOut(Sourced):
    effect: SilenceEffect
    text: Texts


class ValidityOut(Sourced):
    days: int
    kept_by_works: bool
    renewable: bool


class ProcedureOut(BaseModel):
    """One version of a procedure. What is not on it cannot be asked for (55-19 art. 3). `rule` names the rule
    of the deadlines service under which a file is timed.
    """

    code: str
    version: int
    valid_from: date
    category: Category
    label: Texts
    rule: str
    session: Session
    channels: list[Channel]
    documents: list[DocumentLine]
    fees: list[FeeLine]
    opinions: list[OpinionLine]
    deadline: PeriodOut
    silence: SilenceOut
    appeals: Texts
    validity: ValidityOut | None
    extension_max_days: int

    @classmethod
    def of(cls, procedure: Procedure) -> "ProcedureOut":
        return cls.model_validate(
            {name: getattr(procedure, name) for name in cls.model_fields if name != "label"}
            | {"label": procedure.title},
            from_attributes=True,
        )


class Procedures(BaseModel):
    items: list[ProcedureLine]


class PlaceOut(BaseModel):
    """`population` is that of the census of 2024; `parent` is the next level up."""

    code: str
    kind: Kind
    name: Texts
    parent: str | None
    province: str | None
    region: str
    urban: bool | None
    population: int


class Places(BaseModel):
    items: list[PlaceOut]


@router.get("/procedures")
async def list_procedures(tx: Annotated[Tx, authorize(PUBLIC)], on: On = None) -> Procedures:
    known = procedures().in_force(on or civil_day(tx.now))
    return Procedures(
        items=[
            ProcedureLine(
                code=procedure.code,
                label=Texts(**procedure.title),
                category=procedure.category,
                version=procedure.version,
                valid_from=procedure.valid_from,
            )
            for procedure in sorted(known, key=lambda procedure: procedure.code)
        ]
    )


@router.get("/procedures/{code}")
async def read_procedure(tx: Annotated[Tx, authorize(PUBLIC)], code: Code, on: On = None) -> ProcedureOut:
    return ProcedureOut.of(procedures().at(code, on or civil_day(tx.now)))


@router.get("/collectivities")
async def find_collectivities(
    tx: Annotated[Tx, authorize(PUBLIC)],
    q: Annotated[
        str, Query(max_length=100, description="a part of the name in either script, or of the code")
    ] = "",
    kind: Kind | None = None,
    parent: Annotated[str | None, Query(max_length=20, description="those directly below this code")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Places:
    """By name, or by what lies below a code; without either, the regions."""
    known = territory()
    found: list[Place]
    if q:
        below = None if parent is None else known.within(parent) - {parent}
        found = [place for place in known.search(q, kind, len(known)) if below is None or place.code in below]
    elif parent is not None:
        found = [place for place in known.children(parent) if kind in (None, place.kind)]
    else:
        found = [place for place in known if place.kind == (kind or "region")]
    return Places(items=[PlaceOut.model_validate(place, from_attributes=True) for place in found[:limit]])
