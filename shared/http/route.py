"""A request is one transaction: opened by `authorize`, committed before the answer leaves."""

import re
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import UnionType
from typing import Any, Final, Generic, TypeVar, Union, get_args, get_origin

import asyncpg
from fastapi import APIRouter, Depends
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_typed_return_annotation
from fastapi.exceptions import ResponseValidationError
from fastapi.params import Form
from fastapi.routing import APIRoute
from limits import RateLimitItem, parse
from limits.aio.strategies import RateLimiter
from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy.exc import DBAPIError, InternalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message

from shared import access
from shared.auth import ANYBODY, Actor, Role
from shared.db import Arrival, Database, Tx
from shared.errors import (
    Forbidden,
    Malformed,
    Problem,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from shared.http import idempotency
from shared.http.context import ARRIVAL
from shared.http.openapi import documented
from shared.http.plan import Answer, Given, Plan
from shared.http.problems import Refusal, invalid, log, logged, rendered, sqlstate
from shared.http.values import if_match, if_read
from shared.tokens import Tokens

ATTEMPTS: Final = 3
MAX_BODY: Final = 1024 * 1024  # bytes; a route that takes uploads says `max_body_size=`
UNIT: Final = "jamaa.unit"
CONFLICTS: Final = frozenset({"40001", "40P01"})  # serialisation, deadlock: the same request may succeed
TAKEN: Final = frozenset({"23505"})  # somebody was first with a number or a key: now it is seen
HELD: Final = frozenset({"55P03"})  # without a lock nobody waits long for whoever has one
BUSY: Final = frozenset({"55P03", "57014", "53300", "57P01", "57P02", "57P03"})  # locks, timeouts, restarts
DISK_FULL: Final = "53100"  # nothing was written; PostgreSQL goes on by itself when there is room again
DATABASE_ERRORS: Final = (
    DBAPIError,
    PoolExhausted,
    asyncpg.PostgresError,  # SQLAlchemy does not wrap what fails before a connection exists
    asyncpg.InterfaceError,
    ConnectionError,
    TimeoutError,
)
NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
PURPOSE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


class Public(StrEnum):
    """The action that everybody may do, with or without a token."""

    PUBLIC = "public"


PUBLIC: Final = Public.PUBLIC
A = TypeVar("A", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Site:
    """What the routes of one service need: kept in its application's state."""

    database: Database
    tokens: Tokens
    limiter: RateLimiter


@dataclass(slots=True)
class Unit:
    """One attempt at one request."""

    stack: AsyncExitStack
    actor: Actor
    fingerprint: bytes
    first: bool = True
    unlocked: bool = False
    claim: idempotency.Claim | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """An authorised caller whose transaction is not open yet: for work that must not happen inside one
    (storing an upload). Call `begin` once; the transaction is committed before the answer leaves.
    """

    actor: Actor
    request: Request = field(repr=False)
    idempotent: bool

    async def begin(self, reads: Arrival | None = None) -> Tx:
        """`reads` is the one aggregate of a command, which a second attempt reads under its lock."""
        unit: Unit = self.request.scope[UNIT]
        unit.unlocked = reads is not None and unit.first
        arrival = ARRIVAL.get()
        site: Site = self.request.app.state.site
        claim = idempotency.wanted(self.request, unit.fingerprint) if self.idempotent else None
        tx = await unit.stack.enter_async_context(
            site.database.transaction(
                self.actor,
                correlation_id=arrival.correlation_id,
                traceparent=arrival.traceparent,
                tracestate=arrival.tracestate,
                claim=claim,
                arrival=reads if unit.first else None,
            )
        )
        if claim is not None:
            unit.claim = await idempotency.claimed(tx, claim)
        return tx

    async def commit(self) -> None:
        """Now, and not only before the answer leaves: for work that must come after the transaction (opening
        what it read of). What an idempotency key answers is stored inside it, so no POST that has one.
        """
        unit: Unit = self.request.scope[UNIT]
        assert unit.claim is None, "the answer would not be stored"
        await unit.stack.aclose()


class Authorization:
    """The dependency that `authorize` returns, and the mark by which a test finds it on every route."""

    def __init__(
        self,
        action: StrEnum,
        roles: frozenset[Role] | None,
        *,
        idempotent: bool | None,
        limit: RateLimitItem | None,
        opens: bool,
    ) -> None:
        self.action = action.value
        self.roles = roles
        self.limit = limit
        self.opens = opens
        self._idempotent = idempotent

    @property
    def public(self) -> bool:
        return self.roles is None

    def idempotent(self, methods: Collection[str]) -> bool:
        return "POST" in methods if self._idempotent is None else self._idempotent

    async def admit(self, request: Request) -> Actor:
        """By the request's head alone: whoever is refused here sends his body to nobody."""
        site: Site = request.app.state.site
        actor = await self._actor(request, site.tokens)
        if self.limit is not None:
            await self._spend(request, site.limiter, actor)
        if self.roles is not None and not actor.holds(*self.roles):
            raise Forbidden(
                "role_not_allowed",
                {
                    "ar": "صفتكم لا تسمح بهذا الإجراء",
                    "fr": "Votre qualité ne permet pas cette action",
                    "en": "Your role does not allow this action",
                },
                action=self.action,
            )
        access.PURPOSE.set(self._purpose(request))
        if self.idempotent({request.method}):
            idempotency.key_of(request)
        return actor

    async def __call__(self, request: Request) -> Tx | Caller:
        unit: Unit | None = request.scope.get(UNIT)
        if unit is None:
            raise TypeError("authorize works on routes of shared.http.Router only")
        caller = Caller(unit.actor, request, self.idempotent({request.method}))
        return await caller.begin() if self.opens else caller

    async def _actor(self, request: Request, tokens: Tokens) -> Actor:
        sent = request.headers.get("authorization")
        if sent is None:
            if self.public:
                return ANYBODY
            raise Unauthenticated("token_missing")
        scheme, _, token = sent.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("token_invalid", "Authorization: Bearer <token>")
        return await tokens.actor(token.strip())

    async def _spend(self, request: Request, limiter: RateLimiter, actor: Actor) -> None:
        assert self.limit is not None
        who = actor.subject if actor is not ANYBODY else (request.client.host if request.client else "-")
        if not await limiter.hit(self.limit, self.action, request.url.path, who):
            raise TooMany("too_many_requests", retry_after=self.limit.get_expiry())

    def _purpose(self, request: Request) -> str:
        stated = request.headers.get("access-purpose")
        if stated is not None and not PURPOSE.fullmatch(stated):
            raise Malformed("access_purpose_malformed", "A code: a-z, 0-9, '_', '.', '-', at most 64")
        return stated or self.action


class Authorizer(Generic[A]):
    """`authorize = Authorizer(MAY)`: the table role × action of one service.

        tx: Annotated[Tx, authorize(Action.DECIDE)]

    authenticates the bearer token, checks the table, and opens the transaction in the caller's scope.
    The table is closed over every action: a missing one is an error at import.
    """

    def __init__(self, may: Mapping[A, frozenset[Role]]) -> None:
        self.may = dict(may)
        for action in {type(a) for a in may}:
            if absent := set(action) - set(may):
                raise TypeError(f"no role is given for {', '.join(sorted(absent))}")

    def __call__(
        self, action: A | Public, *, idempotent: bool | None = None, limit: str | None = None
    ) -> Any:
        """`idempotent`: whether an Idempotency-Key is required; by default on every POST. Say False on a
        POST that writes nothing. `limit`: for instance "60/minute", per caller and path.
        """
        return Depends(self._authorization(action, idempotent, limit, opens=True))

    def caller(self, action: A | Public, *, idempotent: bool | None = None, limit: str | None = None) -> Any:
        """The same checks, the transaction left to the route: `caller: Annotated[Caller, …]`."""
        return Depends(self._authorization(action, idempotent, limit, opens=False))

    def _authorization(
        self, action: A | Public, idempotent: bool | None, limit: str | None, *, opens: bool
    ) -> Authorization:
        roles = None if isinstance(action, Public) else self.may[action]
        item = parse(limit) if limit else None
        return Authorization(action, roles, idempotent=idempotent, limit=item, opens=opens)


def dependants(of: Dependant) -> Iterator[Dependant]:
    for one in of.dependencies:
        yield one
        yield from dependants(one)


def _conditional(of: Dependant) -> bool | None:
    """Whether `If-Match` is required (True), heeded when sent (False), or not read at all (None)."""
    calls = {d.call for d in dependants(of)}
    return True if if_match in calls else False if if_read in calls else None


def authorization_of(route: APIRoute) -> Authorization | None:
    """Raises TypeError for a second one, which nobody would ask."""
    found = {id(d.call): d.call for d in dependants(route.dependant) if isinstance(d.call, Authorization)}
    if len(found) > 1:
        raise TypeError(f"{route.path} has {len(found)} authorize: only one would be asked")
    return next(iter(found.values()), None)


class Route(APIRoute):
    """Runs the request as one transaction and answers after the commit.

    What a route returns is committed, whatever its status; what it raises is rolled back. A deadlock, a
    serialisation failure or something unique that is taken runs the whole request again, at most three
    times.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        # The framework's own limit would answer in plain text.
        self.most: int = options.pop("max_body_size", None) or MAX_BODY
        model = options.get("response_model")
        if isinstance(model, DefaultPlaceholder):
            options["response_model"] = _without_responses(get_typed_return_annotation(endpoint), model)
        super().__init__(path, endpoint, **options)
        self.plan = Plan(self.dependant)
        self.form = self.body_field is not None and isinstance(self.body_field.field_info, Form)
        self.known = frozenset(_query_names(self.dependant))
        self.mark = mark = authorization_of(self)
        methods = self.methods or set()
        self.responses, self.openapi_extra = documented(
            self.responses,
            self.openapi_extra,
            methods=methods,
            public=mark is None or mark.public,
            idempotent=mark is not None and mark.idempotent(methods),
            limited=mark is not None and mark.limit is not None,
            conditional=_conditional(self.dependant),
            has_body=self.body_field is not None,
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.answer

    async def answer(self, request: Request) -> Response:
        """Raises Problem, and what a bug raises."""
        mark = self.mark
        actor = await mark.admit(request) if mark else ANYBODY
        body = await _body(request, self.most)  # before the transaction: no network call inside one
        _refuse_unreadable(request, body, self.known)
        if self.body_field is not None and body:
            _refuse_media_type(request, form=self.form)
        keyed = mark is not None and mark.idempotent({request.method})
        fingerprint = await idempotency.fingerprint(request, body) if keyed else b""
        for attempt in range(1, ATTEMPTS + 1):
            unit = Unit(AsyncExitStack(), actor, fingerprint, first=attempt == 1)
            try:
                return await self._attempt(request, body, unit)
            except DATABASE_ERRORS as error:
                again = CONFLICTS | TAKEN | (HELD if unit.unlocked else set())
                if attempt < ATTEMPTS and sqlstate(error) in again:
                    log.info("http.tried_again", sqlstate=sqlstate(error))
                    continue
                problem = _explained(error)
                if problem is None:
                    raise
                return rendered(problem)
        raise AssertionError  # the last attempt returned or raised

    async def _attempt(self, request: Request, body: bytes, unit: Unit) -> Response:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async with unit.stack:
            request.scope[UNIT] = unit
            # A fresh request each time: a form's files were read to their end by the attempt before.
            given = Given(Request(request.scope, receive), body, Answer(self.status_code or 200))
            try:
                response = await self._called(given)
            except idempotency.Replayed as first:
                return first.response
            finally:
                if self.form:
                    await given.request.close()
            if isinstance(response, Refusal):
                response = rendered(response.problem)
            if not isinstance(response, Answer):  # which has it
                response.headers.setdefault("Cache-Control", "no-store")
            if unit.claim is not None:
                await unit.claim.store(response)
        return response

    async def _called(self, given: Given) -> Response:
        arguments = await self.plan.arguments(given)
        if given.errors:
            raise invalid(given.errors)
        returned = await self.endpoint(**arguments)
        if isinstance(returned, Response):
            return returned
        if self.response_field is not None:
            returned, errors = self.response_field.validate(returned, loc=("response",))
            if errors:
                raise ResponseValidationError(errors)
            given.answer.fill(self.response_field.serialize_json(returned))
        else:
            given.answer.fill(to_json(returned))
        return given.answer


class Router(APIRouter):
    """Every service's router: `router = Router()`, under `/v1`."""

    def __init__(self, *, prefix: str = "/v1", tags: list[str | Enum] | None = None) -> None:
        super().__init__(prefix=prefix, tags=tags, route_class=Route, redirect_slashes=False)


async def _body(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "")
    body = bytearray()
    try:
        if declared.isdecimal() and int(declared) > most:
            raise TooLarge("too_large", f"≤ {most >> 20} MB", most=most)
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise TooLarge("too_large", f"≤ {most >> 20} MB", most=most)
    except ClientDisconnect:
        raise Malformed("body_incomplete") from None
    return bytes(body)


def _refuse_unreadable(request: Request, body: bytes, known: frozenset[str]) -> None:
    """PostgreSQL's text cannot hold U+0000; and a misspelt filter must not list everything."""
    json = request.headers.get("content-type", "").lower().startswith("application/json")
    if (
        "\0" in request.scope["path"]
        or b"%00" in request.scope["query_string"]
        or (json and NUL.search(body))
    ):
        raise Malformed("nul_character", "U+0000 is not accepted")
    if request.scope["query_string"] and (unknown := request.query_params.keys() - known):
        raise invalid([{"loc": ("query", name), "type": "extra_forbidden"} for name in sorted(unknown)])


def _refuse_media_type(request: Request, *, form: bool) -> None:
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    accepted = ["multipart/form-data", "application/x-www-form-urlencoded"] if form else ["application/json"]
    if sent not in accepted:
        raise Unsupported("unsupported_media_type", accepted=accepted)


def _explained(error: Exception) -> Problem | None:
    """The database's troubles that the caller may wait out, and row-level security's refusal."""
    state = sqlstate(error)
    if state == "42501" and "row-level security" in str(error):
        logged(error)  # the second wall held; the first one should have
        return Forbidden("outside_territory")
    unreachable = isinstance(
        error, PoolExhausted | asyncpg.InterfaceError | ConnectionError | TimeoutError
    ) or (isinstance(error, DBAPIError) and error.connection_invalidated)
    # Of the driver, not of a server: in a failover none is what `target_session_attrs` asks for.
    unreachable = unreachable or (isinstance(error, InternalError) and not state)
    if state == DISK_FULL:
        logged(error)
        return Unavailable("storage_full", retry_after=30)
    if unreachable or (state and (state in CONFLICTS | BUSY or state.startswith("08"))):
        log.warning("http.database_busy", sqlstate=state, error=type(error).__name__)
        return Unavailable("busy", retry_after=1)
    return None


def _query_names(of: Dependant) -> Iterator[str]:
    for one in (of, *dependants(of)):
        for parameter in one.query_params:
            model = parameter.field_info.annotation
            if isinstance(model, type) and issubclass(model, BaseModel):
                yield from (f.alias or name for name, f in model.model_fields.items())
            else:
                yield parameter.alias


def _without_responses(annotation: Any, otherwise: Any) -> Any:
    """`-> DossierOut | Refusal` documents DossierOut."""
    if get_origin(annotation) not in (Union, UnionType):
        return otherwise
    kept = [t for t in get_args(annotation) if not (isinstance(t, type) and issubclass(t, Response))]
    return Union[tuple(kept)] if kept else None  # noqa: UP007 -- built at run time
