"""Follow-up codes leave the answers that are kept for an Idempotency-Key."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0015"
down_revision = "chikaya_0014"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
