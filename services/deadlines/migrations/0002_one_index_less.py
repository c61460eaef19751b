"""The clocks of a file are found by the constraint's index, which begins with the same columns: every clock
that is opened or moved wrote into both.
"""

from shared.migrate import run_script

revision = "deadlines_0002"
down_revision = "deadlines_0001"


def upgrade() -> None:
    run_script("DROP INDEX deadlines.clock_file;")
