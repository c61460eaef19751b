"""What every part of this API shares: how a report is written and shown, and the one way to change one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypedDict
from uuid import UUID

from fastapi import Depends, Header, Response
from pydantic import BaseModel, Field

from services.chikaya.domain import MAY, Action, Report, State
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.place import located
from services.chikaya.domain.values import (
    Attachment,
    Clock,
    Contact,
    Desk,
    Finding,
    Method,
    Place,
    Point,
    Rating,
    Reply,
    Review,
    Routed,
    legible,
)
from services.chikaya.domain.words import WORDS
from services.chikaya.events import ReportEvent
from services.chikaya.events.report import Channel, Competence, Kind
from services.chikaya.store import administrations, codes, reports
from shared.access import recorded
from shared.auth import Actor
from shared.db import Tx
from shared.errors import Invalid
from shared.http import PUBLIC, Authorizer, Body, Collectivity, IfRead, Instant, Texts, etag
from shared.http.files import brought, content_of
from shared.territory import territory

authorize = Authorizer(MAY)

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Written = Annotated[str, Field(min_length=1, max_length=10_000)]
"""As sent: its letters are the domain's to judge."""
Brief = Annotated[str, Field(min_length=1, max_length=300)]
Files = Annotated[list[Sha256], Field(max_length=10)]
Answer = Annotated[list[Written], Field(max_length=20)]
Answers = Annotated[dict[Annotated[str, Field(max_length=40)], Answer], Field(max_length=20)]
MUST: Final = frozenset({"commune", "arrondissement"})


class PlaceIn(Body):
    """A point (WGS 84 degrees), an address, or both; without a point, say the commune. What is said of the
    commune goes before what the point says.
    """

    longitude: Annotated[float, Field(ge=-180, le=180, examples=[-7.62])] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, examples=[33.59])] | None = None
    address: Written | None = None
    collectivity: Collectivity | None = None

    def found(self) -> tuple[str, Place]:
        """The commune, and how it was found. Raises Invalid `place_unknown`, `point_incomplete`,
        `point_outside`, `not_a_commune`.
        """
        if (self.longitude is None) != (self.latitude is None):
            raise Invalid("point_incomplete", "A point is a longitude and a latitude.")
        address = legible(self.address, "place.address", 300) if self.address is not None else None
        if self.longitude is not None and self.latitude is not None:
            code, place = located(Point(longitude=self.longitude, latitude=self.latitude))
            if self.collectivity is None:
                return code, Place(
                    method=place.method, point=place.point, address=address, candidates=place.candidates
                )
            return _commune(self.collectivity), Place(
                method=Method.STATED, point=place.point, address=address
            )
        if self.collectivity is None:
            raise Invalid(
                "place_unknown",
                {
                    "ar": "حددوا الموقع بنقطة على الخريطة أو اذكروا الجماعة: العنوان وحده لا يكفي.",
                    "fr": "Situez-le par un point, ou dites la commune : l'adresse seule ne suffit pas.",
                    "en": "Place it by a point, or say the commune: an address alone does not tell.",
                },
            )
        return _commune(self.collectivity), Place(method=Method.STATED, address=address)


def _commune(code: str) -> str:
    if territory().get(code).kind not in MUST:
        raise Invalid("not_a_commune", "A commune, or an arrondissement.")
    return code


class ContactIn(Body):
    name: Brief | None = None
    email: Annotated[str, Field(max_length=254)] | None = None
    phone: Annotated[str, Field(max_length=16, examples=["+212612345678"])] | None = None

    def value(self) -> Contact:
        return Contact(**self.model_dump())


class ReportIn(Body):
    """`answers` are to the questions of the category, by their codes; `files` are digests that POST /files
    answered.
    """

    kind: Kind
    category: Code
    text: Written
    place: PlaceIn
    answers: Answers = Field(default_factory=dict)
    files: Files = Field(default_factory=list)
    contact: ContactIn | None = None


class PlaceOut(BaseModel):
    """`method` says how the commune was found. `nearest`: by the nearest centre of a commune, good to about a
    kilometre; `nearest_of_several`: it may also lie in one of the `candidates`; `stated`: whoever reported
    said so.
    """

    method: Method
    point: Point | None
    address: str | None
    candidates: list[str]


class NextOut(BaseModel):
    message: Texts
    next_step: Texts


class ReportOut(BaseModel):
    """`message` says how it stands, `next_step` what whoever reported may do; `actions` are what the caller
    may do now. `answer_by` is until when the reply is due, null before the date is known and once it is
    given; `escalated_at` since when it is overdue, and with the governor.
    """

    id: UUID
    reference: str
    kind: Kind
    category: str
    title: Texts
    collectivity: str
    competence: Competence
    body: str
    body_name: Texts
    channel: Channel
    received_at: Instant
    state: State
    message: Texts
    next_step: Texts
    text: str
    completions: list[str]
    place: PlaceOut
    contact: Contact | None
    contact_confirmed_at: Instant | None
    attachments: list[Attachment]
    answers: dict[str, list[str]]
    links: list[str]
    sent_by: str | None
    assignee: str | None
    finding: Finding | None
    replies: list[Reply]
    ratings: list[Rating]
    reopened_for: list[str]
    history: list[Routed]
    clocks: list[Clock]
    answer_by: Instant | None
    escalated_at: Instant | None
    closed_at: Instant | None
    round: int
    published: bool
    review: Review | None
    merged_into: UUID | None
    actions: list[Action]
    version: int


