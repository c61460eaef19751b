"""What the witness writes in the transaction that moves its head."""

from shared.migrate import run_script

revision = "witness_0001"
down_revision = None


def upgrade() -> None:
    run_script("""
        GRANT USAGE ON SCHEMA witness TO @api, @worker;
        CREATE TABLE witness.trace (n bigserial PRIMARY KEY, source text NOT NULL, aggregate text NOT NULL,
          subject text NOT NULL, seq bigint NOT NULL, event uuid NOT NULL,
          at timestamptz NOT NULL DEFAULT clock_timestamp());
        CREATE TABLE witness.total (source text, aggregate text, subject text, events bigint NOT NULL,
          PRIMARY KEY (source, aggregate, subject)) WITH (fillfactor = 70);
        CREATE TABLE witness.poison (subject text PRIMARY KEY);
        GRANT SELECT, INSERT ON witness.trace TO @worker;
        GRANT USAGE ON SEQUENCE witness.trace_n_seq TO @worker;
        GRANT SELECT, INSERT, UPDATE ON witness.total TO @worker;
        GRANT SELECT ON witness.poison TO @worker;
    """)
