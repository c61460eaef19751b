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
    ON CONFLICT (office, year, kind) DO UPDATE SET last = n.last + 1 RETURNING last
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
