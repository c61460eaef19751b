"""Names as the register writes them, and what is no name; days in two calendars; identifiers."""

import re
from collections.abc import Callable
from datetime import date
from itertools import pairwise

import pytest
from hijridate import Gregorian
from hypothesis import given
from hypothesis import strategies as st

from services.civil_status.domain.dates import COMPUTED, RegisterDate
from services.civil_status.domain.identifier import DIGITS, checked, draw, key_of
from services.civil_status.domain.writing import LONGEST, Script, plain, written
from shared.errors import Invalid


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("فاطمة الزهراء", Script.ARABIC),
        ("مُحَمَّد", Script.ARABIC),
        ("ڭنون", Script.ARABIC),
        ("آيت أوفقير", Script.ARABIC),
        ("Aït El-Haj", Script.LATIN),
        ("N’Diaye", Script.LATIN),
        ("Žižka", Script.LATIN),
        ("ⵜⴰⵎⴰⵣⵉⵖⵜ", Script.TIFINAGH),
        ("ع" * LONGEST, Script.ARABIC),
    ],
)
def test_names_that_there_are(name: str, script: Script) -> None:
    assert written(name, script) == written(written(name, script), script)


def test_one_letter_written_two_ways_is_one_name() -> None:
    assert written("Ai\u0308t", Script.LATIN) == written("Aït", Script.LATIN) == "Aït"
    assert written("  Ben \t Ali ", Script.LATIN) == "Ben Ali"


