"""What every part of this API shares: who may call and why, how people and acts are written and shown,
and the one way to change an act.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypedDict
from uuid import UUID

from fastapi import Depends, Header, Response
from pydantic import AfterValidator, BaseModel, Field

from services.civil_status.domain import MAY, Act, Action, ActState
from services.civil_status.domain.dates import RegisterDate
from services.civil_status.domain.identifier import checked
from services.civil_status.domain.values import Blocks, Declarant, Happening, Name, Person, Sex
from services.civil_status.events import ActEvent, ActKind, Origin
from services.civil_status.store import acts
from shared.access import recorded
from shared.auth import Actor
from shared.db import Tx
from shared.errors import Invalid, Malformed
from shared.http import Authorizer, Body, Collectivity, Day, IfRead, Instant, etag
from shared.http.files import brought
from shared.http.values import INT4
from shared.territory import territory

authorize = Authorizer(MAY)

OFFICE: Final = r"^\d{2}(\.\d{1,3}){2,3}-\d{2}$"


def _office(code: str) -> str:
    commune = code.rpartition("-")[0]
    if territory().get(commune).kind not in {"commune", "arrondissement"}:
        raise Invalid("office_not_a_commune", "A civil status office belongs to a commune.")
    return code


Office = Annotated[str, Field(pattern=OFFICE, examples=["06.141.01.0-01"]), AfterValidator(_office)]
"""A civil status office: the code of its commune or arrondissement, and two digits."""
JudgmentReference = Annotated[
    str, Field(pattern=r"^[A-Z]{1,10}(-[A-Z]{1,10})? \d{1,6}(/\d{1,6}){1,2}$", examples=["TPI 1234/2026"])
]
"""The number of a judgment under the initials of the court."""
Identifier = Annotated[str, Field(min_length=11, max_length=13, pattern=r"^[\d ]+$"), AfterValidator(checked)]
Year = Annotated[int, Field(ge=1915, le=2200)]
Number = Annotated[int, Field(ge=1, lt=INT4)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hour = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["06:40"])]
Text = Annotated[str, Field(min_length=1, max_length=300)]
Written = Annotated[str, Field(min_length=1, max_length=500)]
"""A name as sent: its letters are the domain's to judge, its length is not for it to carry."""


class NameIn(Body):
    ar: Written
    latin: Written | None = None
    tifinagh: Written | None = None

    def value(self) -> Name:
        return Name(ar=self.ar, latin=self.latin, tifinagh=self.tifinagh)


class DateIn(Body):
    """`on` for an exact day, or `year` and perhaps `month` where no paper says more. `hijri`: as observed,
    `1448-06-01`; computed when left out.
    """

    on: Day | None = None
    year: Annotated[int, Field(ge=1800, le=2200)] | None = None
    month: Annotated[int, Field(ge=1, le=12)] | None = None
    hijri: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None

    def value(self) -> RegisterDate:
        if (self.on is None) == (self.year is None):
            raise Invalid("date_malformed", "Give either `on` or `year`.")
        if self.on is not None:
            return RegisterDate.of(self.on, self.hijri)
        assert self.year is not None
        return RegisterDate.partial(self.year, self.month, self.hijri)


class PersonIn(Body):
    given: NameIn
    family: NameIn | None = None
    sex: Sex | None = None
    born: DateIn | None = None
    birthplace: Text | None = None
    nationality: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "MA"
    occupation: Text | None = None
    address: Text | None = None
    identifier: Identifier | None = None

    def value(self) -> Person:
        return Person(
            given=self.given.value(),
            family=self.family.value() if self.family else None,
            sex=self.sex,
            born=self.born.value() if self.born else None,
            birthplace=self.birthplace,
            nationality=self.nationality,
            occupation=self.occupation,
            address=self.address,
            identifier=self.identifier,
        )


class HappeningIn(Body):
    on: DateIn
    time: Hour | None = None
    place: Text
    collectivity: Collectivity | None = None
    abroad: bool = False
    facility: Text | None = None

    def value(self) -> Happening:
        return Happening(
            on=self.on.value(),
            time=self.time,
            place=self.place,
            collectivity=self.collectivity,
            abroad=self.abroad,
            facility=self.facility,
        )


class DeclarantIn(Body):
    """`relation`: a code of `GET /requirements`."""

    person: PersonIn
    relation: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]


