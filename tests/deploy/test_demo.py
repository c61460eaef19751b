"""The demonstration's plan adds up before it is played; what it meets when it fails is said."""

import io
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from deploy.demo import demo
from deploy.demo.cast import DELIVERED, ELIGIBLE, INVOKED, REGION, cast, stages
from deploy.demo.seasons import FALL, SEASONS, Row, Season, rows, slips, table
from deploy.demo.show import Show
from deploy.demo.stage import StepFailed, expect, pdf, until
from deploy.demo.window import page
from deploy.engines import EngineError, EngineSettings, free_port
from services.civil_status.domain.digitisation.rules import rules
from services.civil_status.domain.digitisation.scans import image_of
from services.rokhas.domain.recueil import SilenceEffect
from services.rokhas.store.dossiers import procedures
from shared.files import PDF, Files
from shared.territory import territory
from shared.time import civil_day, parse_instant

DAY = date(2026, 11, 23)


def test_the_cast_is_the_ministrys_129_and_31_among_200_files() -> None:
    parts = cast()
    assert (len(parts), sum(part.fate in ELIGIBLE for part in parts)) == (200, 129)
    assert 0 < DELIVERED < INVOKED == 31
    assert len({part.applicant for part in parts}) == 200


def test_silence_approves_exactly_the_files_that_the_story_counts() -> None:
    silent = [part for part in cast() if "silen" in part.fate]
    approving = {
        part.number
        for part in silent
        if procedures().at(part.procedure, DAY).silence.effect is SilenceEffect.APPROVAL
    }
    assert approving == {part.number for part in silent if part.fate in ELIGIBLE}


def test_the_stages_are_real_and_lie_in_every_province_of_the_region() -> None:
    provinces = {territory().province_of(place.code).code for place in stages()}
    assert provinces == {place.code for place in territory().children(REGION)}
    assert len(stages()) == len({place.code for place in stages()})


@pytest.mark.parametrize("season", SEASONS, ids=lambda season: str(season.year))
def test_a_season_lies_in_its_months_with_its_overdue_files(season: Season) -> None:
    content = list(rows(season, stages()[0]))
    days = [civil_day(parse_instant(row["submitted_at"])) for row in content]
    assert season.since <= min(days) <= max(days) <= season.until
    in_time = [row for row in content if row["notified_at"] and _took(row) <= season.in_time_days]
    assert (len(content), len(content) - len(in_time)) == (season.files, season.overdue)
    assert len({row["reference"] for row in content}) == season.files


def _took(row: Row) -> int:
    return (parse_instant(row["notified_at"]) - parse_instant(row["submitted_at"])).days


def test_overdue_files_fall_by_more_than_80_per_cent() -> None:
    before, after = SEASONS
    assert 100 * (after.overdue - before.overdue) / before.overdue < FALL


def test_the_table_has_a_line_for_each_file_and_each_slip_is_one() -> None:
    now = parse_instant("2026-11-23T09:00:00Z")
    content = [*rows(SEASONS[0], stages()[0]), *slips(stages()[0], now)]
    assert len(table(content).decode().splitlines()) == len(content) + 1
    assert Counter(row["reference"] for row in content).most_common(1)[0][1] == 1


async def test_the_document_of_the_story_is_one_that_the_platform_stores(tmp_path: Path) -> None:
    stored = await Files.at(tmp_path.as_uri()).put(pdf("Plan"), name="plan.pdf", content_type=PDF)
    assert stored.media_type == PDF


def test_the_page_of_the_story_is_one_that_is_keyed_from_and_no_two_are_one() -> None:
    pages = [page(number, name, date(1962, 1, number)) for number, name in ((1, "زينب"), (2, "هدى"))]
    assert {image_of(one, rules().scan).media_type for one in pages} == {"image/png"}
    assert pages[0] != pages[1]


async def test_what_never_comes_is_reported_with_what_was_seen() -> None:
    async def look() -> list[int]:
        return [1, 2]

    with pytest.raises(StepFailed, match=r"files by state, within 0 s: expected \[3\], saw \[1, 2\]"):
        await until("files by state", look, [3], within=0)


def test_a_failed_step_says_what_was_expected_and_what_was_seen() -> None:
    screen = io.StringIO()
    with pytest.raises(StepFailed) as failed:
        expect("eligible files", 128, 129)
    Show(Console(file=screen)).failed(failed.value.what, failed.value.expected, failed.value.seen)
    assert screen.getvalue().split() == ["✗", "eligible", "files", "expected", "129", "saw", "128"]


async def test_a_platform_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("no directory")
    with pytest.raises(EngineError) as refused:
        await demo(EngineSettings(home=tmp_path), free_port())
    assert len(str(refused.value).splitlines()) == 1
