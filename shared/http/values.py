"""What every API's bodies, lists and versions have in common."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import Malformed, PreconditionRequired
from shared.settings import Settings
from shared.territory import territory

T = TypeVar("T")
R = TypeVar("R")
MAX_LIMIT: Final = 200
INT4: Final = 2**31
INT8: Final = 2**63


class Body(BaseModel):
    """What a client may send: unknown fields are refused. A route reads it as strict JSON
    (`shared.http.plan`): a text is never taken for a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the calendar") from None


def _written(form: re.Pattern[str], read: Callable[[str], date]) -> BeforeValidator:
    """Pydantic takes a number written as text for seconds since 1970; nobody here means that."""

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not form.fullmatch(value):
            raise ValueError("not written as RFC 3339 says")
        return read(value.upper())

    return BeforeValidator(check)


Instant = Annotated[
    AwareDatetime,
    _written(
        re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII),
        datetime.fromisoformat,
    ),
    AfterValidator(_utc),
]
"""In with any offset from UTC, never without one; out in UTC with `Z`."""

Day = Annotated[date, _written(re.compile(r"\d{4}-\d\d-\d\d", re.ASCII), date.fromisoformat)]
"""A civil day, written 2026-03-02."""


class Texts(BaseModel):
    """What people read, in the three languages."""

    ar: str
    fr: str
    en: str


def _known(code: str) -> str:
    territory().get(code)
    return code


Collectivity = Annotated[
    str, Field(pattern=r"^\d{2}(\.\d{1,3}){0,3}$", examples=["06.141.01.0"]), AfterValidator(_known)
]
"""A code of the territory; an unknown one is a problem, not an empty answer."""


class Page(BaseModel, Generic[T]):
    """One page of a list. `next` is the cursor of the following page, null on the last."""

    items: list[T]
    next: str | None


class Paging:
    """The two query parameters of every list. Keyset: `after` is the last row's key of the page before.

    rows = await clocks.list(tx, after=paging.after(datetime, UUID), limit=paging.fetch)
    return paging.page(rows, key=lambda c: (c.due_at, c.id), to=ClockOut.of)
    """

    def __init__(self, limit: int = 50, cursor: str | None = None) -> None:
        self.limit = limit
        self.cursor = cursor

    @property
    def fetch(self) -> int:
        """Rows to ask the database for: one more than the page, to know whether another follows."""
        return self.limit + 1

    def after(self, *types: type[Any]) -> tuple[Any, ...] | None:
        """The key to start after, a value per type (str, int, datetime, date, UUID); None on the first page.

        Raises Malformed `cursor_malformed` for anything this server did not issue for such a list.
        """
        if self.cursor is None:
            return None
        try:
            raw: list[Any] = json.loads(urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4)))
            return tuple(_READ[type_](value) for type_, value in zip(types, raw, strict=True))
        except (ValueError, TypeError, RecursionError):
            raise Malformed("cursor_malformed") from None

    def page(
        self, rows: Sequence[R], *, key: Callable[[R], tuple[Any, ...]], to: Callable[[R], T]
    ) -> Page[T]:
        return Page(items=[to(row) for row in rows[: self.limit]], next=self._next(rows, key))

    def written(
        self, rows: Sequence[R], *, key: Callable[[R], tuple[Any, ...]], to: Callable[[R], dict[str, Any]]
    ) -> Response:
        """The same, already JSON: for lines that are shown as they were read, with nothing left to validate.
        The route's annotation (`Page[…] | Response`) still says what they look like.
        """
        page = {"items": [to(row) for row in rows[: self.limit]], "next": self._next(rows, key)}
        return Response(to_json(page), media_type="application/json")

    def _next(self, rows: Sequence[R], key: Callable[[R], tuple[Any, ...]]) -> str | None:
        return encode_cursor(*key(rows[self.limit - 1])) if len(rows) > self.limit else None


# Dependencies are coroutines, also those that wait for nothing: the framework runs others in a thread, which
# costs more than the whole transaction.
async def _paging(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=512, description="`next` of the page before")] = None,
) -> Paging:
    return Paging(limit, cursor)


Listing = Annotated[Paging, Depends(_paging)]


def encode_cursor(*key: Any) -> str:
    return urlsafe_b64encode(to_json(key)).rstrip(b"=").decode()


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError(value)
    value.encode()  # a lone surrogate is no text
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not -INT8 <= value < INT8:
        raise TypeError(value)
    return value


def _instant(value: Any) -> datetime:
    read = datetime.fromisoformat(_text(value))
    if read.tzinfo is None:
        raise ValueError(value)
    return _utc(read)


_READ: Final[dict[type[Any], Callable[[Any], Any]]] = {
    str: _text,
    int: _whole,
    datetime: _instant,
    date: lambda value: date.fromisoformat(_text(value)),
    UUID: lambda value: UUID(_text(value)),
}


async def if_match(request: Request) -> int:
    """The version that the caller read. Raises PreconditionRequired (428) and Malformed (400)."""
    raw = request.headers.get("if-match")
    if raw is None:
        raise PreconditionRequired("if_match_missing")
    version = re.fullmatch(r'"(\d{1,18})"', raw.strip())
    if version is None:
        raise Malformed("if_match_malformed", 'Send the ETag as it was given, for instance "7"')
    return min(int(version[1]), INT4 - 1)  # a version that no aggregate can have is stale like any other


async def if_read(request: Request) -> int | None:
    """The same where saying it is optional: None without the header."""
    return await if_match(request) if "if-match" in request.headers else None


IfMatch = Annotated[int, Depends(if_match)]
IfRead = Annotated[int | None, Depends(if_read)]


def etag(response: Response, version: int) -> None:
    """An aggregate's version is its entity tag."""
    response.headers["ETag"] = f'"{version}"'


async def _settings(request: Request) -> Settings:
    settings = request.app.state.settings
    if settings is None:
        raise TypeError("this application was made without settings")
    assert isinstance(settings, Settings)
    return settings


Configured = Annotated[Settings, Depends(_settings)]
"""The service's own settings, for a route that needs one."""
