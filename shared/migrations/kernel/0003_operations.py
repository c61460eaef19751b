"""The operators' log, and a register in which no skip is born confirmed. That two names are two persons is
the word of whoever holds the worker's login (docs/decisions/0013).
"""

from pathlib import Path

from shared.migrate import run_script

revision = "kernel_0003"
down_revision = "kernel_0002"


def upgrade() -> None:
    run_script((Path(__file__).parent.parent / "operations.sql").read_text(encoding="utf-8"))
