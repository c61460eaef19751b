"""The rule files: what they say, which events they hear, and how a slip of the pen is refused."""

from dataclasses import fields, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.registry import SERVICES
from services.deadlines.domain.counting import Unit
from services.deadlines.domain.loading import load_rules, rulebook
from services.deadlines.domain.rules import Effect, Expiry, Meaning, Role, Rulebook
from shared.data import BadData
from shared.errors import Invalid

D = date.fromisoformat
ANNOUNCED = {name: event for one in SERVICES for s in one.streams for name, event in s.types.items()}
DOSSIER_EVENT = "ma.jamaa.rokhas.dossier.{}.v1"


@pytest.mark.parametrize(
    ("procedure", "day", "days", "unit", "francs", "expiry"),
    [
        pytest.param(
            "construction_small", "2026-11-23", 15, "calendar", True, "approval", id="1839-23 petits"
        ),
        pytest.param(
            "construction_large", "2023-07-13", 30, "calendar", True, "approval", id="1839-23 grands"
        ),
        pytest.param("subdivision", "2026-11-23", 30, "calendar", True, "approval", id="1839-23 lotir"),
        pytest.param("housing_group", "2026-11-23", 30, "calendar", True, "approval", id="1839-23 groupe"),
        pytest.param("parcelling", "2026-11-23", 30, "calendar", True, "approval", id="1839-23 morceler"),
        pytest.param(
            "construction_small", "2023-07-12", 60, "calendar", False, "approval", id="12-90 art. 48"
        ),
        pytest.param(
            "construction_large", "2022-09-01", 60, "calendar", False, "approval", id="12-90 art. 48 grands"
        ),
        pytest.param("subdivision", "2023-07-12", 90, "calendar", False, "approval", id="25-90 art. 8"),
        pytest.param("parcelling", "2023-07-12", 60, "calendar", False, "approval", id="25-90 art. 59"),
        pytest.param("occupancy", "2026-11-23", 60, "calendar", True, "approval", id="2-22-141 habiter"),
        pytest.param("occupancy", "2020-09-27", 30, "calendar", False, "escalation", id="12-90 art. 55"),
        pytest.param("conformity", "2026-11-23", 60, "calendar", True, "approval", id="2-22-141 conformité"),
        pytest.param("classed_2", "2026-11-23", 60, "calendar", True, "approval", id="2-22-141 classés 2"),
        pytest.param("classed_3", "2026-11-23", 60, "calendar", True, "approval", id="2-22-141 classés 3"),
        pytest.param("repair", "2026-11-23", 10, "working", False, "approval", id="RGC art. 45-47"),
        pytest.param("demolition", "2026-11-23", 30, "calendar", True, "approval", id="2-18-475 art. 14"),
        pytest.param(
            "regularisation", "2026-11-23", 60, "calendar", True, "appeal_opens", id="2-18-475 art. 8"
        ),
        pytest.param(
            "regularisation", "2020-09-27", 60, "calendar", False, "appeal_opens", id="before 55-19 art. 31"
        ),
        pytest.param(
            "business_opening", "2026-11-23", 60, "calendar", True, "appeal_opens", id="55-19 art. 21"
        ),
        pytest.param("public_domain", "2026-11-23", 60, "calendar", True, "appeal_opens", id="55-19 domaine"),
        pytest.param("trench", "2026-11-23", 60, "calendar", True, "appeal_opens", id="55-19 tranchées"),
    ],
)
def test_the_period_of_each_procedure(
    procedure: str, day: str, days: int, unit: str, francs: bool, expiry: str
) -> None:
    rule = rulebook().decision(procedure, D(day))
    assert rule.code == procedure
    assert (rule.count.days, rule.count.unit, rule.count.francs) == (days, Unit(unit), francs)
    assert rule.on_expiry is Expiry(expiry)


