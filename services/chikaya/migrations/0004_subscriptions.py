"""Who follows somebody else's public report, or an area."""

from pathlib import Path

from shared.migrate import run_script

revision = "chikaya_0004"
down_revision = "chikaya_0003"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
