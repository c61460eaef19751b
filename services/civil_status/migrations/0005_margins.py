"""Whether the margin of an act that was taken over is known; acts of death, for who is alive."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0005"
down_revision = "civil_status_0004"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