@pytest.mark.parametrize(
    ("code", "days", "unit", "francs"),
    [
        pytest.param("completion.missing_items", 30, "calendar", True, id="55-19 art. 10 (1)"),
        pytest.param("completion.replacement", 30, "calendar", True, id="55-19 art. 10 (2)"),
        pytest.param("invocation.delivery", 7, "calendar", True, id="55-19 art. 19"),
        pytest.param("invocation.attestation", 10, "calendar", True, id="55-19 art. 20"),
        pytest.param("appeal.lodging", 30, "calendar", True, id="55-19 art. 21, applicant"),
        pytest.param("appeal.president", 15, "calendar", True, id="55-19 art. 21, president"),
        pytest.param("appeal.governor", 10, "calendar", True, id="55-19 art. 21, governor"),
        pytest.param("appeal.court", 60, "calendar", False, id="41-90 art. 23"),
        pytest.param("rgc.forwarding", 3, "working", False, id="RGC art. 18, commune"),
        pytest.param("rgc.commission", 15, "working", False, id="RGC art. 18, commission"),
        pytest.param("rgc.minutes", 3, "working", False, id="RGC art. 38"),
        pytest.param("rgc.reservations", 5, "working", False, id="RGC art. 42"),
        pytest.param("rgc.delivery", 2, "working", False, id="RGC art. 43-44"),
        pytest.param("governor.transmission", 5, "calendar", False, id="113-14 art. 116"),
        pytest.param("completion.unanswered", 180, "calendar", True, id="55-19 art. 14, off"),
        pytest.param("rgc.visit_notice", 3, "working", False, id="RGC art. 48-51"),
        pytest.param("rgc.repair_service", 5, "working", False, id="RGC art. 45-47, service"),
        pytest.param("rgc.repair_copy", 3, "working", False, id="RGC art. 45-47, copy"),
        pytest.param("commune.copy", 8, "calendar", False, id="113-14 art. 237"),
        pytest.param("lapse.construction", 365, "calendar", False, id="12-90 art. 49"),
    ],
)
def test_the_other_periods(code: str, days: int, unit: str, francs: bool) -> None:
    rule = rulebook().rule(code, D("2026-11-23"))
    assert (rule.count.days, rule.count.unit, rule.count.francs) == (days, Unit(unit), francs)
    assert rule.role is not Role.DECISION


def test_every_trigger_names_an_event_and_fields_that_the_owner_announces() -> None:
    for rule in rulebook().rules:
        profile = rule.profile
        for triggers in (*profile.events.values(), *profile.statistics.values()):
            for trigger in triggers:
                announced = {field.name for field in fields(ANNOUNCED[trigger.event])}
                needed = {trigger.at, *trigger.when, *([trigger.days] if trigger.days else [])}
                assert needed <= announced, (rule.code, trigger)
        starts = {trigger.event for trigger in profile.events[Effect.START]}
        if profile.each is not None:
            for event in starts:
                assert profile.each in {field.name for field in fields(ANNOUNCED[event])}, rule.code


SUBMITTED = {
    "procedure": "construction_small",
    "collectivity": "06.141.01.0",
    "submitted_at": "2026-11-23T10:00:00Z",
}


ASKED = {"request": "r1", "requested_at": "2026-11-23T10:00:00Z"}


@pytest.mark.parametrize(
    ("event", "data", "opened"),
    [
        ("submitted", SUBMITTED | {"complete": True}, {"construction_small"}),
        ("submitted", SUBMITTED | {"complete": False}, {"completion.missing_items"}),
        (
            "submitted",
            SUBMITTED | {"complete": True, "procedure": "construction_large"},
            {"construction_large", "rgc.forwarding", "rgc.commission"},
        ),
        ("completed", SUBMITTED | {"completed_at": "2023-07-12T22:59:59Z"}, {"construction_small"}),
        ("silence_invoked", {"invoked_at": "2026-11-23T10:00:00Z"}, {"invocation.delivery"}),
        ("replacement_requested", ASKED | {"suspends": True}, {"completion.replacement"}),
        ("replacement_requested", ASKED | {"suspends": False}, set()),  # nothing is lost by not answering
        ("information_requested", ASKED | {"suspends": True}, set()),  # 55-19 art. 14 gives it no end
        (
            "completed",
            {"procedure": "occupancy", "completed_at": "2026-11-23T10:00:00Z"},
            {"occupancy", "rgc.visit", "rgc.visit_notice"},
        ),
        (
            "completed",
            {"procedure": "repair", "completed_at": "2026-11-23T10:00:00Z"},
            {"repair", "rgc.repair_service"},
        ),
        ("message_posted", {}, set()),
    ],
)
def test_what_an_event_opens(event: str, data: dict[str, object], opened: set[str]) -> None:
    procedure = str(data.get("procedure") or "construction_small")
    found = rulebook().openings(DOSSIER_EVENT.format(event), data, procedure)
    assert {one.rule.code for one in found} == opened


