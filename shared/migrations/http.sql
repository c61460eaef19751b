-- Idempotency keys: the answer to a request, stored in the transaction of its effect.
-- The row is inserted first and without an answer, so that a second request with the same key waits for
-- the first on the primary key. A rolled back request leaves nothing. @api and @worker: see messaging.sql.
CREATE TABLE msg.idempotency (
  principal text NOT NULL, key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  route text NOT NULL, request_hash bytea NOT NULL,
  status int, body bytea, headers jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (principal, key)
) WITH (fillfactor = 70);
CREATE INDEX idempotency_age ON msg.idempotency (created_at);

-- A caller meets only the answers that he was given: the second wall behind the primary key's `principal`.
ALTER TABLE msg.idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY caller ON msg.idempotency TO @api USING (principal = current_setting('app.subject', true));
GRANT SELECT, INSERT ON msg.idempotency TO @api;
GRANT UPDATE (status, body, headers) ON msg.idempotency TO @api;

-- Keys live in real time, like leases. Returns how many were forgotten.
CREATE FUNCTION msg.purge_idempotency(older_than interval DEFAULT '7 days') RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = msg, pg_temp AS $$
  WITH gone AS (DELETE FROM msg.idempotency WHERE created_at < clock_timestamp() - older_than RETURNING 1)
  SELECT count(*) FROM gone
$$;
REVOKE EXECUTE ON FUNCTION msg.purge_idempotency(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION msg.purge_idempotency(interval) TO @worker;