@pytest.mark.parametrize(
    ("name", "script", "code"),
    [
        ("ع" * 10_000, Script.ARABIC, "name_too_long"),
        ("م\u064e\u0651\u064e\u0651" * 20, Script.ARABIC, "name_characters"),
        ("Z\u0351\u036b\u0343a", Script.LATIN, "name_characters"),
        ("\u202eياسين", Script.ARABIC, "name_characters"),
        ("Yass\u202dine", Script.LATIN, "name_characters"),
        ("Yas\u200bsine", Script.LATIN, "name_characters"),
        ("Yassine\u2066", Script.LATIN, "name_characters"),
        ("Yassine", Script.ARABIC, "name_characters"),
        ("Yаssine", Script.LATIN, "name_characters"),  # a Cyrillic а
        ("ⵢⴰⵙⵉⵏ", Script.LATIN, "name_characters"),
        ("#link(x)", Script.LATIN, "name_characters"),
        ("<b>Ali</b>", Script.LATIN, "name_characters"),
        ("Ali 2", Script.LATIN, "name_characters"),
        ("Ali\x00", Script.LATIN, "name_characters"),
        (" - ", Script.LATIN, "name_empty"),
        ("", Script.ARABIC, "name_empty"),
    ],
)  # fmt: skip
def test_what_is_no_name(name: str, script: Script, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        written(name, script, "subject.given")
    assert (refusal.value.code, refusal.value.extra["field"]) == (code, "subject.given")
    assert set(refusal.value.detail) == {"ar", "fr", "en"}
    assert name not in str(refusal.value.detail) or not name.strip(" -")


@given(st.text(), st.sampled_from(Script))
def test_no_name_holds_what_nobody_sees(name: str, script: Script) -> None:
    try:
        kept = written(name, script)
    except Invalid:
        return
    assert kept
    assert len(kept) <= LONGEST
    assert not re.search(r"[\u0000-\u001f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]", kept)


@pytest.mark.parametrize("text", ["شارع\u202eمحمد", "rue\x07", "a\u0300\u0301\u0302\u0303b", "x\ue000"])
def test_no_text_holds_what_nobody_sees(text: str) -> None:
    with pytest.raises(Invalid, match="text_characters"):
        plain(text, "event.place")


# Days


@pytest.mark.parametrize(
    ("day", "hijri", "accepted"),
    [
        ("2026-11-22", None, True),
        ("2026-02-19", "1447-09-01", True),  # Ramadan as Morocco saw it
        ("2026-02-19", "1447-09-03", True),
        ("2026-02-19", "1447-09-06", False),
        ("2026-02-19", "1446-09-01", False),
        ("2026-02-19", "1447-13-01", False),
        ("2026-02-19", "1447-09-31", False),
        ("2026-02-19", "first of Ramadan", False),
        ("1915-09-04", "1333-10-24", True),  # the dahir that began it, by its own date
        ("1915-09-04", "1332-10-24", False),
    ],
)
def test_two_calendars_agree_or_are_refused(day: str, hijri: str | None, *, accepted: bool) -> None:
    if not accepted:
        with pytest.raises(Invalid, match="hijri_mismatch"):
            RegisterDate.of(date.fromisoformat(day), hijri)
        return
    found = RegisterDate.of(date.fromisoformat(day), hijri)
    assert found.exact == date.fromisoformat(day)
    assert found.hijri_computed is (hijri is None)
    assert found.hijri == (hijri or "1448-06-12")


@pytest.mark.parametrize(
    ("year", "month", "hijri", "accepted"),
    [
        (1987, None, "1407-07-02", True),
        (1987, 3, "1407-07-02", True),
        (1987, 4, "1407-07-02", False),
        (1988, None, "1407-07-02", False),
        (1920, None, "1338-08-01", True),
        (1921, None, "1338-08-01", False),
        (1987, None, "9999-99-99", False),
    ],
)
def test_a_hijri_day_beside_a_year_alone_lies_in_that_year(
    year: int, month: int | None, hijri: str, *, accepted: bool
) -> None:
    if accepted:
        assert RegisterDate.partial(year, month, hijri).hijri == hijri
    else:
        with pytest.raises(Invalid, match="hijri_mismatch"):
            RegisterDate.partial(year, month, hijri)


@given(st.dates(*COMPUTED))
def test_the_computed_day_is_always_accepted_when_it_is_stated(day: date) -> None:
    computed = RegisterDate.of(day)
    assert computed.hijri == Gregorian.fromdate(day).to_hijri().isoformat()
    assert RegisterDate.of(day, computed.hijri).hijri == computed.hijri


@pytest.mark.parametrize(
    ("year", "month", "first", "last"),
    [
        (1945, None, "1945-01-01", "1945-12-31"),
        (1945, 12, "1945-12-01", "1945-12-31"),
        (1948, 2, "1948-02-01", "1948-02-29"),
    ],
)
def test_what_an_old_register_knows(year: int, month: int | None, first: str, last: str) -> None:
    found = RegisterDate.partial(year, month)
    assert (found.exact, found.first, found.last) == (
        None,
        date.fromisoformat(first),
        date.fromisoformat(last),
    )


@pytest.mark.parametrize(("year", "month"), [(1799, None), (1945, 13), (1945, 0)])
def test_years_and_months_that_there_are_not(year: int, month: int | None) -> None:
    with pytest.raises(Invalid, match="date_out_of_range"):
        RegisterDate.partial(year, month)


# Identifiers


def given_in_turn(*numbers: int) -> Callable[[int], int]:
    left = iter(numbers)
    return lambda below: next(left) % below


def test_nine_digits_and_a_key_none_of_them_zero() -> None:
    assert draw(given_in_turn(0)) == "000000001" + key_of("000000001")
    assert draw(given_in_turn(10**DIGITS - 2)).startswith("9" * DIGITS)
    drawn = [draw() for _ in range(200)]
    assert all(checked(one) == one for one in drawn)
    steps = [int(b[:DIGITS]) - int(a[:DIGITS]) for a, b in pairwise(drawn)]
    assert len({abs(step) for step in steps}) > 190, "one says nothing of the next"


@given(st.integers(1, 10**DIGITS - 1), st.integers(0, 10), st.integers(1, 9))
def test_one_wrong_digit_is_found(number: int, place: int, shift: int) -> None:
    right = f"{number:09d}{key_of(f'{number:09d}')}"
    digit = (int(right[place]) + shift) % 10
    with pytest.raises(Invalid, match="identifier_malformed"):
        checked(right[:place] + str(digit) + right[place + 1 :])


@given(st.integers(1, 10**DIGITS - 1), st.integers(0, 9))
def test_two_neighbours_in_the_wrong_order_are_found(number: int, place: int) -> None:
    right = f"{number:09d}{key_of(f'{number:09d}')}"
    swapped = right[:place] + right[place + 1] + right[place] + right[place + 2 :]
    if swapped != right:
        with pytest.raises(Invalid, match="identifier_malformed"):
            checked(swapped)


@pytest.mark.parametrize("wrong", ["", "1", "000000000" + key_of("000000000"), "٠٠٠٠٠٠٠٠١٩٥", "00000000195x"])
def test_what_is_no_identifier(wrong: str) -> None:
    with pytest.raises(Invalid, match="identifier_malformed"):
        checked(wrong)
