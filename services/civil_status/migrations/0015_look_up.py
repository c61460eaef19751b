"""A search by number or identifier that finds one act is one statement; names are looked up in one."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0015"
down_revision = "civil_status_0014"


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
