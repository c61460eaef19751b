"""Open311: which applications may file, and when something last happened to a report that everybody sees."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0006"
down_revision = "chikaya_0007"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
