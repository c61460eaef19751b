-- Applications that file reports over Open311. Of a key only the digest is kept.
CREATE TABLE chikaya.client (
  id uuid PRIMARY KEY, name text NOT NULL, contact text NOT NULL, key_hash bytea NOT NULL UNIQUE,
  admitted_at timestamptz NOT NULL, revoked_at timestamptz
);
GRANT SELECT, INSERT, UPDATE (revoked_at) ON chikaya.client TO @api;

ALTER TABLE chikaya.report ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
UPDATE chikaya.report AS r SET updated_at = e.last FROM (
  SELECT aggregateid, max(occurred_at) AS last FROM msg.event_log WHERE aggregatetype = 'report' GROUP BY aggregateid
) AS e WHERE e.aggregateid = r.id::text;
CREATE INDEX report_updated ON chikaya.report (updated_at) WHERE public;

-- What happened, and when, to reports that everybody sees: no more than how each stood from then on. Only steps that its
-- own words tell people are here; `updated_at` is no older than the newest of them.
CREATE VIEW chikaya.public_step WITH (security_barrier) AS
  SELECT p.id, r.updated_at, e.seq, split_part(e.type, '.', 5) AS step, e.occurred_at
  FROM chikaya.public_report p JOIN chikaya.report r ON r.id = p.id
  JOIN msg.event_log e ON e.aggregatetype = 'report' AND e.aggregateid = p.id::text
  WHERE split_part(e.type, '.', 5) IN ('acknowledged', 'declared_defective', 'completed', 'assigned', 'started', 'rerouted',
    'redirected', 'answered', 'reopened', 'rated', 'closed');
CREATE VIEW chikaya.public_dates WITH (security_barrier) AS
  SELECT p.id, r.due_at, (SELECT max(s.occurred_at) FROM chikaya.public_step s WHERE s.id = p.id) AS stepped_at
  FROM chikaya.public_report p JOIN chikaya.report r ON r.id = p.id;
GRANT SELECT ON chikaya.public_step, chikaya.public_dates TO @api;
