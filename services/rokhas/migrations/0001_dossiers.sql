GRANT USAGE ON SCHEMA rokhas TO @api, @worker;

-- A permit file. What lists are filtered, ordered and guarded by stands in columns; the rest of the file,
-- always read and written whole under its row lock, in `body`.
CREATE TABLE rokhas.dossier (
  id uuid PRIMARY KEY,
  procedure text NOT NULL, procedure_version int NOT NULL, collectivity text NOT NULL,
  applicant text NOT NULL, proxies text[] NOT NULL DEFAULT '{}',
  state text NOT NULL, reference text, instructor text,
  drafted_at timestamptz NOT NULL, submitted_at timestamptz, answer_by timestamptz,
  due_at timestamptz NOT NULL DEFAULT '9999-01-01T00:00:00Z',  -- the office's next date, far away without one
  version bigint NOT NULL, body jsonb NOT NULL,
  UNIQUE (collectivity, reference)
);
CREATE INDEX dossier_applicant ON rokhas.dossier (applicant, drafted_at, id);
CREATE INDEX dossier_proxies ON rokhas.dossier USING gin (proxies);
CREATE INDEX dossier_place ON rokhas.dossier (collectivity, drafted_at, id);
CREATE INDEX dossier_unpaid ON rokhas.dossier (id) WHERE body @? '$.payments.*.state ? (@ == "started")';
CREATE INDEX dossier_urgency ON rokhas.dossier (collectivity, due_at, id);

-- Numbers without gaps per commune and year: the row lock makes the next filing wait for this one's commit.
CREATE TABLE rokhas.numbering (
  collectivity text NOT NULL, year int NOT NULL, last int NOT NULL, PRIMARY KEY (collectivity, year)
);
ALTER TABLE rokhas.numbering ENABLE ROW LEVEL SECURITY;  -- nobody's to write: only the function counts on
CREATE FUNCTION rokhas.next_number(p_collectivity text, p_year int) RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = rokhas, pg_temp AS $$
  INSERT INTO numbering AS n VALUES (p_collectivity, p_year, 1)
    ON CONFLICT (collectivity, year) DO UPDATE SET last = n.last + 1 RETURNING last