@pytest.mark.parametrize(
    ("completed_at", "version"), [("2023-07-12T22:59:59Z", 1), ("2023-07-12T23:00:00Z", 2)]
)
def test_the_version_in_force_on_the_starting_day_in_casablanca_applies(
    completed_at: str, version: int
) -> None:
    event = DOSSIER_EVENT.format("completed")
    (opening,) = rulebook().openings(event, {"completed_at": completed_at}, "construction_small")
    assert opening.rule.version == version


def test_what_an_event_does_to_a_running_clock() -> None:
    rule = rulebook().decision("construction_small", D("2026-11-23"))
    asked: dict[str, object] = {"requested_at": "2026-11-24T10:00:00Z", "suspends": True}
    answered: dict[str, object] = {
        "answered_at": "2026-11-26T10:00:00Z",
        "suspension_ends": True,
        "restarts": False,
    }
    extended: dict[str, object] = {"extended_at": "2026-11-26T10:00:00Z", "days": 15}
    events: dict[str, dict[str, object]] = {
        "information_requested": asked,
        "modification_requested": asked | {"suspends": False},
        "answered_request": answered,
        "extended": extended,
        "granted": {"notified_at": "2026-11-26T10:00:00Z"},
        "withdrawn": {"withdrawn_at": "2026-11-26T10:00:00Z"},
    }
    effects = {
        name: [(one.effect, one.days) for one in rule.reactions(DOSSIER_EVENT.format(name), data)]
        for name, data in events.items()
    }
    effects["redeposit"] = [
        (one.effect, one.days)
        for one in rule.reactions(DOSSIER_EVENT.format("answered_request"), answered | {"restarts": True})
    ]
    assert effects == {
        "information_requested": [(Effect.SUSPEND, 0)],
        "modification_requested": [],
        "answered_request": [(Effect.RESUME, 0)],
        "redeposit": [(Effect.RESTART, 0)],
        "extended": [(Effect.EXTEND, 15)],
        "granted": [(Effect.ANSWER, 0)],
        "withdrawn": [(Effect.STOP, 0)],
    }


def test_statistics_need_no_code() -> None:
    rule = rulebook().decision("construction_small", D("2026-11-23"))
    at = "2026-11-26T10:00:00Z"
    found = {
        meaning
        for name, field in [
            ("silence_invoked", "invoked_at"),
            ("attested", "attested_at"),
            ("paid", "paid_at"),
        ]
        for meaning, _ in rule.meanings(DOSSIER_EVENT.format(name), {field: at})
    }
    assert found == {Meaning.INVOKED, Meaning.ATTESTED}


@pytest.mark.parametrize(
    ("look", "code"),
    [
        (lambda: rulebook().decision("nothing", D("2026-11-23")), "unknown_procedure"),
        (lambda: rulebook().decision("trench", D("2019-11-23")), "no_rule_in_force"),
        (lambda: rulebook().rule("nothing", D("2026-11-23")), "unknown_rule"),
        (lambda: rulebook().version("trench", 7), "unknown_rule"),
        (lambda: load_rules(answers={"francs": "perhaps"}), "unknown_reading"),
        (
            lambda: rulebook().openings(DOSSIER_EVENT.format("completed"), {}, "trench"),
            "event_field_missing",
        ),
    ],
)
def test_what_is_not_known_is_refused(look: object, code: str) -> None:
    assert callable(look)
    with pytest.raises(Invalid) as refused:
        look()
    assert refused.value.code == code


