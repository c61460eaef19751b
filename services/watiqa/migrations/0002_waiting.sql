-- The acts of which a request waits to hear more: several fit, or the one that does is disputed.
ALTER TABLE watiqa.request ADD among uuid[] NOT NULL DEFAULT '{}';
CREATE INDEX request_among ON watiqa.request USING gin (among) WHERE state = 'ambiguous';
CREATE INDEX request_owed ON watiqa.request (submitted_at, id)
  WHERE body @? '$.payments.*.state ? (@ == "owed_back")';

-- Searches of one person, at the portal or behind a counter, that found nothing, by day: guessing is seen, and stopped.
CREATE TABLE watiqa.missed (
  reader text NOT NULL, day date NOT NULL, misses int NOT NULL, PRIMARY KEY (reader, day)
);
ALTER TABLE watiqa.missed ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON watiqa.missed TO @api
  USING (reader = current_setting('app.subject', true)) WITH CHECK (reader = current_setting('app.subject', true));
CREATE POLICY worker ON watiqa.missed TO @worker USING (true) WITH CHECK (true);
GRANT SELECT ON watiqa.missed TO @api;
GRANT SELECT, INSERT, UPDATE ON watiqa.missed TO @worker;
