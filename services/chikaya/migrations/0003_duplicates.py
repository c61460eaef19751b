"""Reports that a person merged into another one are found by it."""

from alembic import op

revision = "chikaya_0003"
down_revision = "chikaya_0002"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX report_merged ON chikaya.report ((body ->> 'merged_into')) WHERE state = 'merged'"
    )
