"""What waits for a dispute, searches that found nothing, money that is owed back."""

from pathlib import Path

from shared.migrate import run_script

revision = "watiqa_0002"
down_revision = "watiqa_0001"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
