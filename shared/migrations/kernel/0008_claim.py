"""An idempotency key is claimed by a lock, and its row written once, with the answer."""

from pathlib import Path

from shared.migrate import run_script

revision = "kernel_0008"
down_revision = "kernel_0007"


def upgrade() -> None:
    run_script((Path(__file__).parent.parent / "claim.sql").read_text(encoding="utf-8"))
