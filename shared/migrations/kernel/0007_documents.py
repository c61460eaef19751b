"""Documents: what is ordered, sealed, superseded and revoked."""

from pathlib import Path

from shared.migrate import run_script

revision = "kernel_0007"
down_revision = "kernel_0006"


def upgrade() -> None:
    run_script((Path(__file__).parent.parent / "documents.sql").read_text(encoding="utf-8"))
