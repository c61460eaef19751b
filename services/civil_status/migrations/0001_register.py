"""The register: acts, their margins, identifiers and numbers."""

from pathlib import Path

from shared.migrate import run_script

revision = "civil_status_0001"
down_revision = None


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
