"""How much one person files in a minute."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0013"
down_revision = "chikaya_0012"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
