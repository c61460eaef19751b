"""What the kernel's tests look at: the trace that a handler leaves, and a projection."""

from shared.migrate import run_script

revision = "toy_0001"
down_revision = None


def upgrade() -> None:
    run_script("""
        CREATE TABLE toy.trace (n bigserial PRIMARY KEY, consumer text NOT NULL, subject text NOT NULL,
          seq bigint NOT NULL);
        CREATE TABLE toy.total (subject text PRIMARY KEY, amount bigint NOT NULL);
        GRANT USAGE ON SCHEMA toy TO @api, @worker;
        GRANT SELECT, INSERT ON toy.trace TO @worker;
        GRANT USAGE ON SEQUENCE toy.trace_n_seq TO @worker;
        GRANT SELECT, INSERT, UPDATE ON toy.total TO @worker;
    """)
