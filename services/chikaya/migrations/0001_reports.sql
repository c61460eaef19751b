GRANT USAGE ON SCHEMA chikaya TO @api, @worker;

-- A report. `due_at` is until when a reply is due, null while none is; `past` are collectivities that had it before.
-- `longitude` and `latitude` are columns because neighbours are looked for by distance.
CREATE TABLE chikaya.report (
  id uuid PRIMARY KEY, reference text NOT NULL UNIQUE, kind text NOT NULL, category text NOT NULL,
  collectivity text NOT NULL, past text[] NOT NULL, reporter text NOT NULL, filed_by text NOT NULL,
  state text NOT NULL, received_at timestamptz NOT NULL, due_at timestamptz, escalated_at timestamptz,
  assignee text, longitude double precision, latitude double precision, public boolean NOT NULL,
  published boolean NOT NULL, version bigint NOT NULL, body jsonb NOT NULL,
  CHECK ((longitude IS NULL) = (latitude IS NULL))
);
CREATE INDEX report_queue ON chikaya.report (collectivity, coalesce(due_at, 'infinity'), id)
  WHERE state NOT IN ('answered', 'closed', 'inadmissible', 'redirected');
CREATE INDEX report_place ON chikaya.report (collectivity, received_at, id);
CREATE INDEX report_reporter ON chikaya.report (reporter, received_at, id);
CREATE INDEX report_public ON chikaya.report (received_at DESC, id DESC) WHERE public;
CREATE INDEX report_near ON chikaya.report (category, latitude, longitude) WHERE latitude IS NOT NULL;

-- The second wall: whoever reported or typed it in, the office of the commune, or of one that had it before, who serves
-- its province. Who has no account holds the follow-up code of one report (`chikaya.follow`).
CREATE FUNCTION chikaya.serves(collectivity text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT collectivity = ANY (string_to_array(current_setting('app.communes', true), ','))
    OR left(collectivity, 6) = ANY (string_to_array(current_setting('app.provinces', true), ','))
$$;
CREATE FUNCTION chikaya.sees(id uuid, collectivity text, past text[], reporter text, filed_by text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT reporter = current_setting('app.subject', true)
    OR (filed_by <> '' AND filed_by = current_setting('app.subject', true))
    OR id::text = current_setting('app.following', true)
    OR chikaya.serves(collectivity)
    OR EXISTS (SELECT FROM unnest(past) AS one WHERE chikaya.serves(one))
$$;
ALTER TABLE chikaya.report ENABLE ROW LEVEL SECURITY;
CREATE POLICY parties ON chikaya.report TO @api
  USING (chikaya.sees(id, collectivity, past, reporter, filed_by))
  WITH CHECK (chikaya.sees(id, collectivity, past, reporter, filed_by));
CREATE POLICY worker ON chikaya.report TO @worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON chikaya.report TO @api, @worker;

-- What everybody may see of a report, and nothing else of it: no text before a person looked at it, no photo, nobody's
-- name, and the place to some hundred metres. It is read with its owner's rights.
CREATE VIEW chikaya.public_report WITH (security_barrier) AS
  SELECT id, reference, kind, category, collectivity, state, received_at, escalated_at,
    round(latitude::numeric, 3) AS latitude, round(longitude::numeric, 3) AS longitude,
    CASE WHEN published THEN body ->> 'text' END AS text,
    CASE WHEN published THEN body #>> '{replies,-1,text}' END AS reply,
    body #>> '{replies,-1,outcome}' AS outcome, body #>> '{replies,-1,answered_at}' AS answered_at
  FROM chikaya.report WHERE public AND state <> 'inadmissible';
GRANT SELECT ON chikaya.public_report TO @api, @worker;

-- Codes by which a report without an account is followed, and that by which its contact is confirmed: digests only.
CREATE TABLE chikaya.follow_up (
  report uuid PRIMARY KEY REFERENCES chikaya.report (id), code_hash bytea NOT NULL, contact_hash bytea
);
GRANT INSERT ON chikaya.follow_up TO @api;
GRANT SELECT, UPDATE ON chikaya.follow_up TO @worker;

-- Whoever holds the code acts on one report, and on no other: which one it is, or null.
CREATE FUNCTION chikaya.follow(p_reference text, p_code_hash bytea) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = chikaya, pg_temp AS $$
  SELECT set_config('app.following', r.id::text, true)::uuid FROM report r JOIN follow_up f ON f.report = r.id
  WHERE r.reference = p_reference AND f.code_hash = p_code_hash
$$;
CREATE FUNCTION chikaya.contact_code(p_report uuid, p_code_hash bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = chikaya, pg_temp AS $$
  SELECT EXISTS (SELECT FROM follow_up WHERE report = p_report AND contact_hash = p_code_hash)
$$;
REVOKE EXECUTE ON FUNCTION chikaya.follow(text, bytea), chikaya.contact_code(uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chikaya.follow(text, bytea), chikaya.contact_code(uuid, bytea) TO @api;

-- For the office alone; `collectivity` is that of the office that wrote it.
CREATE TABLE chikaya.note (
  id uuid PRIMARY KEY, report uuid NOT NULL REFERENCES chikaya.report (id), collectivity text NOT NULL,
  author text NOT NULL, written_at timestamptz NOT NULL, text text NOT NULL
);
CREATE INDEX note_report ON chikaya.note (report, written_at, id);
ALTER TABLE chikaya.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY office ON chikaya.note TO @api
  USING (chikaya.serves(collectivity)) WITH CHECK (chikaya.serves(collectivity));
GRANT SELECT, INSERT ON chikaya.note TO @api;

-- What every reply says of an administration. Everybody may know.
CREATE TABLE chikaya.administration (
  code text PRIMARY KEY, desk jsonb, version bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON chikaya.administration TO @api;
GRANT SELECT ON chikaya.administration TO @worker;
