"""A command on one aggregate in two round trips: it is read, then changed unless it moved meanwhile."""

from pathlib import Path

from shared.migrate import run_script

revision = "kernel_0009"
down_revision = "kernel_0008"


def upgrade() -> None:
    run_script((Path(__file__).parent.parent / "arrive.sql").read_text(encoding="utf-8"))
