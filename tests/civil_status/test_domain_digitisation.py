"""Paper under digitisation: readings compared, each part another person's, samples drawn, pages walked."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.civil_status.domain.dates import RegisterDate
from services.civil_status.domain.digitisation.entry import Entry
from services.civil_status.domain.digitisation.rules import Plan, Sampling, Scan, drawn, rules
from services.civil_status.domain.digitisation.scans import image_of
from services.civil_status.domain.digitisation.states import EntryState, VolumeState
from services.civil_status.domain.digitisation.transcription import (
    Note,
    Transcription,
    differing,
    flat,
    named,
)
from services.civil_status.domain.digitisation.volume import Listing, Volume
from services.civil_status.domain.values import Blocks, Name, Person, Sex
from services.civil_status.events import ActKind, MentionKind
from services.civil_status.events.digitisation import (
    Damage,
    LotAccepted,
    LotRefused,
    RejectGround,
    ReturnGround,
)
from shared.auth import Actor
from shared.errors import Conflict, Forbidden, Invalid, Problem
from tests.civil_status.cases import NOW, OFFICER, person
from tests.civil_status.cases_digitisation import (
    CONTROLLER,
    KEYER,
    SECOND,
    THIRD,
    YEAR,
    checked,
    concluded,
    entry,
    held,
    keyed,
    keying,
    said,
    sampled,
    settled,
    suspected,
    volume,
)
from tests.civil_status.cases_digitisation import differing as differently
from tests.civil_status.paper import jpeg, png

LETTERS: Final = st.text("ابتجدهوزحطيكلمن", min_size=1, max_size=8)
READINGS: Final = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("subject.given.ar", "subject.birthplace", "event.place", "mother.given.ar", "father.given.ar"),
        LETTERS,
    ),
)


def reading(fields: dict[str, str]) -> Transcription:
    """A page that says these; of what is not among them, what `said` does, or nothing."""
    blocks = said().blocks
    parents = {
        parent: Person(given=Name(ar=fields[f"{parent}.given.ar"]))
        if f"{parent}.given.ar" in fields
        else None
        for parent in ("father", "mother")
    }
    subject = Person(
        given=Name(ar=fields.get("subject.given.ar", "ياسين")), birthplace=fields.get("subject.birthplace")
    )
    event = replace(blocks.event, place=fields.get("event.place", "فاس"))
    return Transcription(
        blocks=Blocks(event=event, subject=subject, father=parents["father"], mother=parents["mother"])
    )


def _blocks(of: Transcription, **changes: Any) -> Transcription:
    return replace(of, blocks=replace(of.blocks, **changes))


@given(READINGS, READINGS)
def test_exactly_the_fields_that_say_something_else_differ(
    one: dict[str, str], other: dict[str, str]
) -> None:
    spoken = {"event.place": "فاس", "subject.given.ar": "ياسين"}
    left, right = spoken | one, spoken | other
    expected = {name for name in left | right if left.get(name) != right.get(name)}
    # A parent whom one of them does not name is missing with all that is said of them.
    expected |= {
        f"{parent}.nationality"
        for parent in ("father", "mother")
        if (f"{parent}.given.ar" in left) is not (f"{parent}.given.ar" in right)
    }
    assert differing(reading(one), reading(other)) == tuple(sorted(expected))
    assert differing(reading(one), reading(other)) == differing(reading(other), reading(one))


def test_a_day_is_one_field_as_exact_as_it_is() -> None:
    exact = RegisterDate.of(date(YEAR, 3, 4))
    stated = RegisterDate.of(date(YEAR, 3, 4), exact.hijri)
    year_only = RegisterDate.partial(YEAR)
    readings = [
        _blocks(said(), event=replace(said().blocks.event, on=day)) for day in (exact, stated, year_only)
    ]
    assert [flat(one)["event.on"] for one in readings] == [
        f"{YEAR}-03-04",
        f"{YEAR}-03-04 ({exact.hijri})",
        f"{YEAR}",
    ]
    assert differing(readings[0], readings[2]) == ("event.on",)


def test_one_letter_written_in_two_ways_is_no_difference() -> None:
    composed, marks = said("Chérif"), said("Che\u0301rif")
    assert differing(composed, marks)
    assert differing(composed.checked(ActKind.BIRTH, YEAR), marks.checked(ActKind.BIRTH, YEAR)) == ()


MARRIED: Final = Note(
    kind=MentionKind.MARRIAGE, reference="4/1985", on=date(1985, 6, 1), spouse=person("مريم")
)


def _judgment(field: str) -> Note:
    return replace(MARRIED, kind=MentionKind.JUDGMENT, reference=field, spouse=None, changes={field: "علي"})


@pytest.mark.parametrize(
    ("margin", "kind", "year", "code"),
    [
        ([], ActKind.BIRTH, YEAR - 1, "event_after_register"),
        ([MARRIED], ActKind.DEATH, YEAR, "mention_not_on_this_act"),
        ([replace(MARRIED, kind=MentionKind.CORRECTION)], ActKind.BIRTH, YEAR, "mention_not_on_this_act"),
        ([replace(MARRIED, on=date(1950, 1, 1))], ActKind.BIRTH, YEAR, "mention_date"),
        ([replace(MARRIED, spouse=None)], ActKind.BIRTH, YEAR, "spouse_missing"),
        ([MARRIED, MARRIED], ActKind.BIRTH, YEAR, "mention_repeated"),
        ([replace(MARRIED, changes={"subject.sex": "male"})], ActKind.BIRTH, YEAR, "changes_missing"),
        ([replace(MARRIED, kind=MentionKind.JUDGMENT)], ActKind.BIRTH, YEAR, "changes_missing"),
        ([_judgment("father.occupation")], ActKind.BIRTH, YEAR, "person_unknown"),
        (
            [_judgment("mother.given.ar"), _judgment("spouse.family.ar")],
            ActKind.BIRTH,
            YEAR,
            "person_unknown",
        ),
        ([replace(MARRIED, spouse=person("مريم\u202e"))], ActKind.BIRTH, YEAR, "name_characters"),
    ],
)
def test_what_no_page_says_is_refused(margin: list[Note], kind: ActKind, year: int, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        said(margin=tuple(margin)).checked(kind, year)
    assert refusal.value.code == code


@pytest.mark.parametrize("field", ["ياسين", "subject.given.ar; drop", "subject.yassine", "annexed.1", ""])
def test_a_defect_names_a_field_and_nothing_else(field: str) -> None:
    with pytest.raises(Invalid, match="field_unknown"):
        named([field])


def test_every_field_of_a_reading_can_be_named() -> None:
    full = said(margin=(replace(MARRIED, kind=MentionKind.JUDGMENT, changes={"subject.sex": "male"}),))
    subject = replace(
        person("ياسين", "Yassine", born=RegisterDate.partial(1950), birthplace="فاس", occupation="فلاح"),
        sex=Sex.MALE,
    )
    assert named(list(flat(_blocks(full, subject=subject, father=subject)))) != ()


# One person at a time, and each part another person's


@pytest.mark.parametrize(
    ("made", "by", "step", "code"),
    [
        (entry, KEYER, lambda e: e.key(said(), by=KEYER, now=NOW), "not_held"),
        (lambda: held(entry(), SECOND), KEYER, lambda e: e.key(said(), by=KEYER, now=NOW), "held_by_another"),
        (lambda: held(keyed(), KEYER), KEYER, lambda e: e.key(said(), by=KEYER, now=NOW), "keyed_already"),
        (keyed, KEYER, lambda e: e.may_hold(KEYER), "keyed_already"),
        (differently, THIRD, lambda e: e.adjudicate(said(), by=THIRD, now=NOW), "not_held"),
        (settled, CONTROLLER, lambda e: e.checkable(CONTROLLER), "not_held"),
        (lambda: held(suspected(number_taken=True), OFFICER), OFFICER,
         lambda e: e.distinguish(by=OFFICER, now=NOW), "number_taken"),
        (lambda: held(suspected(), OFFICER), OFFICER,
         lambda e: e.same(UUID(int=5), by=OFFICER, now=NOW), "not_a_candidate"),
        (entry, KEYER, lambda e: e.releasable(KEYER), "not_held"),
    ],
)  # fmt: skip
def test_who_may_not(made: Callable[[], Entry], by: Actor, step: Callable[[Entry], Any], code: str) -> None:
    of = made()
    with pytest.raises(Problem) as refusal:
        step(of)
    assert refusal.value.code == code
    assert of == made()


def both(*people: Actor) -> Actor:
    """One person with the roles of several."""
    return replace(people[0], roles=frozenset().union(*(one.roles for one in people)))


def test_nobody_adjudicates_or_checks_their_own_work() -> None:
    of = differently()
    for keyer in (KEYER, SECOND):
        with pytest.raises(Forbidden, match="own_keying"):
            of.may_hold(both(keyer, THIRD))
        with pytest.raises(Forbidden, match="own_keying"):
            held(of, keyer).adjudicate(said(), by=both(keyer, THIRD), now=NOW)
    held(of, THIRD).adjudicate(said(), by=THIRD, now=NOW)
    for worker in (KEYER, SECOND, THIRD):
        with pytest.raises(Forbidden, match="own_work"):
            held(of, worker).checkable(both(worker, CONTROLLER))
    held(of, CONTROLLER).checkable(CONTROLLER)


def test_an_adjudication_says_what_it_decided_and_whose_error_it_was() -> None:
    of = held(differently(), THIRD)
    assert of.differing == ("subject.given.latin",)
    event = of.adjudicate(_blocks(said("Yassine"), mother=None), by=THIRD, now=NOW)
    assert event.decided == ("subject.given.latin",)
    assert event.overruled == (
        "mother.family.ar",
        "mother.family.latin",
        "mother.given.ar",
        "mother.nationality",
    )
    assert of.errors() == {"keyer-1": 4, "keyer-2": 5}


def test_a_rejected_act_is_keyed_anew_by_anybody() -> None:
    of = held(keyed(), SECOND)
    of.reject(RejectGround.PAGE_UNREADABLE, by=SECOND, now=NOW)
    of.reopen((2,), by=OFFICER, now=NOW)
    assert (of.round, of.keyings, of.pages, of.ground) == (2, [], (2,), None)
    of.may_hold(KEYER)


# The sample


@given(st.text(max_size=20), st.sets(st.integers(1, 5000), min_size=1, max_size=300), st.integers(1, 80))
def test_whoever_has_the_seed_draws_the_same_sample(seed: str, lot: set[int], size: int) -> None:
    sample = drawn(seed, lot, size)
    assert sample == drawn(seed, sorted(lot, reverse=True), size)
    assert set(sample) <= lot
    assert len(sample) == len(set(sample)) == min(size, len(lot))


def test_another_seed_draws_another_sample() -> None:
    assert len({drawn(str(seed), range(500), 13) for seed in range(50)}) == 50


def test_every_number_is_drawn_about_as_often() -> None:
    counts = dict.fromkeys(range(100), 0)
    for seed in range(2000):
        for number in drawn(str(seed), counts, 13):
            counts[number] += 1
    assert sum(counts.values()) == 2000 * 13
    assert all(180 < count < 345 for count in counts.values()), "260 each, and five times the deviation"


@pytest.mark.parametrize(
    ("lot", "sample", "accept"),
    [(1, 13, 0), (150, 13, 0), (151, 50, 1), (500, 50, 1), (501, 80, 2), (1200, 80, 2), (1201, 125, 3)],
)
def test_the_plans_are_those_of_the_standard(lot: int, sample: int, accept: int) -> None:
    plan = rules().sampling.plan_of(lot)
    assert (plan.sample, plan.accept) == (sample, accept)


@pytest.mark.parametrize(
    "plans",
    [
        (),
        (Plan(from_lot=2, sample=13, accept=0),),
        (Plan(from_lot=1, sample=13, accept=13),),
        (Plan(from_lot=1, sample=50, accept=1), Plan(from_lot=151, sample=13, accept=0)),
    ],
)
def test_a_table_of_plans_that_makes_no_sense_is_refused(plans: tuple[Plan, ...]) -> None:
    with pytest.raises(ValueError, match="plans"):
        Sampling(source="s", confidence="U", plans=plans)


@pytest.mark.parametrize("defective", [0, 1, 2, 3])
def test_the_rule_decides_of_the_lot(defective: int) -> None:
    of = checked(defective, last=200)  # 50 of 200, one of which may be defective
    assert len(of.newest.sample) == 50
    event = of.conclude(by=CONTROLLER, now=NOW)
    accepted = defective <= 1
    assert isinstance(event, LotAccepted if accepted else LotRefused)
    assert (event.defective, of.state) == (
        defective,
        VolumeState.ACCEPTED if accepted else VolumeState.KEYING,
    )
    assert of.cleared(7) is accepted


def test_a_sample_is_finished_before_it_is_concluded_unless_it_is_lost_already() -> None:
    of = sampled(200)
    first, second, third, *_ = of.newest.sample
    with pytest.raises(Conflict, match="sample_unfinished"):
        of.conclude(by=CONTROLLER, now=NOW)
    for number in (first, second):
        of.check(number, ("event.on",), by=CONTROLLER, now=NOW)
    assert isinstance(of.conclude(by=CONTROLLER, now=NOW), LotRefused)
    assert third in of.newest.left


@pytest.mark.parametrize(("number", "code"), [(99, "not_in_sample"), (1, "checked_already")])
def test_an_act_is_checked_once_and_only_of_the_sample(number: int, code: str) -> None:
    of = sampled()
    of.check(1, (), by=CONTROLLER, now=NOW)
    with pytest.raises(Conflict, match=code):
        of.check(number, (), by=CONTROLLER, now=NOW)


def test_a_refused_lot_is_sampled_anew_and_an_accepted_one_never() -> None:
    of = concluded(1)
    of.draw("again", range(1, 4), 0, by=CONTROLLER, now=NOW)
    assert (of.newest.ordinal, of.newest.numbers) == (2, (1, 2, 3))
    for number in of.newest.sample:
        of.check(number, (), by=CONTROLLER, now=NOW)
    of.conclude(by=CONTROLLER, now=NOW)
    of.reopened(2, now=NOW)  # an act that had been rejected is keyed after all
    assert [of.cleared(number) for number in (1, 2, 3)] == [True, False, True]
    of.draw("third", [1, 2, 3], 0, by=CONTROLLER, now=NOW)
    assert of.newest.numbers == (2,)


def test_what_is_listed_again_after_a_damage_was_never_sampled() -> None:
    """An act of an accepted lot was rejected later; the volume was opened again, hurt, and listed anew."""
    of = concluded()
    assert of.cleared(2)
    of.reopened(1, now=NOW)
    of.report_damage(Damage.VOLUME_DAMAGED, by=OFFICER, now=NOW)
    of.resume(by=OFFICER, now=NOW)
    listed = [Listing(number=number, pages=(1,)) for number in (1, 2, 3)]
    of.close_scanning(listed, {1}, by=OFFICER, now=NOW, reopened=[2])
    assert [of.cleared(number) for number in (1, 2, 3)] == [False, False, True]


@pytest.mark.parametrize(
    ("settled_ones", "unfinished", "code"), [([1], 1, "keying_unfinished"), ([], 0, "nothing_to_sample")]
)
def test_no_sample_of_what_is_not_there(settled_ones: list[int], unfinished: int, code: str) -> None:
    with pytest.raises(Conflict, match=code):
        keying().draw("s", settled_ones, unfinished, by=CONTROLLER, now=NOW)


def test_a_defective_act_goes_to_a_third_person() -> None:
    of = settled()
    of.returned(ReturnGround.DEFECTIVE, defects=["event.on"], now=NOW)
    assert (of.state, of.differing) == (EntryState.DIFFERING, ("event.on",))
    held(of, THIRD).adjudicate(said("Yacine"), by=THIRD, now=NOW)
    assert (of.state, of.adjudicator, of.defects) == (EntryState.SETTLED, "third-1", ())


@pytest.mark.parametrize(
    ("acts", "code"),
    [
        ([Listing(number=4, pages=(1,))], "act_not_in_volume"),
        ([Listing(number=1, pages=(1,)), Listing(number=1, pages=(1,))], "act_listed_twice"),
        ([Listing(number=1, pages=(1, 2))], "page_not_scanned"),
    ],
)
def test_a_listing_is_of_this_volume(acts: list[Listing], code: str) -> None:
    of = volume()
    with pytest.raises(Invalid, match=code):
        of.close_scanning(acts, {1}, by=OFFICER, now=NOW)
    assert of == volume()


def test_a_number_that_no_page_bears_is_missing() -> None:
    of = volume()
    event = of.close_scanning([Listing(number=2, pages=(1,))], {1}, by=OFFICER, now=NOW)
    assert event.missing == (1, 3)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"year": 1914}, "volume_year"),
        ({"year": NOW.year + 1}, "volume_year"),
        ({"first": 5, "last": 4}, "volume_numbers"),
        ({"last": 1001}, "volume_numbers"),
    ],
)
def test_a_volume_is_of_a_year_and_holds_some_acts(changes: dict[str, int], code: str) -> None:
    made: dict[str, Any] = {"kind": ActKind.BIRTH, "collectivity": "06.141.01.0", "office": "06.141.01.0-01"}
    numbers: dict[str, Any] = {"year": YEAR, "volume": 1, "first": 1, "last": 3} | changes
    with pytest.raises(Invalid, match=code):
        Volume.open(UUID(int=1), **made, **numbers, by=OFFICER, now=NOW)


# A page

LIMITS: Final = Scan(least_side=800, most_pixels=2_000_000)
ELF: Final = b"\x7fELF\x02\x01\x01" + bytes(500)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(png(), "image/png"), (jpeg(), "image/jpeg"), (jpeg(0xFFFF), "image/jpeg")],
)
def test_a_page_is_a_picture(content: bytes, kind: str) -> None:
    image = image_of(content, LIMITS)
    assert (image.media_type, image.width, image.height) == (kind, 1000, 1400)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (ELF, "scan_not_an_image"),
        (b"MZ\x90\x00" + bytes(500), "scan_not_an_image"),
        (b"%PDF-1.7\n%%EOF", "scan_not_an_image"),
        (b"#!/bin/sh\nrm -rf /", "scan_not_an_image"),
        (b"GIF89a" + bytes(100), "scan_not_an_image"),
        (b"", "scan_not_an_image"),
        (png() + ELF, "scan_damaged"),
        (jpeg() + ELF, "scan_damaged"),
        (png() + b"PK\x03\x04", "scan_damaged"),
        (png()[:-1], "scan_damaged"),
        (png()[: len(png()) // 2], "scan_damaged"),
        (jpeg()[:-2], "scan_damaged"),
        (b"\x89PNG\r\n\x1a\n" + ELF, "scan_damaged"),
        (b"\xff\xd8\xff" + ELF, "scan_damaged"),
        (b"\xff\xd8\xff\xd9", "scan_damaged"),
        (png().replace(b"page 0", b"page 1"), "scan_damaged"),
        (png(width=500), "scan_too_small"),
        (jpeg(height=799), "scan_too_small"),
        (jpeg(width=60_000, height=60_000), "scan_too_large"),
    ],
)
def test_what_is_no_page(content: bytes, code: str) -> None:
    with pytest.raises(Problem) as refusal:
        image_of(content, LIMITS)
    assert refusal.value.code == code


@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_whatever_is_cut_or_put_into_a_page_it_is_a_page_or_refused(at: int, noise: bytes) -> None:
    """Never anything but a refusal: no scan makes the service fall over."""
    for whole in (SMALL_PNG, SMALL_JPEG):
        for content in (whole[:at], whole[:at] + noise + whole[at:], noise + whole, whole + noise):
            with suppress(Problem):
                image_of(content, LIMITS)


SMALL_PNG: Final = png()
SMALL_JPEG: Final = jpeg()
