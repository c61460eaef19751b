"""Instants and days as clients write them."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TypeVar
from uuid import UUID

import pytest
from pydantic import ValidationError

from shared.http import Body, Day, Instant

B = TypeVar("B", bound=Body)


def read(model: type[B], sent: object) -> B:
    """As a route does."""
    return model.model_validate_json(json.dumps(sent), strict=True)


class Dated(Body):
    at: Instant | None = None
    on: Day | None = None


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-03-02T10:00:00Z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02t10:00:00.25z", datetime(2026, 3, 2, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-03-02T10:00+01:00", datetime(2026, 3, 2, 9, tzinfo=UTC)),
    ],
)
def test_an_instant_has_an_offset_and_becomes_utc(written: str, instant: datetime) -> None:
    assert read(Dated, {"at": written}).at == instant


@pytest.mark.parametrize(
    "sent",
    [
        {"at": "1700000000"},
        {"at": 1_700_000_000},
        {"at": "2026-03-02T10:00:00"},
        {"at": "2026-W10-1T10:00:00Z"},
        {"at": "20260302T100000Z"},
        {"on": "0"},
        {"on": 0},
        {"on": "20260302"},
        {"on": "2026-03-02T00:00:00"},
        {"on": "2026-02-30"},
        {"on": "٢٠٢٦-03-02"},
    ],
)
def test_what_pydantic_alone_would_take_for_a_date_is_refused(sent: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        read(Dated, sent)
    assert read(Dated, {"on": "2026-03-02"}).on == date(2026, 3, 2)


def test_bodies_nest_and_stay_strict() -> None:
    class Inner(Body):
        at: Instant
        ids: tuple[UUID, ...]

    class Outer(Body):
        inner: Inner

    east = timezone(timedelta(hours=1))
    outer = read(Outer, {"inner": {"at": "2026-03-02T10:00:00+01:00", "ids": [str(UUID(int=1))]}})
    assert outer.inner.ids == (UUID(int=1),)
    assert outer.inner.at == datetime(2026, 3, 2, 10, tzinfo=east)
    with pytest.raises(ValidationError) as wrong:
        read(Outer, {"inner": {"at": "2026-03-02T10:00:00+01:00", "ids": [], "x": 1}})
    assert wrong.value.errors()[0]["loc"] == ("inner", "x")
