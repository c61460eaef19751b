"""A skip is confirmed as what it was proposed as: passing over an event, or discarding a record that its
producer never announced.
"""

from pathlib import Path

from shared.migrate import run_script

revision = "kernel_0006"
down_revision = "kernel_0004"


def upgrade() -> None:
    run_script((Path(__file__).parent.parent / "never_announced.sql").read_text(encoding="utf-8"))