def test_another_answer_to_a_question_swaps_the_readings() -> None:
    day = D("2026-11-23")
    recommended = rulebook().decision("construction_small", day)
    other = load_rules(answers={"francs": "plain"}).decision("construction_small", day)
    assert (recommended.count.francs, other.count.francs) == (True, False)
    (swapped,) = [one for one in other.readings if one.question == "francs"]
    assert (swapped.answer, swapped.count) == ("francs", recommended.count)


def test_validity_has_no_hole_in_a_procedure() -> None:
    for procedure in rulebook().procedures:
        versions = [one for one in rulebook().rules if one.role is Role.DECISION and one.concerns(procedure)]
        versions.sort(key=lambda one: one.valid_from)
        for earlier, later in pairwise(versions):
            assert earlier.valid_to is not None
            assert earlier.valid_to + timedelta(1) == later.valid_from, procedure
        assert versions[-1].valid_to is None


GOOD = """\
subject: a test
vocabulary:
  - service: toy
    aggregate: note
    events:
      filed: [filed_at, complete]
      closed: [closed_at]
profiles:
  - name: toy
    service: toy
    aggregate: note
    events:
      start:
        - {event: filed, when: {complete: true}, at: filed_at}
      answer:
        - {event: closed, at: closed_at}
rules:
  - code: toy
    version: 1
    role: decision
    procedures: [toy]
    label: {ar: ملاحظة, fr: note, en: note}
    citations:
      - {text: loi 55-19, article: "16"}
    confidence: C
    valid_from: 2020-09-28
    count: {days: 10, unit: working}
    on_expiry: approval
    profile: toy
"""

SECOND = GOOD[GOOD.index("  - code: toy") :]