class BlocksIn(Body):
    """The blocks of decree 2-22-04 art. 21."""

    event: HappeningIn
    subject: PersonIn
    father: PersonIn | None = None
    mother: PersonIn | None = None
    spouse: PersonIn | None = None
    declarant: DeclarantIn | None = None
    annexed: Annotated[list[Sha256], Field(max_length=20)] = Field(default_factory=list)

    def value(self) -> Blocks:
        people = {
            name: person.value() if (person := getattr(self, name)) else None
            for name in ("father", "mother", "spouse")
        }
        declarant = None
        if self.declarant is not None:
            declarant = Declarant(person=self.declarant.person.value(), relation=self.declarant.relation)
        return Blocks(
            event=self.event.value(),
            subject=self.subject.value(),
            declarant=declarant,
            annexed=tuple(self.annexed),
            **people,
        )


class ActOut(BaseModel):
    """An act as it was drawn up. `actions` are what the caller may do now; what it reads today, and its
    margin, are outputs: `GET /acts/{id}/outputs/{output}`. Without `margin_known` nobody has compared the
    margin with the paper since the act was taken over from a file. `holder_known`: an officer has seen whose
    it is.
    """

    id: UUID
    kind: ActKind
    collectivity: str
    office: str
    year: int
    number: int
    reference: str
    origin: Origin
    identifier: str | None
    blocks: Blocks
    drawn_up_at: Instant
    state: ActState
    mentions: int
    margin_known: bool
    holder_known: bool
    disputed_with: UUID | None
    judgment: str | None
    actions: list[Action]
    version: int


class Nothing(Body):
    """An empty object."""


Changes = Annotated[
    dict[Annotated[str, Field(max_length=60)], Written],
    Field(min_length=1, max_length=40, examples=[{"subject.given.latin": "Yassine"}]),
]
"""What fields of an act read from now on."""


async def _reason(
    purpose: Annotated[
        str | None,
        Header(alias="Access-Purpose", max_length=64, description="Why: a code, written down with the read"),
    ] = None,
) -> None:
    """Raises Malformed (400) `access_purpose_missing`: nobody reads the register without saying why."""
    if purpose is None:
        raise Malformed(
            "access_purpose_missing",
            {
                "ar": "اذكروا سبب الاطلاع (Access-Purpose).",
                "fr": "Dites pourquoi vous consultez (Access-Purpose).",
                "en": "Say why you read (Access-Purpose).",
            },
        )


Reason = Depends(_reason)
"""On every route that shows what the register says: `dependencies=[Reason]`."""


class By(TypedDict):
    by: Actor
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One act, locked, to be changed once in the transaction of this request: see `changing`."""

    tx: Tx
    response: Response
    action: Action
    act: Act

    @property
    def officer(self) -> By:
        return By(by=self.tx.actor, now=self.tx.now)

    async def brought(self, sha256: str | None) -> None:
        """Raises Invalid `file_unknown` for a content that the caller did not bring."""
        if sha256 is not None:
            await brought(self.tx, sha256)

    async def answer(self, event: ActEvent) -> ActOut:
        """Saves the act, writes down who has read it, and shows it as it now stands."""
        await acts.save(self.tx, self.act, because=event)
        await read_by_another(self.tx, self.action, self.act)
        return show(self.tx, self.response, self.act)


def changing(action: Action) -> Any:
    """The dependency of every route that changes an act: decision 0032."""

    async def load(
        tx: Annotated[Tx, authorize(action)], act_id: UUID, response: Response, version: IfRead
    ) -> Change:
        act = await acts.locked(tx, act_id, version=version)
        return Change(tx=tx, response=response, action=action, act=act)

    return Depends(load)


def show(tx: Tx, response: Response, act: Act) -> ActOut:
    etag(response, act.version)
    fields = {name: getattr(act, name) for name in ActOut.model_fields if hasattr(act, name)}
    return ActOut(
        **(
            fields
            | {
                "mentions": len(act.mentions),
                "holder_known": act.holder is not None,
                "actions": act.actions(tx.actor),
            }
        )
    )


async def read_by_another(tx: Tx, action: Action, *read: Act) -> None:
    """The register of reads: one entry for what was shown to somebody whom it is not about."""
    for collectivity in sorted({act.collectivity for act in read}):
        owners = {
            str(act.id): tx.actor.subject if tx.actor.subject in act.parties else ""
            for act in read
            if act.collectivity == collectivity
        }
        await recorded(
            tx, "civil_status", action=action, aggregate="act", owners=owners, collectivity=collectivity
        )
