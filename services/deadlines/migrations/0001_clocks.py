"""Clocks, calendar and the figures; the calendar starts with the days known to this release."""

from datetime import UTC, datetime
from pathlib import Path

from alembic import op

from services.deadlines.store.calendar import SEED, seed_rows
from shared.migrate import run_script

revision = "deadlines_0001"
down_revision = None


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    op.get_bind().execute(SEED, seed_rows(datetime.now(UTC)))
