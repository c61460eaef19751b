"""Keys are made in the order of their age: an index that costs a request nothing finds the old ones."""

from shared.migrate import run_script

revision = "kernel_0010"
down_revision = "kernel_0009"


def upgrade() -> None:
    run_script("""
        DROP INDEX msg.idempotency_age;
        CREATE INDEX idempotency_age ON msg.idempotency USING brin (created_at) WITH (autosummarize = on)""")
