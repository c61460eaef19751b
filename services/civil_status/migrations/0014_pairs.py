"""The indexes of parents' names are for who asks by a pair of them."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0014"
down_revision = "civil_status_0013"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
