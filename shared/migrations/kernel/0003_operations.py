"""The operators' log, and a register of skips in which no role can invent the second person."""

from pathlib import Path

from shared.migrate import run_script

revision = "kernel_0003"
down_revision = "kernel_0002"


def upgrade() -> None:
    run_script((Path(__file__).parent.parent / "operations.sql").read_text(encoding="utf-8"))
