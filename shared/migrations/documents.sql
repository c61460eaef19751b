-- Documents that people are given: ordered in the transaction that gives rise to them, sealed afterwards.
-- What they say is kept until then only; the sealed file has it.
CREATE TABLE msg.document (
  id uuid PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY,
  about text NOT NULL, collectivity text NOT NULL, kind text NOT NULL,
  content text, ordered_at timestamptz NOT NULL, expires_at timestamptz,
  state text NOT NULL DEFAULT 'ordered' CHECK (state IN ('ordered', 'issued', 'superseded', 'revoked')),
  state_at timestamptz NOT NULL, reason text NOT NULL DEFAULT '',
  sha256 text, size bigint, name text, origin jsonb NOT NULL DEFAULT '{}',  -- the trace and correlation of the order
  attempts int NOT NULL DEFAULT 0, next_try timestamptz NOT NULL DEFAULT clock_timestamp(), last_error text,
  CHECK ((sha256 IS NULL) = (size IS NULL)), CHECK (state <> 'issued' OR sha256 IS NOT NULL)
);
CREATE INDEX document_ordered ON msg.document (next_try) WHERE state = 'ordered';
CREATE INDEX document_about ON msg.document (about, kind);
CREATE INDEX document_withdrawn ON msg.document (state_at) WHERE state IN ('superseded', 'revoked') AND sha256 IS NOT NULL;

-- No row-level security: the API's role sees references and never what a document says; a route shows those
-- of an aggregate that it was allowed to load. Which seals no longer stand is public.
GRANT SELECT (id, number, about, kind, ordered_at, expires_at, state, state_at, reason, sha256, size, name)
  ON msg.document TO @api;
GRANT SELECT, INSERT ON msg.document TO @worker;
GRANT UPDATE (content, state, state_at, reason, sha256, size, attempts, next_try, last_error)
  ON msg.document TO @worker;
