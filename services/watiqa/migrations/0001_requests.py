"""Requests for documents, what the register told, closed offices, what people brought."""

from pathlib import Path

from shared.migrate import run_script

revision = "watiqa_0001"
down_revision = None


def upgrade() -> None:
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
