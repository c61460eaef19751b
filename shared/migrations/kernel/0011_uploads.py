"""Who brought which content, once for all services."""

from pathlib import Path

from shared.migrate import run_script

revision = "kernel_0011"
down_revision = "kernel_0010"


def upgrade() -> None:
    run_script((Path(__file__).parent.parent / "uploads.sql").read_text(encoding="utf-8"))
