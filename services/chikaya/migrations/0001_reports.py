"""Reports, internal notes, follow-up codes, administrations."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0001"
down_revision = None


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