class Nothing(Body):
    """An empty object."""


class Reasoned(Body):
    reasons: Written


class By(TypedDict):
    by: Actor
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One report, locked, to be changed once in the transaction of this call: see `changing`. `by` is the
    caller, or whoever holds the report's follow-up code.
    """

    tx: Tx
    response: Response
    action: Action
    report: Report
    by: Actor

    @property
    def who(self) -> By:
        return By(by=self.by, now=self.tx.now)

    async def brought(self, *digests: str) -> tuple[Attachment, ...]:
        return await attached(self.tx, digests)

    async def desk(self) -> Desk:
        """What the reply says of the administration. Raises Conflict `contact_missing`."""
        return await administrations.desk_of(self.tx, self.report.collectivity)

    async def answer(self, event: ReportEvent | None) -> ReportOut:
        """Saves the report where something changed, writes down who has read it, and shows it."""
        if event is not None:
            await reports.save(self.tx, self.report, because=event)
        await read_by_another(self.tx, self.by, self.action, self.report)
        etag(self.response, self.report.version)
        return show(self.report, self.by)


def changing(action: Action) -> Any:
    """The dependency of every route that changes a report: decision 0032."""

    async def load(
        tx: Annotated[Tx, authorize(action)], report_id: UUID, response: Response, version: IfRead
    ) -> Change:
        report = await reports.locked(tx, report_id, version=version)
        return Change(tx=tx, response=response, action=action, report=report, by=tx.actor)

    return Depends(load)


FollowUpCode = Annotated[str, Header(alias="Follow-Up-Code", max_length=64, examples=["7KQ4-M2XD-…"])]
"""What was given with the reference, once."""


def following(action: Action) -> Any:
    """The same for whoever has no account: by reference and follow-up code, instead of a token."""

    async def load(
        tx: Annotated[Tx, authorize(PUBLIC, limit="60/minute")],
        reference: str,
        code: FollowUpCode,
        response: Response,
        version: IfRead,
    ) -> Change:
        report_id = await codes.follow(tx, reference, code)
        if report_id is None:
            raise reports.report_unknown()
        report = await reports.locked(tx, report_id, version=version)
        return Change(tx=tx, response=response, action=action, report=report, by=report.as_reporter())

    return Depends(load)


async def attached(tx: Tx, digests: Sequence[str]) -> tuple[Attachment, ...]:
    """Raises Invalid `file_unknown` for a content that the caller did not bring."""
    await brought(tx, *digests)
    found = []
    for digest in dict.fromkeys(digests):
        known = await content_of(tx, digest)
        assert known is not None  # it was brought
        found.append(Attachment(file=digest, media_type=known.media_type))
    return tuple(found)


def show(report: Report, by: Actor) -> ReportOut:
    """As it stands, with what `by` may do; who reported is no field of it."""
    said = WORDS[report.state]
    fields = {name: getattr(report, name) for name in ReportOut.model_fields if hasattr(report, name)}
    own = {
        "title": Texts(**report.listed.name),
        "body_name": Texts(**catalogue().body_name(report.body)),
        "message": Texts(**said.message),
        "next_step": Texts(**said.next_step),
        "place": placed(report),
        "clocks": sorted(report.clocks.values(), key=lambda one: one.rule),
        "actions": report.actions(by),
    }
    return ReportOut(**(fields | own))


def placed(report: Report) -> PlaceOut:
    place = report.place
    return PlaceOut(
        method=place.method, point=place.point, address=place.address, candidates=list(place.candidates)
    )


async def readable(tx: Tx, report_id: UUID, action: Action = Action.READ) -> Report:
    """Raises `NotFound` for what a part of the caller's in the same commune does not make theirs."""
    report = await reports.get(tx, report_id)
    if not report.may_read(tx.actor):
        raise reports.report_unknown()
    await read_by_another(tx, tx.actor, action, report)
    return report


async def read_by_another(tx: Tx, by: Actor, action: Action, *read: Report) -> None:
    """The register of reads: one entry for what was shown to somebody who did not report it."""
    for collectivity in sorted({one.collectivity for one in read}):
        owners = {
            str(one.id): one.reporter
            for one in read
            if one.collectivity == collectivity and one.reporter != by.subject
        }
        await recorded(
            tx, "chikaya", action=action, aggregate="report", owners=owners, collectivity=collectivity
        )
