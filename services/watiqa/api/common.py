"""What every part of this API shares: how a request is written and shown, and the one way to change one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypedDict
from uuid import UUID

from fastapi import Depends, Response
from pydantic import AfterValidator, BaseModel, Field

from services.watiqa.domain import MAY, Action, Request, State
from services.watiqa.domain.values import Address, Clock, Payment, Statement, Wanted
from services.watiqa.domain.words import OWED, words
from services.watiqa.events import RequestEvent
from services.watiqa.events.request import Channel, ControlReason, Delivery, OwedReason, RefusalGround
from services.watiqa.store import requests
from shared.access import recorded
from shared.auth import Actor
from shared.db import Tx
from shared.errors import Invalid
from shared.http import Authorizer, Body, Day, IfRead, Instant, Texts, etag
from shared.http.files import brought
from shared.http.values import INT4
from shared.territory import territory

authorize = Authorizer(MAY)

OFFICE: Final = r"^\d{2}(\.\d{1,3}){2,3}-\d{2}$"


def _office(code: str) -> str:
    if territory().get(code.rpartition("-")[0]).kind not in {"commune", "arrondissement"}:
        raise Invalid("office_not_a_commune", "A civil status office belongs to a commune.")
    return code


Office = Annotated[str, Field(pattern=OFFICE, examples=["06.141.01.0-01"]), AfterValidator(_office)]
"""A civil status office: the code of its commune or arrondissement, and two digits."""
Code = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Written = Annotated[str, Field(min_length=1, max_length=500)]
"""As sent: its letters are the domain's to judge."""


class WantedIn(Body):
    """Whose act: the given name always, and the identifier, or office, year and number, or the day."""

    given: Written
    family: Written | None = None
    event_on: Day | None = None
    identifier: Annotated[str, Field(pattern=r"^\d{11}$", examples=["00000000195"])] | None = None
    office: Office | None = None
    year: Annotated[int, Field(ge=1915, le=2200)] | None = None
    number: Annotated[int, Field(ge=1, lt=INT4)] | None = None
    mother_given: Written | None = None
    father_given: Written | None = None

    def value(self) -> Wanted:
        return Wanted(**self.model_dump())


class StatementIn(Body):
    """What the person states and an officer attests."""

    given_ar: Written
    family_ar: Written
    given_latin: Written | None = None
    family_latin: Written | None = None
    born_on: Day | None = None
    address: Written

    def value(self) -> Statement:
        return Statement(**self.model_dump())


class AddressIn(Body):
    """Where the registered letter goes."""

    name: Written
    street: Written
    town: Written
    postcode: Annotated[str, Field(pattern=r"^\d{5}$")]

    def value(self) -> Address:
        return Address(**self.model_dump())


class OwedOut(BaseModel):
    """Money that came and for which nothing is given; `amount` in centimes."""

    payment: str
    amount: int
    since: Instant
    reason: OwedReason
    message: Texts
    next_step: Texts

    @classmethod
    def of(cls, one: Payment) -> "OwedOut":
        assert one.owed_since is not None  # it is owed back
        assert one.reason is not None
        said = {"message": Texts(**OWED.message), "next_step": Texts(**OWED.next_step)}
        return cls(payment=one.id, amount=one.amount, since=one.owed_since, reason=one.reason, **said)


class RequestOut(BaseModel):
    """`message` says how it stands, `next_step` what the person may do; `actions` are what the caller may do
    now. `fee` in centimes. `control` is why an officer looks; `clock` the central authority's period.
    """

    id: UUID
    document: str
    title: Texts
    collectivity: str
    office: str
    channel: Channel
    capacity: str
    delivery: Delivery
    submitted_at: Instant
    state: State
    message: Texts
    next_step: Texts
    wanted: Wanted | None
    statement: Statement | None
    address: Address | None
    proofs: dict[str, str]
    proofs_missing: list[str]
    control: ControlReason | None
    ground: RefusalGround | None
    clock: Clock | None
    overdue_since: Instant | None
    fee: int
    paid_at: Instant | None
    owed_back: list[OwedOut]
    issued_at: Instant | None
    tracking: str | None
    revoked_for: str | None
    actions: list[Action]
    version: int


class Nothing(Body):
    """An empty object."""


class By(TypedDict):
    by: Actor
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One request, locked, to be changed once in the transaction of this call: see `changing`."""

    tx: Tx
    response: Response
    action: Action
    request: Request

    @property
    def who(self) -> By:
        return By(by=self.tx.actor, now=self.tx.now)

    async def brought(self, *digests: str) -> None:
        """Raises Invalid `file_unknown` for a content that the caller did not bring."""
        await brought(self.tx, *digests)

    async def save(self, event: RequestEvent | None) -> None:
        if event is not None:
            await requests.save(self.tx, self.request, because=event)
        await read_by_another(self.tx, self.action, self.request)
        etag(self.response, self.request.version)

    async def answer(self, event: RequestEvent | None) -> RequestOut:
        """Saves the request where something changed, writes down who has read it, and shows it."""
        await self.save(event)
        return show(self.tx, self.request)


def changing(action: Action) -> Any:
    """The dependency of every route that changes a request: decision 0032."""

    async def load(
        tx: Annotated[Tx, authorize(action)], request_id: UUID, response: Response, version: IfRead
    ) -> Change:
        request = await requests.locked(tx, request_id, version=version)
        return Change(tx=tx, response=response, action=action, request=request)

    return Depends(load)


def show(tx: Tx, request: Request) -> RequestOut:
    said = words(request.state, request.control, request.ground)
    fields = {name: getattr(request, name) for name in RequestOut.model_fields if hasattr(request, name)}
    own = {
        "title": Texts(**request.listed.title),
        "message": Texts(**said.message),
        "next_step": Texts(**said.next_step),
        "owed_back": [OwedOut.of(one) for one in request.owed_back],
        "actions": request.actions(tx.actor),
    }
    return RequestOut(**(fields | own))


async def readable(tx: Tx, request_id: UUID, action: Action = Action.READ) -> Request:
    """Raises `NotFound` for what a part of the caller's in the same commune does not make theirs."""
    request = await requests.get(tx, request_id)
    if not request.may_read(tx.actor):
        raise requests.request_unknown()
    await read_by_another(tx, action, request)
    return request


async def read_by_another(tx: Tx, action: Action, *read: Request) -> None:
    """The register of reads: one entry for what was shown to somebody who did not ask for it."""
    for collectivity in sorted({one.collectivity for one in read}):
        owners = {str(one.id): one.applicant for one in read if one.collectivity == collectivity}
        await recorded(
            tx, "watiqa", action=action, aggregate="request", owners=owners, collectivity=collectivity
        )
