"""What whoever runs the platform sees of the law's urgency."""

from datetime import datetime

import pytest
from prometheus_client import REGISTRY

from services.deadlines.announce import announce_one, each
from services.deadlines.measure import backlog, urgency
from services.deadlines.store import clocks
from tests.deadlines.conftest import At, Tell
from tests.support.databases import ServiceDatabase

FILED = datetime.fromisoformat("2026-11-23T10:00:00Z")
DUE = datetime.fromisoformat("2026-12-10T00:00:00Z")


def seen(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(metric, labels)


@pytest.mark.parametrize(
    ("now", "soon"), [("2026-12-07T23:59:00Z", 0), ("2026-12-08T00:01:00Z", 1), ("2026-12-10T00:00:10Z", 0)]
)
async def test_what_ends_within_two_days_is_urgent(
    deadlines: ServiceDatabase, at: At, tell: Tell, now: str, soon: int
) -> None:
    await at(FILED)
    await tell("submitted", submitted_at=FILED, complete=True)
    await at(datetime.fromisoformat(now))
    await urgency(deadlines.worker)
    assert seen("jamaa_clocks_due_soon") == soon
    assert (seen("jamaa_clocks_unannounced") or 0) > 0, "nobody announced the warning at half time"
    assert (seen("jamaa_clocks_oldest_unannounced_seconds") or 0) > 86_400


async def test_an_expiry_that_nobody_answered_is_the_backlog_of_its_province(
    deadlines: ServiceDatabase, at: At, tell: Tell
) -> None:
    await at(FILED)
    await tell("submitted", submitted_at=FILED, complete=True)
    await backlog(deadlines.worker)
    assert seen("jamaa_clocks_running", province="06.141") == 1
    assert seen("jamaa_clocks_overdue", province="06.141") == 0
    assert seen("jamaa_clocks_most_overdue", commune="06.141.01.0") is None
    await at(DUE)
    for _ in range(5):  # its warnings come first
        async with deadlines.worker.transaction() as tx:
            found = await clocks.due(tx, 100)
        await each(deadlines.worker, found, announce_one)
    await backlog(deadlines.worker)
    assert seen("jamaa_clocks_overdue", province="06.141") == 1
    assert seen("jamaa_clocks_most_overdue", commune="06.141.01.0") == 1
    await urgency(deadlines.worker)
    assert seen("jamaa_clocks_unannounced") == 0
