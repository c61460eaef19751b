GRANT USAGE ON SCHEMA civil_status TO @api, @worker;

-- An act as it was drawn up: `body` is written once and nobody may change it. What is searched and guarded by
-- stands in columns; the margin has a table of its own.
CREATE TABLE civil_status.act (
  id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('birth', 'death')),
  collectivity text NOT NULL, office text NOT NULL, year int NOT NULL, number int NOT NULL CHECK (number > 0),
  origin text NOT NULL, identifier text,
  event_on date NOT NULL,  -- the earliest day that the register's date may mean
  parties text[] NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'valid', disputed_with uuid, judgment text, version bigint NOT NULL,
  drawn_up_at timestamptz NOT NULL, drawn_up_by text NOT NULL,
  body jsonb NOT NULL,
  UNIQUE (office, year, kind, number)
);
CREATE INDEX act_identifier ON civil_status.act (identifier) WHERE identifier IS NOT NULL;
CREATE INDEX act_parties ON civil_status.act USING gin (parties);

-- The margin: added to, never changed.
CREATE TABLE civil_status.mention (
  act uuid NOT NULL REFERENCES civil_status.act (id), ordinal int NOT NULL, id uuid NOT NULL UNIQUE,
  kind text NOT NULL, entered_at timestamptz NOT NULL, body jsonb NOT NULL, PRIMARY KEY (act, ordinal)
);

