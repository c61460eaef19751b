"""Requests: filed at the portal or a counter, followed, changed a step at a time."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Query, Response
from pydantic import BaseModel, Field

from services.watiqa.api.common import (
    AddressIn,
    Change,
    Code,
    Nothing,
    Office,
    RequestOut,
    Sha256,
    StatementIn,
    WantedIn,
    authorize,
    changing,
    read_by_another,
    readable,
    show,
)
from services.watiqa.domain import Action, Request, State
from services.watiqa.domain.values import Counter, Identity
from services.watiqa.events.request import Delivery, RefusalGround
from services.watiqa.store import offices, requests, searches
from shared.auth import Role
from shared.db import Tx
from shared.errors import Conflict
from shared.http import Body, Instant, Listing, Page, Router, Texts, etag
from shared.http.files import brought

router = Router(prefix="/requests")


class CounterIn(Body):
    """An agent files for the person before them: by what they knew who it is."""

    identity: Identity


class RequestIn(Body):
    """`act` says whose act is meant, `statement` what is attested where no act is printed; `proofs` are
    digests that POST /files answered, by the codes of the catalogue.
    """

    document: Code
    office: Office
    capacity: Code
    delivery: Delivery
    act: WantedIn | None = None
    statement: StatementIn | None = None
    address: AddressIn | None = None
    proofs: Annotated[dict[Code, Sha256], Field(max_length=10)] = Field(default_factory=dict)
    counter: CounterIn | None = None


class ClarificationIn(Body):
    act: WantedIn


class RedirectionIn(Body):
    office: Office


class ProofIn(Body):
    proof: Code
    file: Sha256


class RefusalIn(Body):
    ground: RefusalGround


class PostingIn(Body):
    """The number of the registered letter (UPU S10); `address`: another one, after it came back."""

    tracking: Annotated[str, Field(max_length=13, examples=["RR123456785MA"])]
    address: AddressIn | None = None


class RequestLine(BaseModel):
    id: UUID
    document: str
    title: Texts
    office: str
    submitted_at: Instant
    state: State
    delivery: Delivery
    overdue_since: Instant | None
    version: int


def _closed() -> Conflict:
    return Conflict(
        "office_closed",
        {
            "ar": "هذا المكتب مغلق: اختاروا مكتبا آخر.",
            "fr": "Ce bureau est fermé : choisissez-en un autre.",
            "en": "This office is closed: choose another one.",
        },
    )


@router.post("", status_code=201)
async def submit(
    tx: Annotated[Tx, authorize(Action.SUBMIT, limit="60/minute")], body: RequestIn, response: Response
) -> RequestOut:
    """At any hour. Any office issues an act held by another (36-21 art. 43)."""
    if body.act is not None:
        await searches.patient(tx)
    await brought(tx, *body.proofs.values())
    request, submitted = Request.submit(
        uuid4(),
        document=body.document,
        collectivity=body.office.rpartition("-")[0],
        office=body.office,
        capacity=body.capacity,
        delivery=body.delivery,
        wanted=body.act.value() if body.act else None,
        statement=body.statement.value() if body.statement else None,
        address=body.address.value() if body.address else None,
        counter=Counter(identity=body.counter.identity) if body.counter else None,
        proofs=body.proofs,
        by=tx.actor,
        now=tx.now,
    )
    await requests.save(tx, request, because=submitted)
    closed = (await offices.get(tx, body.office)).closed
    await requests.save(tx, request, because=request.route(tx.now, closed=closed))
    await read_by_another(tx, Action.SUBMIT, request)
    response.headers["Location"] = f"/watiqa/v1/requests/{request.id}"
    etag(response, request.version)
    return show(tx, request)


@router.get("")
async def list_requests(
    tx: Annotated[Tx, authorize(Action.LIST)],
    paging: Listing,
    state: Annotated[list[State] | None, Query()] = None,
    *,
    owed: bool = False,
) -> Page[RequestLine]:
    """The oldest first: one's own, or those of one's office; `owed`: only where money is to be given back."""
    citizen = not tx.actor.holds(Role.AGENT, Role.CIVIL_STATUS_OFFICER, Role.CIVIL_STATUS_AUTHORITY)
    after = paging.after(datetime, UUID)
    found = await requests.find(
        tx,
        states=state,
        applicant=tx.actor.subject if citizen else None,
        owed=owed,
        after=after and (after[0], after[1]),
        limit=paging.fetch,
    )
    await read_by_another(tx, Action.LIST, *found[: paging.limit])
    return paging.page(found, key=lambda one: (one.submitted_at, one.id), to=_line)


def _line(one: Request) -> RequestLine:
    fields: dict[str, Any] = {
        name: getattr(one, name) for name in RequestLine.model_fields if hasattr(one, name)
    }
    return RequestLine(**(fields | {"title": Texts(**one.listed.title)}))


@router.get("/{request_id}")
async def read(tx: Annotated[Tx, authorize(Action.READ)], request_id: UUID, response: Response) -> RequestOut:
    """How it stands, and what may be done now."""
    request = await readable(tx, request_id)
    etag(response, request.version)
    return show(tx, request)


@router.post("/{request_id}/redirection")
async def redirect(file: Annotated[Change, changing(Action.REDIRECT)], body: RedirectionIn) -> RequestOut:
    """To an office that is open."""
    if (await offices.get(file.tx, body.office)).closed:
        raise _closed()
    collectivity = body.office.rpartition("-")[0]
    return await file.answer(file.request.redirect(body.office, collectivity, **file.who))


@router.post("/{request_id}/withdrawal")
async def withdraw(file: Annotated[Change, changing(Action.WITHDRAW)], body: Nothing) -> RequestOut:
    """Before it is issued."""
    return await file.answer(file.request.withdraw(**file.who))


@router.post("/{request_id}/authorisation")
async def authorise(file: Annotated[Change, changing(Action.AUTHORISE)], body: Nothing) -> RequestOut:
    """Of the central authority, for who is not on the list (2-22-04 art. 41)."""
    return await file.answer(file.request.authorise(**file.who))


@router.post("/{request_id}/authorisation-refusal")
async def refuse_authorisation(
    file: Annotated[Change, changing(Action.REFUSE_AUTHORISATION)], body: RefusalIn
) -> RequestOut:
    return await file.answer(file.request.refuse_authorisation(body.ground, **file.who))


@router.post("/{request_id}/clarification")
async def clarify(file: Annotated[Change, changing(Action.CLARIFY)], body: ClarificationIn) -> RequestOut:
    """Which act, said more exactly: the register is asked again."""
    await searches.patient(file.tx)
    return await file.answer(file.request.clarify(body.act.value(), **file.who))


@router.post("/{request_id}/proofs")
async def add_proof(file: Annotated[Change, changing(Action.ADD_PROOF)], body: ProofIn) -> RequestOut:
    await file.brought(body.file)
    return await file.answer(file.request.add_proof(body.proof, body.file, **file.who))


@router.post("/{request_id}/approval")
async def approve(file: Annotated[Change, changing(Action.APPROVE)], body: Nothing) -> RequestOut:
    """The officer has seen the act and the proofs."""
    return await file.answer(file.request.approve(**file.who))


@router.post("/{request_id}/refusal")
async def refuse(file: Annotated[Change, changing(Action.REFUSE)], body: RefusalIn) -> RequestOut:
    return await file.answer(file.request.refuse(body.ground, **file.who))


@router.post("/{request_id}/hand-over")
async def hand_over(file: Annotated[Change, changing(Action.HAND_OVER)], body: Nothing) -> RequestOut:
    """To the person, at the counter."""
    return await file.answer(file.request.hand_over(**file.who))


@router.post("/{request_id}/posting")
async def post(file: Annotated[Change, changing(Action.POST)], body: PostingIn) -> RequestOut:
    """By registered post."""
    address = body.address.value() if body.address else None
    return await file.answer(file.request.post(body.tracking, address, **file.who))


@router.post("/{request_id}/return")
async def return_(file: Annotated[Change, changing(Action.RETURN)], body: Nothing) -> RequestOut:
    """The post brought it back."""
    return await file.answer(file.request.return_(**file.who))


@router.post("/{request_id}/reissue")
async def reissue(file: Annotated[Change, changing(Action.REISSUE)], body: Nothing) -> RequestOut:
    """Of the act as it now reads; while what was issued stands, it is the same document."""
    return await file.answer(file.request.reissue(**file.who))


@router.post("/{request_id}/revocation")
async def revoke(file: Annotated[Change, changing(Action.REVOKE)], body: Nothing) -> RequestOut:
    """Issued in error."""
    return await file.answer(file.request.revoke(**file.who))
