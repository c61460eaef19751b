-- What people are told: written in the transaction that decides it, sent afterwards. The key is the
-- event's identifier with the recipient, so that telling again tells nothing new.
CREATE TABLE msg.notice (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), number bigint GENERATED ALWAYS AS IDENTITY,
  event_id uuid NOT NULL, recipient text NOT NULL,
  about text NOT NULL, kind text NOT NULL, content jsonb NOT NULL, created_at timestamptz NOT NULL,
  sent_at timestamptz, attempts int NOT NULL DEFAULT 0, next_try timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_error text,
  UNIQUE (event_id, recipient)
);
CREATE INDEX notice_unsent ON msg.notice (next_try) WHERE sent_at IS NULL;
CREATE INDEX notice_space ON msg.notice (recipient, number);
ALTER TABLE msg.notice ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON msg.notice FOR SELECT TO @api USING (recipient = current_setting('app.subject', true));
-- An office, a governor or auditors are told by territory, and read by whoever works for it.
CREATE POLICY desk ON msg.notice FOR SELECT TO @api USING (recipient ~ '^(office|governor|audit):'
  AND split_part(recipient, ':', 2) = ANY (string_to_array(current_setting('app.communes', true), ',')
    || string_to_array(current_setting('app.provinces', true), ',')));
CREATE POLICY worker ON msg.notice TO @worker USING (true) WITH CHECK (true);
GRANT SELECT ON msg.notice TO @api;
GRANT SELECT, INSERT ON msg.notice TO @worker;
GRANT UPDATE (sent_at, attempts, next_try, last_error) ON msg.notice TO @worker;
