"""Civil time of Morocco, from the pinned tables and never from the system's."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Malformed
from shared.time import check_zone, civil_day, format_instant, midnight, parse_instant


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        pytest.param("2026-07-01T23:30:00Z", "2026-07-02", id="an hour ahead"),
        pytest.param("2026-02-28T23:30:00Z", "2026-02-28", id="GMT in Ramadan"),
        pytest.param("2026-09-19T23:30:00Z", "2026-09-20", id="the last night an hour ahead"),
        pytest.param("2026-09-20T23:30:00Z", "2026-09-20", id="GMT for good"),
        pytest.param("2026-11-22T23:59:59+00:00", "2026-11-22", id="today's trap"),
        pytest.param("2026-11-23T00:30:00+01:00", "2026-11-22", id="an offset that is no longer ours"),
    ],
)
def test_civil_days_of_casablanca(instant: str, day: str) -> None:
    assert civil_day(parse_instant(instant)) == date.fromisoformat(day)


@given(st.datetimes(datetime(2022, 1, 1), datetime(2030, 12, 31)), st.integers(-720, 720))  # noqa: DTZ001 - made aware below
def test_an_instant_lies_between_the_midnights_of_its_day(naive: datetime, minutes: int) -> None:
    instant = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    day = civil_day(instant)
    assert midnight(day) <= instant < midnight(day + timedelta(1))
    assert parse_instant(format_instant(instant)) == instant


def test_instants_go_out_in_utc_with_z() -> None:
    assert format_instant(parse_instant("2026-03-02T10:00:00+01:00")) == "2026-03-02T09:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02",
        "2026-03-02T10:00:00",
        "2026-02-30T10:00:00Z",
        "2026-W10-1T10:00Z",
        "now",
        "",
        "20260302T1000Z",
    ],
)
def test_an_instant_without_offset_or_sense_is_malformed(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_instant(text)
    assert refused.value.code == "instant_malformed"


def test_naive_instants_are_a_mistake_of_the_caller() -> None:
    naive = datetime(2026, 3, 2)  # noqa: DTZ001 - the point of the test
    for function in (civil_day, format_instant):
        with pytest.raises(ValueError, match="offset"):
            function(naive)


@pytest.mark.parametrize(
    ("table", "said"),
    [("Etc/GMT-1", "says +0100, is out of date"), ("Etc/GMT", "agrees"), (None, "has no table")],
)
def test_the_start_up_check_tells_what_the_system_believes(
    table: str | None, said: str, tmp_path: Path
) -> None:
    from importlib import resources

    if table is not None:
        (tmp_path / "Africa").mkdir()
        content = resources.files("tzdata.zoneinfo").joinpath(*table.split("/")).read_bytes()
        (tmp_path / "Africa" / "Casablanca").write_bytes(content)
    line = check_zone(datetime(2026, 11, 22, tzinfo=UTC), (str(tmp_path),))
    assert line.startswith("Africa/Casablanca is +0000 by the pinned tzdata")
    assert said in line
    assert "\n" not in line
