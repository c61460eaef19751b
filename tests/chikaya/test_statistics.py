"""Statistics and heat maps: as a slow count of the reports says, for the office and for everybody."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chikaya.domain.statistics import Figures, Measure, ranked
from tests.chikaya.conftest import Says
from tests.chikaya.filed import CASABLANCA, DESK, ELSEWHERE, REASONS, answered, counted, filed, problem, step
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.services import At

BEGIN = datetime(2026, 3, 10, 9, tzinfo=UTC)
YEAR = "since=2026-01&until=2026-12"


async def asked(api: Api, path: str, persona: str | None = "instructor", **how: Any) -> dict[str, Any]:
    answer = await api.get(f"/v1/{path}", persona, **how)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def replied(api: Api, at: At, report: str, days: int, *, satisfied: bool | None = None) -> None:
    await at(BEGIN + timedelta(days=days))
    await answered(api, report)
    if satisfied is not None:
        await step(api, report, "rating", "citizen", {"satisfied": satisfied})


async def test_volumes_delays_satisfaction_and_causes(
    api: Api, at: At, chikaya: ServiceDatabase, clock_says: Says
) -> None:
    await at(BEGIN)
    potholes = [await filed(api) for _ in range(4)]
    light = await filed(api, category="street_light", kind="observation")
    staff = await filed(api, category="reception")
    for report, days, satisfied in zip(potholes[:3], (2, 10, 70), (True, False, None), strict=True):
        await replied(api, at, report, days, satisfied=satisfied)
    await step(api, potholes[1], "reopening", "citizen", {"reasons": "لم يصلح شيء"})
    for change in ("started", "elapsed"):
        await clock_says(light, change, BEGIN + timedelta(days=60))
    body = {"ground": "abusive", "reasons": REASONS}
    await step(api, staff, "inadmissibility", "instructor", body)
    await counted(chikaya)
    said = await asked(api, f"statistics?{YEAR}")
    total = said["total"]
    assert total["by_kind"] == {"complaint": 5, "observation": 1, "suggestion": 0}
    assert {name: total[name] for name in ("received", "answered", "overdue", "escalated", "reopened")} == {
        "received": 6,
        "answered": 3,
        "overdue": 1,
        "escalated": 1,
        "reopened": 1,
    }
    assert (total["median_days"], total["p90_days"], total["within_sixty_days"]) == (10, 70, 0.5)
    assert (total["satisfaction"], total["rated"], total["inadmissible"]) == (0.5, 2, 1)
    assert (total["reopening"], total["by_outcome"]["planned"]) == (0.3333, 3)
    assert [(one["category"], one["figures"]["received"]) for one in said["causes"]] == [
        ("pothole", 4),
        ("reception", 1),
        ("street_light", 1),
    ]
    [month] = said["months"]
    assert (month["month"], month["figures"]) == ("2026-03", total)
    public = await asked(api, f"public-statistics?{YEAR}", None)
    assert "reception" not in str(public)
    assert (public["total"]["received"], public["total"]["satisfaction"], public["total"]["rated"]) == (
        5,
        None,
        0,
    ), "two ratings tell what somebody thought"
    assert (await asked(api, "statistics?since=2026-04&until=2026-12"))["total"]["received"] == 0


async def test_what_was_routed_elsewhere_counts_there_and_what_was_escalated_once_stays(
    api: Api, at: At, chikaya: ServiceDatabase, clock_says: Says
) -> None:
    await at(BEGIN)
    report = await filed(api)
    for change in ("started", "elapsed"):
        await clock_says(report, change, BEGIN + timedelta(days=60))
    await counted(chikaya)
    body = {"category": "street_light", "collectivity": ELSEWHERE, "reasons": REASONS}
    await step(api, report, "routing", "agent", body)
    await counted(chikaya)
    assert (await asked(api, f"statistics?{YEAR}"))["total"]["received"] == 0
    there = await asked(api, f"statistics?{YEAR}", commune=ELSEWHERE)
    assert (there["total"]["received"], there["total"]["escalated"]) == (1, 1)
    assert [one["category"] for one in there["causes"]] == ["street_light"]
    desk = await api.post(f"/v1/administrations/{ELSEWHERE}", "president", commune=ELSEWHERE, json=DESK)
    assert desk.is_success, desk.text
    for what, sent in (
        ("assignment", {"assignee": "instructor"}),
        ("start", {}),
        ("answer", {"outcome": "explained", "text": REASONS}),
    ):
        done = await api.post(f"/v1/reports/{report}/{what}", "instructor", commune=ELSEWHERE, json=sent)
        assert done.is_success, done.text
    await step(api, report, "reopening", "citizen", {"reasons": "لم يصلح شيء"})
    await counted(chikaya)
    after = (await asked(api, f"statistics?{YEAR}", commune=ELSEWHERE))["total"]
    assert (after["escalated"], after["overdue"], after["reopened"]) == (1, 0, 1)


async def test_the_heat_map_by_commune_and_category(api: Api, at: At, chikaya: ServiceDatabase) -> None:
    await at(BEGIN)
    for category in ("pothole", "pothole", "street_light", "reception"):
        await filed(api, category=category)
    await filed(api, place={"collectivity": ELSEWHERE, "address": "Route de Bouskoura"})
    await counted(chikaya)

    def cells(said: Mapping[str, Any]) -> set[tuple[str, str, int]]:
        return {
            (said["communes"][place]["code"], said["categories"][category], n)
            for place, category, n in said["cells"]
        }

    here = {(CASABLANCA, "pothole", 2), (CASABLANCA, "street_light", 1)}
    office = await asked(api, f"heat-map?{YEAR}")
    assert cells(office) == here | {(CASABLANCA, "reception", 1)}
    assert office["communes"][0]["name"]["fr"] == "Casablanca"
    assert abs(office["communes"][0]["latitude"] - 33.6) < 0.2
    everybody = await asked(api, f"public-heat-map?{YEAR}", None)
    assert cells(everybody) == here | {(ELSEWHERE, "pothole", 1)}
    assert cells(await asked(api, f"public-heat-map?{YEAR}&collectivity=06.141", None)) == here


async def test_staff_see_their_territory(api: Api, at: At, chikaya: ServiceDatabase) -> None:
    await at(BEGIN)
    await filed(api)
    await counted(chikaya)
    assert (await asked(api, f"statistics?{YEAR}", "governor"))["total"]["received"] == 1
    assert (await asked(api, f"statistics?{YEAR}", commune=ELSEWHERE))["total"]["received"] == 0
    other = await api.get(f"/v1/statistics?{YEAR}&collectivity={ELSEWHERE}", "instructor")
    assert problem(other) == (403, "not_allowed")
    assert (await api.get("/v1/statistics", "citizen")).status_code == 403
    assert (await api.get("/v1/heat-map")).status_code == 401


@pytest.mark.parametrize("query", ["since=2026-05&until=2026-04", "since=2000-01&until=2026-04"])
async def test_periods_that_are_none(api: Api, query: str) -> None:
    assert problem(await api.get(f"/v1/public-statistics?{query}")) == (422, "period_unsuitable")


@given(st.lists(st.integers(0, 200), max_size=60), st.sampled_from([0.5, 0.9]))
def test_the_percentile_is_that_of_the_sorted_list(delays: list[int], share: float) -> None:
    numbers = {days: delays.count(days) for days in delays}
    found = ranked(numbers, share)
    if not delays:
        assert found is None
        return
    ordered = sorted(delays)
    least = next(one for at, one in enumerate(ordered, start=1) if at >= share * len(ordered))
    assert found == least


@given(st.dictionaries(st.integers(0, 120), st.integers(1, 9), max_size=20))
def test_a_share_is_of_what_was_answered_or_is_overdue(delays: dict[int, int]) -> None:
    counts = [(Measure.ANSWERED, days, number) for days, number in delays.items()]
    figures = Figures.of([*counts, (Measure.OVERDUE, 0, 3)])
    soon = sum(number for days, number in delays.items() if days <= 60)
    assert figures.within_sixty_days == round(soon / (sum(delays.values()) + 3), 4)
