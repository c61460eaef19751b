"""Who brought which content is remembered by the kernel."""

from pathlib import Path

import shared
from shared.migrate import run_script

revision = "rokhas_0005"
down_revision = "rokhas_0004"


def upgrade() -> None:
    script = Path(shared.__file__).parent / "migrations" / "uploads_taken_over.sql"
    run_script(script.read_text(encoding="utf-8"))
