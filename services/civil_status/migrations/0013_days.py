"""An act is asked for by the day as a court has put it right."""

from shared.migrate import run_script

revision = "civil_status_0013"
down_revision = "civil_status_0012"


def upgrade() -> None:
    run_script("CREATE INDEX renamed_day ON civil_status.renamed (event_on);")
