-- What the window asked for: sealed until it is answered, then gone; who asked stays.
CREATE TABLE civil_status.asked (
  request text PRIMARY KEY, collectivity text NOT NULL, asked_at timestamptz NOT NULL, sealed text,
  reply_key jsonb, output text, answered_at timestamptz, outcome text
);
CREATE INDEX asked_open ON civil_status.asked (asked_at) WHERE sealed IS NOT NULL;
ALTER TABLE civil_status.asked ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON civil_status.asked TO @worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON civil_status.asked TO @worker;

-- Public halves of the keys that others seal for the register with; the private halves are in the key store.
CREATE TABLE civil_status.sealing_key (
  kid text PRIMARY KEY, public jsonb NOT NULL, published_at timestamptz NOT NULL, retires_at timestamptz NOT NULL,
  destroyed_at timestamptz, version bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON civil_status.sealing_key TO @worker;