def test_a_new_service_needs_a_file_and_no_code(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(GOOD)
    book = load_rules(tmp_path)
    assert book.procedures == {"toy"}
    assert book.sources == {("toy", "note")}
    event = {"filed_at": "2026-11-23T10:00:00Z", "complete": True}
    assert len(book.openings("ma.jamaa.toy.note.filed.v1", event, "toy")) == 1


@pytest.mark.parametrize(
    ("slip", "by", "message"),
    [
        ("on_expiry: approval", "on_expiry: aproval", "toy.yaml:28: 'aproval' is no 'on_expiry'; one of:"),
        ("on_expiry", "on_expirity", "toy.yaml:28: unknown field 'on_expirity'; is it 'on_expiry'?"),
        ("    on_expiry: approval\n", "", "toy.yaml:18: the field 'on_expiry' is missing"),
        (
            "confidence: C\n",
            "confidence: C\n    warning: [half]\n",
            "toy.yaml:26: unknown field 'warning'; is it",
        ),
        ("2020-09-28", "2020-09-31", "toy.yaml:26: 'valid_from': '2020-09-31'"),
        ("2020-09-28", "soon", "toy.yaml:26: 'valid_from' must be a day"),
        ("2020-09-28", "2020-09-28\n    valid_to: 2020-09-01", "toy.yaml:27: the rule ends before it begins"),
        ("event: closed", "event: close", "toy.yaml:16: unknown event 'close' of toy.note"),
        ("at: closed_at", "at: closed_on", "toy.yaml:16: the event 'closed' has no field 'closed_on'"),
        ("{complete: true}", "{compleet: true}", "toy.yaml:14: the event 'filed' has no field 'compleet'"),
        ("      answer:", "      reply:", "toy.yaml:15: 'reply' is no 'events'; one of: start"),
        ("unit: working", "unit: workdays", "toy.yaml:27: 'workdays' is no 'unit'"),
        ("days: 10", "days: ten", "toy.yaml:27: 'days' must be a whole number"),
        ("days: 10", "days: 10, months: 2", "toy.yaml:27: give the length once"),
        ("days: 10", "years: 11", "toy.yaml:27: a period is of 1 to 3660 days"),
        ("days: 10", "days: 10, weekend: [1, 2, 3, 4, 5, 6, 7]", "toy.yaml:27: a week has a working day"),
        ("procedures: [toy]", "procedures: []", "toy.yaml:20: the period of a file needs its procedures"),
        ("at: closed_at", "at: closed_at, days: closed_at", "toy.yaml:16: what extends, and nothing else"),
        ("profile: toy\n", "profile: tyo\n", "toy.yaml:29: unknown profile 'tyo'"),
        ("label: {ar: ملاحظة, ", "label: {", "toy.yaml:22: 'label' must be written in ar, fr, en"),
        ("version: 1", "version: 1\n    version: 2", "toy.yaml:20: the field 'version' is written twice"),
        ("subject: a test", "subject: [a test", "toy.yaml:2: not YAML"),
        (SECOND, SECOND + SECOND, "toy.yaml:30: version 1 of toy is already at"),
        (
            SECOND,
            SECOND + SECOND.replace("version: 1", "version: 2"),
            "toy.yaml:30: the validity of toy overlaps",
        ),
        (
            SECOND,
            SECOND + SECOND.replace("code: toy", "code: rival"),
            "toy.yaml:30: the validity of rival overlaps",
        ),
    ],
)
def test_a_slip_in_a_rule_file_is_refused_with_its_line(
    slip: str, by: str, message: str, tmp_path: Path
) -> None:
    assert slip in GOOD
    (tmp_path / "toy.yaml").write_text(GOOD.replace(slip, by, 1))
    with pytest.raises(BadData) as refused:
        load_rules(tmp_path)
    assert message in str(refused.value)


def test_files_of_the_product_are_named_from_the_repository() -> None:
    assert {rule.where.rpartition("/")[0] for rule in rulebook().rules} == {"services/deadlines/rules"}


@pytest.mark.parametrize("code", ["invocation.delivery", "invocation.attestation", "lapse.construction"])
@pytest.mark.parametrize(
    ("what", "data", "stops"),
    [
        pytest.param("refused", {"notified_at": "2026-12-14T10:00:00Z"}, True, id="handed over in time"),
        pytest.param(
            "granted", {"notified_at": "2026-12-14T10:00:00Z", "late": False}, True, id="granted in time"
        ),
        pytest.param(
            "granted", {"notified_at": "2026-12-14T10:00:00Z", "late": True}, False, id="granted late"
        ),
        pytest.param("renounced", {"renounced_at": "2026-12-14T10:00:00Z"}, True, id="renounced"),
        pytest.param("annulled", {"annulled_at": "2026-12-14T10:00:00Z"}, True, id="annulled"),
    ],
)
def test_what_follows_a_silence_ends_with_its_reason(
    code: str, what: str, data: dict[str, object], stops: bool
) -> None:
    reactions = rulebook().rule(code, D("2026-12-11")).reactions(DOSSIER_EVENT.format(what), data)
    assert [one.effect for one in reactions] == ([Effect.STOP] if stops else [])


@pytest.mark.parametrize(("territory", "copied"), [("arrondissement", True), ("commune", False)])
def test_113_14_art_237_an_arrondissements_permit_is_copied_to_its_commune(
    territory: str, copied: bool
) -> None:
    event = DOSSIER_EVENT.format("permit_delivered")
    delivered = {"delivered_at": "2026-11-23T10:00:00Z"}
    found = rulebook().openings(event, delivered, "construction_small", territory)
    assert ("commune.copy" in {one.rule.code for one in found}) is copied


@pytest.mark.parametrize("procedure", ["occupancy", "conformity"])
def test_12_90_art_55_the_owner_may_turn_to_the_governor_after_a_month(procedure: str) -> None:
    readings = rulebook().decision(procedure, D("2026-11-23")).readings
    assert ("prevailing_text", "special_law", 30) in {
        (one.question, one.answer, one.count.days) for one in readings
    }


def test_a_rule_that_is_off_times_its_procedures_once_they_are_named() -> None:
    rule = rulebook().rule("completion.unanswered", D("2026-11-23"))
    book = Rulebook([replace(rule, procedures=frozenset({"repair"}))])
    event = DOSSIER_EVENT.format("information_requested")
    (opening,) = book.openings(event, ASKED | {"suspends": True}, "repair")
    assert opening.discriminator == "r1"
