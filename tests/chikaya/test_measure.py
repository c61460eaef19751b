"""What whoever runs the platform sees of what is reported."""

from datetime import UTC, datetime, timedelta

from prometheus_client import REGISTRY

from services.chikaya.measure import look
from tests.chikaya.conftest import Says
from tests.chikaya.filed import CASABLANCA, answered, filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api


def seen(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"jamaa_reports_{metric}", labels)


async def test_what_waits_is_counted_by_state_and_what_is_overdue_by_place(
    api: Api, clock_says: Says, chikaya: ServiceDatabase
) -> None:
    await look(chikaya.worker)
    assert (seen("waiting", state="acknowledged"), seen("oldest_untaken_seconds")) == (0, 0)

    late, _ = await filed(api), await filed(api)
    due = datetime.now(UTC) + timedelta(days=60)
    await clock_says(late, "started", due)
    await clock_says(late, "elapsed", due, effective_at=due)
    await look(chikaya.worker)
    assert (seen("waiting", state="acknowledged"), seen("waiting", state="assigned")) == (2, 0)
    assert seen("overdue") == seen("most_overdue", collectivity=CASABLANCA) == 1
    assert (seen("oldest_untaken_seconds") or 0) > 0

    await answered(api, late)
    await look(chikaya.worker)
    assert seen("waiting", state="acknowledged") == 1
    assert (seen("overdue"), seen("most_overdue", collectivity=CASABLANCA)) == (0, None)
