"""A notice remembers the event that led to it, so that its delivery is part of the same trace."""

from alembic import op

revision = "kernel_0002"
down_revision = "kernel_0001"


def upgrade() -> None:
    op.execute("ALTER TABLE msg.notice ADD COLUMN origin jsonb NOT NULL DEFAULT '{}'")
