"""An act is never edited: what it reads is a fold of its history at an instant."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.civil_status.domain.correction import Correction
from services.civil_status.domain.mentions import sentence
from services.civil_status.domain.outputs import Output, fold
from services.civil_status.domain.values import CHANGEABLE, Declarant, Name, Person, restated
from services.civil_status.events import ActKind, MentionKind, Origin
from shared.errors import Conflict, Invalid, NotFound
from shared.time import civil_day, day_text
from tests.civil_status.cases import BORN, COURT, NOW, OFFICER, act, marry

DAY = timedelta(days=1)


def judged(made: Any, changes: Mapping[str, str], now: datetime = NOW) -> Any:
    return made.note(
        UUID(int=200 + len(made.mentions)),
        MentionKind.JUDGMENT,
        reference=f"TPI {len(made.mentions) + 1}/2026",
        on=BORN,
        changes=changes,
        by=COURT,
        now=now,
    )


def asked_to_correct(made: Any, changes: Mapping[str, str]) -> None:
    Correction.request(UUID(int=4), made, changes, explanation="", proofs=(), by=OFFICER, now=NOW)


def dies(made: Any, reference: str = "7/2026", on: date = BORN, now: datetime = NOW) -> Any:
    return made.note(UUID(int=300), MentionKind.DEATH, reference=reference, on=on, by=OFFICER, now=now)


def test_the_three_outputs_of_one_life() -> None:
    made = act()
    judged(made, {"subject.given.latin": "Yacine"}, NOW + DAY)
    marry(made, now=NOW + 2 * DAY)
    dies(made, now=NOW + 3 * DAY)
    at = NOW + 4 * DAY
    copy, full, extract = (fold(made, output, at) for output in Output)
    assert copy["blocks"]["subject"]["given"]["latin"] == "Yassine"
    assert [one["kind"] for one in copy["mentions"]] == ["judgment", "marriage", "death"]
    assert full["blocks"]["subject"]["given"]["latin"] == "Yacine"
    assert [one["kind"] for one in full["mentions"]] == ["marriage", "death"]
    assert extract["blocks"]["subject"]["given"]["latin"] == "Yacine"
    assert "mentions" not in extract
    assert extract["died_on"] == BORN.isoformat()
    assert set(extract["blocks"]) == {"event", "subject", "father", "mother"}
    assert "occupation" not in extract["blocks"]["father"]


def test_a_copy_has_the_relation_in_words_and_the_day_of_the_drafting_where_it_is_known() -> None:
    made = act()
    declarant = Declarant(person=made.blocks.subject, relation="father")
    made.blocks = replace(made.blocks, declarant=declarant)
    copy = fold(made, Output.FULL_COPY)
    assert copy["blocks"]["declarant"]["relation_text"]["fr"] == "le père"
    assert copy["drawn_up_on"] == civil_day(NOW).isoformat()
    made.origin = Origin.DIGITISED
    assert fold(made, Output.FULL_COPY)["drawn_up_on"] is None, "the day of the keying is not that of the act"


def test_the_margin_reads_as_people_write() -> None:
    """A day and a sex in words; a name in one script."""
    made = act()
    judged(made, {"event.on": BORN.isoformat(), "subject.sex": "female"})
    text = made.mentions[-1].text
    assert day_text(BORN)["fr"] in text["fr"]
    assert "féminin" in text["fr"]
    assert "أنثى" in text["ar"]
    assert not {"female", BORN.isoformat()} & set(text["ar"].replace(".", "").split())
    half = Person(given=Name(ar="مريم"), family=Name(ar="العلمي", latin="Alami"))
    assert "مريم العلمي" in sentence(MentionKind.MARRIAGE, "1", BORN, half, {})["fr"]


@pytest.mark.parametrize(
    "field", ["father.occupation", "father.family.ar", "father.given.latin", "spouse.family.ar"]
)
def test_nothing_is_restated_of_a_person_without_a_name(field: str) -> None:
    """An output has a given name of every person in it, or nobody can print it."""
    made = act()
    made.blocks = replace(made.blocks, father=None)
    untouched = deepcopy(made)
    changes = {field: "Ali" if field.endswith("latin") else "نجار"}
    for refusing in (judged, asked_to_correct):
        with pytest.raises(Invalid) as refused:
            refusing(made, changes)
        assert (refused.value.code, refused.value.extra["field"]) == ("person_unknown", field)
    assert made == untouched
    person = field.partition(".")[0]
    judged(made, changes | {f"{person}.given.ar": "علي"})
    judged(made, changes)
    asked_to_correct(made, changes)
    assert fold(made, Output.FULL_COPY)["blocks"][person]["given"]["ar"] == "علي"


def test_the_margin_begins_on_the_day_that_a_court_has_put_right() -> None:
    """Written 2026 for 1960, whoever married in 1985 could not be married in the margin."""
    made, married = act(), date(1985, 6, 1)
    assert married < BORN
    with pytest.raises(Invalid, match="mention_date"):
        marry(made, on=married)
    judged(made, {"event.on": "1960-03-02"})
    marry(made, on=married)
    with pytest.raises(Invalid, match="mention_date"):
        dies(made, on=date(1960, 3, 1))


def test_no_event_is_put_into_the_future() -> None:
    made = act()
    untouched = deepcopy(made)
    for refusing in (judged, asked_to_correct):
        with pytest.raises(Invalid, match="event_in_future"):
            refusing(made, {"event.on": (NOW + DAY).date().isoformat()})
    assert made == untouched


def test_any_past_instant_reads_as_it_read() -> None:
    made = act()
    judged(made, {"subject.given.latin": "Yacine"}, NOW + DAY)
    judged(made, {"subject.given.latin": "Yassin"}, NOW + 3 * DAY)
    read = [
        fold(made, Output.EXTRACT, NOW + days * DAY)["blocks"]["subject"]["given"]["latin"]
        for days in (0, 1, 2, 3, 4)
    ]
    assert read == ["Yassine", "Yacine", "Yacine", "Yassin", "Yassin"]
    with pytest.raises(NotFound, match="act_not_yet"):
        fold(made, Output.COPY, NOW - DAY)


VALUES = {
    "ar": "يونس",
    "latin": "Younes",
    "tifinagh": "ⵢⵓⵏⵙ",
    "sex": "female",
    "on": "2026-11-01",
    "time": "07:15",
}


@settings(deadline=None)  # whichever example comes first reads the rules from their file
@given(
    st.lists(
        st.sampled_from(sorted(field for field in CHANGEABLE if not field.startswith("spouse"))),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_is_noted_the_original_stands(fields: list[str]) -> None:
    made = act()
    original = deepcopy(made.blocks)
    before = fold(made, Output.COPY, NOW)
    for number, field in enumerate(fields):
        value = VALUES.get(field.rpartition(".")[2], "فاس")
        judged(made, {field: value}, NOW + number * DAY)
    at = NOW + len(fields) * DAY
    after = fold(made, Output.COPY, at)
    assert made.blocks == original
    assert after["blocks"] == before["blocks"]
    assert [one["changes"] for one in after["mentions"]] == [
        {field: VALUES.get(field.rpartition(".")[2], "فاس")} for field in fields
    ]
    assert [one["ordinal"] for one in after["mentions"]] == list(range(1, len(fields) + 1))


def test_a_mention_is_said_in_three_languages_with_the_names_of_each_script() -> None:
    made = act()
    marry(made)
    assert made.mentions[0].text == {
        "ar": "تزوج(ت) من مريم العلمي بتاريخ الاثنين 2 نونبر 2026، ملخص عدد 12/2026.",
        "fr": "Marié(e) à Meryem Alami le lundi 2 novembre 2026, sommaire n° 12/2026.",
        "en": "Married to Meryem Alami on Monday 2 November 2026, summary no. 12/2026.",
    }


def test_a_father_who_was_not_known_is_named_by_a_judgment() -> None:
    made = act()
    made.blocks = type(made.blocks)(event=made.blocks.event, subject=made.blocks.subject)
    judged(made, {"father.given.ar": "محمد"})
    assert fold(made, Output.EXTRACT, NOW)["blocks"]["father"] == {"given": {"ar": "محمد"}, "family": None}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": MentionKind.MARRIAGE}, "spouse_missing"),
        ({"kind": MentionKind.JUDGMENT}, "changes_missing"),
        ({"kind": MentionKind.DEATH, "changes": {"subject.sex": "male"}}, "changes_not_expected"),
        ({"kind": MentionKind.DEATH, "on": BORN - DAY}, "mention_date"),
        ({"kind": MentionKind.DEATH, "on": NOW.date() + DAY}, "mention_date"),
        ({"kind": MentionKind.JUDGMENT, "changes": {"identifier": "1"}}, "field_not_changeable"),
        ({"kind": MentionKind.JUDGMENT, "changes": {"event.time": "25:00"}}, "time_malformed"),
    ],
)
def test_what_a_margin_does_not_take(change: dict[str, Any], code: str) -> None:
    made = act()
    noted: dict[str, Any] = {"reference": "1/2026", "on": BORN, "by": OFFICER, "now": NOW} | change
    with pytest.raises(Invalid) as refusal:
        made.note(UUID(int=1), **noted)
    assert refusal.value.code == code
    assert (made.mentions, made.version) == ([], 1)


def test_nobody_dies_twice_nor_is_noted_twice() -> None:
    made = act()
    marry(made)
    with pytest.raises(Conflict, match="mention_repeated"):
        marry(made)
    dies(made)
    with pytest.raises(Conflict, match="already_dead"):
        dies(made, reference="8/2026")
    with pytest.raises(Invalid, match="mention_not_on_this_act"):
        marry(act(ActKind.DEATH))


def test_a_restated_value_is_written_as_the_register_writes() -> None:
    assert restated("subject.given.latin", " Ai\u0308cha ") == "Aïcha"
    assert restated("event.on", "2026-11-02") == "2026-11-02"
