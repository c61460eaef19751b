"""What `make faults` asks of the clocks' table does not take its service's word for when to look."""

import asyncpg
import pytest

from tests.deadlines.conftest import Tell
from tests.faults.evidence import CLOCKS
from tests.support.databases import ServiceDatabase

PAST, AHEAD = "msg.legal_now() - interval '1 hour'", "msg.legal_now() + interval '1 hour'"


@pytest.mark.parametrize(
    ("settled_at", "next_at", "next_try", "due"),
    [
        (PAST, PAST, "'-infinity'", True),
        (PAST, "NULL", "'-infinity'", True),  # nobody would ever look at it again
        (PAST, AHEAD, "'-infinity'", True),
        (PAST, PAST, "'infinity'", True),  # it failed, and is tried again some day
        ("NULL", PAST, "'-infinity'", True),  # a warning
        (AHEAD, AHEAD, "'-infinity'", False),
        ("NULL", "NULL", "'-infinity'", False),
    ],
)
async def test_a_clock_is_due_when_the_law_says_so(
    deadlines: ServiceDatabase, tell: Tell, settled_at: str, next_at: str, next_try: str, due: bool
) -> None:
    file = await tell("submitted", complete=True, submitted_at="2026-11-22T09:00:00Z")
    admin = await asyncpg.connect(deadlines.admin_dsn)
    try:
        await admin.execute(
            f"UPDATE deadlines.clock SET settled_at = {settled_at}, next_at = {next_at},"
            f" next_try = {next_try} WHERE aggregate_id = $1 AND role = 'decision'",
            str(file),
        )
        seen = [row["due"] for row in await admin.fetch(CLOCKS) if row["state"] == "running"]
    finally:
        await admin.close()
    assert (True in seen) == due
