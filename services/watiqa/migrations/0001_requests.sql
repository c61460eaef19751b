GRANT USAGE ON SCHEMA watiqa TO @api, @worker;

-- A request. `due` is what a task is to do about it: ask the register, or write the page. `reply_key` names the key
-- that opens what the register answers, while there is something to open.
CREATE TABLE watiqa.request (
  id uuid PRIMARY KEY, document text NOT NULL, collectivity text NOT NULL, office text NOT NULL,
  applicant text NOT NULL, state text NOT NULL, submitted_at timestamptz NOT NULL, act uuid, act_version bigint,
  due text CHECK (due IN ('ask', 'write')), due_at timestamptz NOT NULL DEFAULT '-infinity', reply_key text,
  missed_at timestamptz, misses int NOT NULL, version bigint NOT NULL, body jsonb NOT NULL
);
CREATE INDEX request_place ON watiqa.request (collectivity, submitted_at, id);
CREATE INDEX request_applicant ON watiqa.request (applicant, submitted_at, id) WHERE applicant <> '';
CREATE INDEX request_act ON watiqa.request (act) WHERE act IS NOT NULL;
CREATE INDEX request_office ON watiqa.request (office, state) WHERE state IN ('under_control', 'office_closed');
CREATE INDEX request_due ON watiqa.request (due, due_at) WHERE due IS NOT NULL;
CREATE INDEX request_paying ON watiqa.request (id) WHERE body @? '$.payments.*.state ? (@ == "started")';

-- The second wall: whoever asks, the office of the commune, who serves its province (the central authority).
CREATE FUNCTION watiqa.sees(collectivity text, applicant text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT (applicant <> '' AND applicant = current_setting('app.subject', true))
    OR collectivity = ANY (string_to_array(current_setting('app.communes', true), ','))
    OR left(collectivity, 6) = ANY (string_to_array(current_setting('app.provinces', true), ','))
$$;
ALTER TABLE watiqa.request ENABLE ROW LEVEL SECURITY;
CREATE POLICY parties ON watiqa.request TO @api
  USING (watiqa.sees(collectivity, applicant)) WITH CHECK (watiqa.sees(collectivity, applicant));
CREATE POLICY worker ON watiqa.request TO @worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON watiqa.request TO @api, @worker;

-- A caller that proved to be the payment provider acts on one request, and on no other.
CREATE FUNCTION watiqa.become_payer(p_request uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = watiqa, pg_temp AS $$
  SELECT set_config('app.paying', id::text, true) IS NOT NULL FROM request WHERE id = p_request
$$;
REVOKE EXECUTE ON FUNCTION watiqa.become_payer(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION watiqa.become_payer(uuid) TO @api;
CREATE POLICY payer ON watiqa.request TO @api
  USING (id::text = current_setting('app.paying', true)) WITH CHECK (id::text = current_setting('app.paying', true));

-- Keys that the register published to be asked with: public halves.
CREATE TABLE watiqa.register_key (
  kid text PRIMARY KEY, public jsonb NOT NULL, retires_at timestamptz NOT NULL, destroyed_at timestamptz
);
GRANT SELECT, INSERT, UPDATE ON watiqa.register_key TO @worker;

-- Keys that it answers to, by name: the private halves are in the key store.
CREATE TABLE watiqa.reply_key (
  kid text PRIMARY KEY, request uuid NOT NULL REFERENCES watiqa.request (id), made_at timestamptz NOT NULL,
  destroyed_at timestamptz
);
CREATE INDEX reply_key_open ON watiqa.reply_key (request) WHERE destroyed_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON watiqa.reply_key TO @worker;

-- The newest version of acts whose margin gained something: an answer that is older is asked for again.
CREATE TABLE watiqa.act_version (act uuid PRIMARY KEY, version bigint NOT NULL);
GRANT SELECT, INSERT, UPDATE ON watiqa.act_version TO @worker;

-- Offices of which it was said that they are closed. Everybody may know.
CREATE TABLE watiqa.office (
  code text PRIMARY KEY, closed_at timestamptz, reason text, until timestamptz, version bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON watiqa.office TO @api;
GRANT SELECT ON watiqa.office TO @worker;

-- Who brought which content (a copy of services/rokhas): a digest found elsewhere gives nobody anything.
CREATE TABLE watiqa.upload (
  sha256 text NOT NULL, uploader text NOT NULL, name text NOT NULL, media_type text NOT NULL,
  size bigint NOT NULL, uploaded_at timestamptz NOT NULL, PRIMARY KEY (sha256, uploader)
);
ALTER TABLE watiqa.upload ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON watiqa.upload TO @api
  USING (uploader = current_setting('app.subject', true)) WITH CHECK (uploader = current_setting('app.subject', true));
GRANT SELECT, INSERT ON watiqa.upload TO @api;
CREATE FUNCTION watiqa.content(p_sha256 text) RETURNS TABLE (media_type text, size bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = watiqa, pg_temp AS $$
  SELECT media_type, size FROM upload WHERE sha256 = p_sha256 LIMIT 1
$$;
REVOKE EXECUTE ON FUNCTION watiqa.content(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION watiqa.content(text) TO @api;