-- Identifiers that were ever given; a row is never removed, so that none is given twice (36-21 art. 30).
CREATE TABLE civil_status.identifier (digits text PRIMARY KEY, given_at timestamptz NOT NULL);
ALTER TABLE civil_status.identifier ENABLE ROW LEVEL SECURITY;  -- nobody's to read: only the function takes one
CREATE FUNCTION civil_status.take_identifier(p_digits text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
  WITH taken AS (
    INSERT INTO identifier VALUES (p_digits, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING true
  ) SELECT EXISTS (SELECT FROM taken)
$$;
REVOKE EXECUTE ON FUNCTION civil_status.take_identifier(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.take_identifier(text) TO @api, @worker;

-- Numbers without gaps per office, year and kind: the row lock makes the next act wait for this one's commit.
-- Acts of the same year that were taken over from paper count too.
CREATE TABLE civil_status.numbering (
  office text NOT NULL, year int NOT NULL, kind text NOT NULL, last int NOT NULL, PRIMARY KEY (office, year, kind)
);
ALTER TABLE civil_status.numbering ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION civil_status.next_number(p_office text, p_year int, p_kind text) RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
  INSERT INTO numbering AS n
    SELECT p_office, p_year, p_kind, 1 + coalesce(max(number), 0) FROM act
     WHERE office = p_office AND year = p_year AND kind = p_kind
    ON CONFLICT (office, year, kind) DO UPDATE SET last = greatest(n.last + 1, excluded.last) RETURNING last
$$;
REVOKE EXECUTE ON FUNCTION civil_status.next_number(text, int, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.next_number(text, int, text) TO @api;

-- The second wall. Who reads: those whose act it is, the office of its commune, who serves its province (a court,
-- the central authority). @worker (consumers) reads all.
CREATE FUNCTION civil_status.sees(collectivity text, parties text[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT current_setting('app.subject', true) = ANY (parties)
    OR collectivity = ANY (string_to_array(current_setting('app.communes', true), ','))
    OR left(collectivity, 6) = ANY (string_to_array(current_setting('app.provinces', true), ','))
$$;
ALTER TABLE civil_status.act ENABLE ROW LEVEL SECURITY;
CREATE POLICY parties ON civil_status.act TO @api
  USING (civil_status.sees(collectivity, parties)) WITH CHECK (civil_status.sees(collectivity, parties));
CREATE POLICY worker ON civil_status.act TO @worker USING (true) WITH CHECK (true);
ALTER TABLE civil_status.mention ENABLE ROW LEVEL SECURITY;  -- under the policies of the act
CREATE POLICY parties ON civil_status.mention TO @api
  USING (EXISTS (SELECT FROM civil_status.act a WHERE a.id = act))
  WITH CHECK (EXISTS (SELECT FROM civil_status.act a WHERE a.id = act));
CREATE POLICY worker ON civil_status.mention TO @worker USING (true) WITH CHECK (true);

-- An act is never edited: the columns that say what happened to it are all that changes.
GRANT SELECT, INSERT ON civil_status.act, civil_status.mention TO @api, @worker;
GRANT UPDATE (state, disputed_with, judgment, version) ON civil_status.act TO @api, @worker;

-- What the family or the hospital announced, until it is an act.
CREATE TABLE civil_status.declaration (
  id uuid PRIMARY KEY, kind text NOT NULL, collectivity text NOT NULL, office text NOT NULL, opener text NOT NULL,
  state text NOT NULL, opened_at timestamptz NOT NULL, version bigint NOT NULL, body jsonb NOT NULL
);
CREATE INDEX declaration_place ON civil_status.declaration (collectivity, opened_at, id);
CREATE INDEX declaration_opener ON civil_status.declaration (opener, opened_at, id);

CREATE TABLE civil_status.correction (
  id uuid PRIMARY KEY, act uuid NOT NULL REFERENCES civil_status.act (id), collectivity text NOT NULL,
  parties text[] NOT NULL, state text NOT NULL, requested_at timestamptz NOT NULL, version bigint NOT NULL,
  body jsonb NOT NULL
);
CREATE INDEX correction_place ON civil_status.correction (collectivity, requested_at, id);
CREATE INDEX correction_act ON civil_status.correction (act);

ALTER TABLE civil_status.declaration ENABLE ROW LEVEL SECURITY;
CREATE POLICY parties ON civil_status.declaration TO @api
  USING (civil_status.sees(collectivity, ARRAY[opener])) WITH CHECK (civil_status.sees(collectivity, ARRAY[opener]));
CREATE POLICY worker ON civil_status.declaration TO @worker USING (true) WITH CHECK (true);
ALTER TABLE civil_status.correction ENABLE ROW LEVEL SECURITY;
CREATE POLICY parties ON civil_status.correction TO @api
  USING (civil_status.sees(collectivity, parties)) WITH CHECK (civil_status.sees(collectivity, parties));
CREATE POLICY worker ON civil_status.correction TO @worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON civil_status.declaration, civil_status.correction TO @api, @worker;

-- Acts of the whole country that seem to say the same: their references only, for whoever draws up another.
CREATE INDEX act_event ON civil_status.act (event_on, kind);
CREATE FUNCTION civil_status.resembling(p_kind text, p_on date, p_given text, p_mother text)
RETURNS TABLE (id uuid, reference text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
  SELECT id, number || '/' || year || '/' || office FROM act
   WHERE event_on BETWEEN p_on - 1 AND p_on + 1 AND kind = p_kind AND state <> 'annulled'
     AND territory.fold(body #>> '{subject,given,ar}') = territory.fold(p_given)
     AND territory.fold(coalesce(body #>> '{mother,given,ar}', '')) = territory.fold(coalesce(p_mother, ''))
   ORDER BY id LIMIT 10
$$;
REVOKE EXECUTE ON FUNCTION civil_status.resembling(text, date, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.resembling(text, date, text, text) TO @api, @worker;

-- Searches of one reader that found nothing, by day: guessing identifiers is seen, and stopped.
CREATE TABLE civil_status.missed (
  reader text NOT NULL, day date NOT NULL, misses int NOT NULL, PRIMARY KEY (reader, day)
);
ALTER TABLE civil_status.missed ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON civil_status.missed TO @api
  USING (reader = current_setting('app.subject', true)) WITH CHECK (reader = current_setting('app.subject', true));
GRANT SELECT, INSERT, UPDATE ON civil_status.missed TO @api;

-- A person lets an administration know, for one purpose, until a day.
CREATE TABLE civil_status.consent (
  id uuid PRIMARY KEY, act uuid NOT NULL REFERENCES civil_status.act (id), identifier text NOT NULL,
  collectivity text NOT NULL, giver text NOT NULL, administration text NOT NULL, purpose text NOT NULL,
  given_at timestamptz NOT NULL, ends_at timestamptz NOT NULL, revoked_at timestamptz, version bigint NOT NULL
);
CREATE INDEX consent_identifier ON civil_status.consent (identifier, administration, purpose);
CREATE INDEX consent_giver ON civil_status.consent (giver, given_at, id);
ALTER TABLE civil_status.consent ENABLE ROW LEVEL SECURITY;
CREATE POLICY parties ON civil_status.consent TO @api
  USING (civil_status.sees(collectivity, ARRAY[giver])) WITH CHECK (civil_status.sees(collectivity, ARRAY[giver]));
GRANT SELECT, INSERT ON civil_status.consent TO @api;
GRANT UPDATE (revoked_at, version) ON civil_status.consent TO @api;

-- Every answer to another administration, and every refusal of one.
CREATE TABLE civil_status.exchange (
  id uuid PRIMARY KEY, administration text NOT NULL, purpose text NOT NULL, asked_at timestamptz NOT NULL,
  collectivity text NOT NULL, act uuid, consent uuid, outcome text NOT NULL
);
ALTER TABLE civil_status.exchange ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON civil_status.exchange TO @api
  USING (administration = current_setting('app.subject', true))
  WITH CHECK (administration = current_setting('app.subject', true));
GRANT SELECT, INSERT ON civil_status.exchange TO @api;

-- An administration finds an act by a consent in force and by nothing else: the wall opens for that one act.
CREATE FUNCTION civil_status.consented(p_identifier text, p_administration text, p_purpose text, p_now timestamptz)
RETURNS TABLE (consent uuid, act uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
  SELECT c.id, c.act FROM consent c
   WHERE c.identifier = p_identifier AND c.administration = p_administration AND c.purpose = p_purpose
     AND c.given_at <= p_now AND c.ends_at > p_now AND c.revoked_at IS NULL
     AND set_config('app.consented', c.act::text, true) IS NOT NULL
   ORDER BY c.ends_at DESC LIMIT 1
$$;
REVOKE EXECUTE ON FUNCTION civil_status.consented(text, text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.consented(text, text, text, timestamptz) TO @api;
CREATE POLICY consented ON civil_status.act FOR SELECT TO @api
  USING (id::text = current_setting('app.consented', true));

-- Who brought which content (copies of services/rokhas): a digest found elsewhere gives nobody anything.
CREATE TABLE civil_status.upload (
  sha256 text NOT NULL, uploader text NOT NULL, name text NOT NULL, media_type text NOT NULL,
  size bigint NOT NULL, uploaded_at timestamptz NOT NULL, PRIMARY KEY (sha256, uploader)
);
ALTER TABLE civil_status.upload ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON civil_status.upload TO @api
  USING (uploader = current_setting('app.subject', true)) WITH CHECK (uploader = current_setting('app.subject', true));
GRANT SELECT, INSERT ON civil_status.upload TO @api;
