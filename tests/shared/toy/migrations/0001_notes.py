"""The toy's own table: one row per note, behind row-level security by commune."""

from shared.migrate import run_script

revision = "toy_0001"
down_revision = None


def upgrade() -> None:
    run_script(
        """
        CREATE SCHEMA IF NOT EXISTS toy;  -- under xdist the database is named after the worker
        CREATE TABLE toy.note (
          id uuid PRIMARY KEY, commune text NOT NULL, owner text NOT NULL, body text NOT NULL,
          version int NOT NULL, signature text
        );
        CREATE TABLE toy.signature (name text PRIMARY KEY);
        ALTER TABLE toy.note ADD FOREIGN KEY (signature) REFERENCES toy.signature
          DEFERRABLE INITIALLY DEFERRED;
        ALTER TABLE toy.note ENABLE ROW LEVEL SECURITY;
        CREATE POLICY seen ON toy.note TO @api USING (
          owner = current_setting('app.subject', true)
          OR commune = ANY (string_to_array(current_setting('app.communes', true), ',')));
        GRANT USAGE ON SCHEMA toy TO @api;
        GRANT SELECT, INSERT, UPDATE ON toy.note TO @api;
        """
    )
