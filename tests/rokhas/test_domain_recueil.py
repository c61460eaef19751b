"""The procedures as data: what the repository's files say, and how a slip of the pen is refused."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from services.rokhas.domain import SilenceEffect, load
from services.rokhas.domain.procedures import FOLDER
from services.rokhas.domain.recueil import Category, Counting
from shared.data import BadData
from shared.errors import NotFound
from tests.rokhas.cases import PROCEDURES

TODAY = date(2026, 11, 22)
FIGURES = {
    "construction_small": (15, Counting.FRANCS, SilenceEffect.APPROVAL),
    "construction_large": (30, Counting.FRANCS, SilenceEffect.APPROVAL),
    "subdivision": (30, Counting.FRANCS, SilenceEffect.APPROVAL),
    "housing_group": (30, Counting.FRANCS, SilenceEffect.APPROVAL),
    "parcelling": (30, Counting.FRANCS, SilenceEffect.APPROVAL),
    "occupancy": (60, Counting.FRANCS, SilenceEffect.APPROVAL),
    "conformity": (60, Counting.FRANCS, SilenceEffect.APPROVAL),
    "repair": (10, Counting.WORKING_DAYS, SilenceEffect.APPROVAL),
    "demolition": (30, Counting.FRANCS, SilenceEffect.APPROVAL),
    "regularisation": (60, Counting.FRANCS, SilenceEffect.NONE),
    "classed_2": (60, Counting.FRANCS, SilenceEffect.APPROVAL),
    "classed_3": (60, Counting.FRANCS, SilenceEffect.APPROVAL),
    "business_opening": (60, Counting.FRANCS, SilenceEffect.APPEAL_OPENS),
    "public_domain": (60, Counting.FRANCS, SilenceEffect.APPEAL_OPENS),
    "trench": (60, Counting.FRANCS, SilenceEffect.APPEAL_OPENS),
}


@pytest.mark.parametrize("code", FIGURES)
def test_the_period_and_the_silence_of(code: str) -> None:
    procedure = PROCEDURES.at(code, TODAY)
    assert (procedure.deadline.days, procedure.deadline.counting, procedure.silence.effect) == FIGURES[code]
    assert procedure.rule == code
    assert procedure.required
    assert str(procedure.deadline.days) in procedure.deadline.text["fr"]
    texts = [procedure.title, procedure.silence.text, procedure.appeals, procedure.deadline.text]
    texts += [document.label for document in procedure.documents]
    texts += [fee.label for fee in procedure.fees] + [opinion.label for opinion in procedure.opinions]
    assert all(set(text) == {"ar", "fr", "en"} and all(text.values()) for text in texts)


def test_the_fifteen_procedures() -> None:
    assert set(PROCEDURES.versions) == set(FIGURES)
    assert len(PROCEDURES.in_force(TODAY)) == 15


def test_the_binding_opinion_is_the_urban_agencys_alone() -> None:
    for procedure in PROCEDURES.in_force(TODAY):
        assert {o.actor for o in procedure.opinions if o.binding} <= {"urban_agency"}
        if procedure.category is Category.ECONOMIC:
            assert all(not o.binding for o in procedure.opinions)


@pytest.mark.parametrize(("day", "days"), [(date(2023, 7, 12), 60), (date(2023, 7, 13), 15)])
def test_arrete_1839_23_applies_from_its_day(day: date, days: int) -> None:
    assert PROCEDURES.at("construction_small", day).deadline.days == days


def test_a_later_version_states_only_what_changes() -> None:
    old, new = PROCEDURES.versions["construction_small"]
    assert (old.documents, old.title, old.validity) == (new.documents, new.title, new.validity)
    assert (old.version, new.version) == (1, 2)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("valid_from: 2023-07-13", "valid_from: 2020-09-28", ":35: a version is valid from a later day"),
        ("  version: 2", "  version: 3", ":34: version 3 should be 2"),
        ("- <<: *first\n", "- \n", ":34: the field 'code' is missing"),
    ],
)
def test_a_slip_in_a_later_version(right: str, wrong: str, message: str, tmp_path: Path) -> None:
    for name in ("catalogue.yaml", "construction_small.yaml"):
        shutil.copy(FOLDER / name, tmp_path)
    file = tmp_path / "construction_small.yaml"
    sound = file.read_text(encoding="utf-8")
    assert right in sound
    file.write_text(sound.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(BadData) as refusal:
        load(tmp_path)
    assert message in str(refusal.value)


def test_what_is_not_there() -> None:
    with pytest.raises(NotFound, match="procedure_unknown"):
        PROCEDURES.at("castle", TODAY)
    with pytest.raises(NotFound, match="procedure_not_in_force"):
        PROCEDURES.at("repair", date(1999, 1, 1))
    with pytest.raises(NotFound, match="procedure_version_unknown"):
        PROCEDURES.version("repair", 9)


SLIPS = {
    "unknown field 'versoin'; is it 'version'?": (2 + 2, "  version: 1", "  versoin: 1"),
    "'version' must be a whole number": (4, "  version: 1", "  version: one"),
    "version 3 should be 1": (4, "  version: 1", "  version: 3"),
    "'prioor' is no 'session'": (9, "  session: none", "  session: prioor"),
    "'valid_from' must be a day": (5, "  valid_from: 2020-09-28", "  valid_from: yesterday"),
    "day is out of range": (5, "  valid_from: 2020-09-28", "  valid_from: 2020-09-31"),
    "the field 'rule' is missing": (3, "  rule: repair\n", ""),
    "its code is 'repairs'": (3, "- code: repair\n", "- code: repairs\n"),
    "'works_descriptoin' is not in catalogue.yaml": (13, "works_description", "works_descriptoin"),
    "'application_form' is listed twice": (
        10,
        "code: works_description",
        "code: application_form",
    ),
    "'title' must be written in ar, fr, en": (7, ', en: "Repair permit"}', "}"),
    "not YAML": (13, "code: works_description", "code: [works"),
    "the field 'version' is written twice": (5, "  version: 1", "  version: 1\n  version: 1"),
    "'channels' must be a list": (10, "  session: none\n", "  session: none\n  channels: portal\n"),
    "'kept_by_works' must be true or false": (21, "days: 180,", "days: 180, kept_by_works: perhaps,"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("procedures")
    for name in ("catalogue.yaml", "repair.yaml"):
        shutil.copy(FOLDER / name, folder)
    return folder


@pytest.mark.parametrize("message", SLIPS)
def test_a_slip_is_refused_with_its_file_and_line(message: str, folder: Path) -> None:
    line, right, wrong = SLIPS[message]
    sound = (FOLDER / "repair.yaml").read_text(encoding="utf-8")
    assert right in sound
    (folder / "repair.yaml").write_text(sound.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(BadData) as refusal:
        load(folder)
    assert f"repair.yaml:{line}: " in str(refusal.value)
    assert message in str(refusal.value)


def test_an_empty_file_is_refused(folder: Path) -> None:
    (folder / "repair.yaml").write_text("", encoding="utf-8")
    with pytest.raises(BadData, match=r"repair\.yaml:1: the file is empty"):
        load(folder)
    (folder / "repair.yaml").write_text("code: repair\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"repair\.yaml:1: 'repair\.yaml' must be a list"):
        load(folder)
