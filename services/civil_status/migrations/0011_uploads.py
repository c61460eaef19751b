"""Who brought which content is remembered by the kernel."""

from pathlib import Path

import shared
from shared.migrate import run_script

revision = "civil_status_0011"
down_revision = "civil_status_0010"


def upgrade() -> None:
    script = Path(shared.__file__).parent / "migrations" / "uploads_taken_over.sql"
    run_script(script.read_text(encoding="utf-8"))