$$;
REVOKE EXECUTE ON FUNCTION rokhas.next_number(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rokhas.next_number(text, int) TO @api;

-- Why the date is what it is, as the deadlines service last explained it.
CREATE TABLE rokhas.explanation (
  dossier uuid NOT NULL REFERENCES rokhas.dossier (id), clock uuid NOT NULL, rule text NOT NULL,
  label jsonb, answer_by timestamptz, last_day date, said_at timestamptz NOT NULL, steps jsonb NOT NULL,
  PRIMARY KEY (dossier, clock)
);

-- What people wrote to each other: the events refer to it and never carry it.
CREATE TABLE rokhas.message (
  id uuid PRIMARY KEY, dossier uuid NOT NULL REFERENCES rokhas.dossier (id), author text NOT NULL,
  from_applicant boolean NOT NULL, body text NOT NULL, posted_at timestamptz NOT NULL
);
CREATE INDEX message_dossier ON rokhas.message (dossier, posted_at, id);

CREATE TABLE rokhas.delegation (
  id uuid PRIMARY KEY, collectivity text NOT NULL, kind text NOT NULL, giver text NOT NULL, holder text NOT NULL,
  starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL, revoked_at timestamptz, version bigint NOT NULL
);
CREATE INDEX delegation_place ON rokhas.delegation (collectivity, ends_at);

-- Who brought which content: a digest found elsewhere gives nobody access to a file.
CREATE TABLE rokhas.upload (
  sha256 text NOT NULL, uploader text NOT NULL, name text NOT NULL, media_type text NOT NULL,
  size bigint NOT NULL, uploaded_at timestamptz NOT NULL, PRIMARY KEY (sha256, uploader)
);

-- The second wall. Who reads a file: the applicant, a proxy holder, officers of its commune, the governor of
-- its province. @worker (consumers) reads all.
CREATE FUNCTION rokhas.sees(collectivity text, applicant text, proxies text[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT applicant = current_setting('app.subject', true)
    OR current_setting('app.subject', true) = ANY (proxies)
    OR collectivity = ANY (string_to_array(current_setting('app.communes', true), ','))
    OR left(collectivity, 6) = ANY (string_to_array(current_setting('app.provinces', true), ','))
$$;
ALTER TABLE rokhas.dossier ENABLE ROW LEVEL SECURITY;
-- Who changes a row must still see it: a transfer names the successor first, for its own transaction.
CREATE POLICY parties ON rokhas.dossier FOR SELECT TO @api
  USING (rokhas.sees(collectivity, applicant, proxies) OR applicant = current_setting('app.successor', true));
CREATE POLICY creates ON rokhas.dossier FOR INSERT TO @api WITH CHECK (rokhas.sees(collectivity, applicant, proxies));
-- A transfer gives the file to somebody else: the new row need not be the writer's own.
CREATE POLICY changes ON rokhas.dossier FOR UPDATE TO @api
  USING (rokhas.sees(collectivity, applicant, proxies)) WITH CHECK (true);
CREATE POLICY worker ON rokhas.dossier TO @worker USING (true) WITH CHECK (true);

-- What hangs on a file is seen by whoever sees the file: the subquery is under the same policies.
ALTER TABLE rokhas.explanation ENABLE ROW LEVEL SECURITY;
CREATE POLICY parties ON rokhas.explanation FOR SELECT TO @api
  USING (EXISTS (SELECT FROM rokhas.dossier d WHERE d.id = dossier));
CREATE POLICY worker ON rokhas.explanation TO @worker USING (true) WITH CHECK (true);
ALTER TABLE rokhas.message ENABLE ROW LEVEL SECURITY;
CREATE POLICY parties ON rokhas.message TO @api
  USING (EXISTS (SELECT FROM rokhas.dossier d WHERE d.id = dossier))
  WITH CHECK (author = current_setting('app.subject', true) AND EXISTS (SELECT FROM rokhas.dossier d WHERE d.id = dossier));
ALTER TABLE rokhas.upload ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON rokhas.upload TO @api
  USING (uploader = current_setting('app.subject', true)) WITH CHECK (uploader = current_setting('app.subject', true));
-- A deputy must find the delegation that makes them one, and its commune's officers theirs.
ALTER TABLE rokhas.delegation ENABLE ROW LEVEL SECURITY;
CREATE POLICY parties ON rokhas.delegation TO @api
  USING (rokhas.sees(collectivity, holder, '{}')) WITH CHECK (rokhas.sees(collectivity, holder, '{}'));

GRANT SELECT, INSERT, UPDATE ON rokhas.dossier, rokhas.delegation TO @api;
GRANT SELECT, INSERT ON rokhas.message, rokhas.upload TO @api;
GRANT SELECT ON rokhas.explanation TO @api;
GRANT SELECT, UPDATE ON rokhas.dossier TO @worker;
GRANT SELECT, INSERT, UPDATE ON rokhas.explanation TO @worker;

-- The payment provider calls without a person's scope: it finds the file of a payment by this function only.
CREATE FUNCTION rokhas.become_payer(p_dossier uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = rokhas, pg_temp AS $$
  SELECT set_config('app.subject', applicant, true) IS NOT NULL FROM rokhas.dossier WHERE id = p_dossier
$$;
REVOKE EXECUTE ON FUNCTION rokhas.become_payer(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rokhas.become_payer(uuid) TO @api;

-- The media type of a content, for those who were allowed to load the file that holds it; the name only as
-- given by the one who attached it, for others may have brought the same content under a name of theirs.
CREATE FUNCTION rokhas.content(p_sha256 text, p_uploader text) RETURNS TABLE (name text, media_type text, size bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = rokhas, pg_temp AS $$
  SELECT CASE WHEN uploader = p_uploader THEN name END, media_type, size FROM rokhas.upload
   WHERE sha256 = p_sha256 ORDER BY uploader = p_uploader DESC LIMIT 1
$$;
REVOKE EXECUTE ON FUNCTION rokhas.content(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rokhas.content(text, text) TO @api;
