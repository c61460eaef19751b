-- A bound paper register: one office, one year, births or deaths. `body` holds the samples that were drawn.
CREATE TABLE civil_status.volume (
  id uuid PRIMARY KEY, kind text NOT NULL CHECK (kind IN ('birth', 'death')), collectivity text NOT NULL,
  office text NOT NULL, year int NOT NULL, volume int NOT NULL, first int NOT NULL, last int NOT NULL,
  pages int NOT NULL, state text NOT NULL, opened_at timestamptz NOT NULL, version bigint NOT NULL, body jsonb NOT NULL,
  UNIQUE (office, year, kind, volume)
);
CREATE INDEX volume_place ON civil_status.volume (collectivity, opened_at, id);

-- The image of a page; the content is in the object store under its digest. One content is one page, in the whole
-- country: no two scans agree in every byte.
CREATE TABLE civil_status.page (
  volume uuid NOT NULL REFERENCES civil_status.volume (id), page int NOT NULL, collectivity text NOT NULL,
  sha256 text NOT NULL UNIQUE, media_type text NOT NULL, size bigint NOT NULL, width int NOT NULL, height int NOT NULL,
  scanned_at timestamptz NOT NULL, scanned_by text NOT NULL, PRIMARY KEY (volume, page)
);

-- An act of a volume while it is worked on.
CREATE TABLE civil_status.entry (
  id uuid PRIMARY KEY, volume uuid NOT NULL REFERENCES civil_status.volume (id), number int NOT NULL,
  collectivity text NOT NULL, state text NOT NULL, version bigint NOT NULL, body jsonb NOT NULL, UNIQUE (volume, number)
);
CREATE INDEX entry_work ON civil_status.entry (volume, state, number);

-- What one person read on the page: written once. `round` counts anew after a reject.
CREATE TABLE civil_status.keying (
  entry uuid NOT NULL REFERENCES civil_status.entry (id), round int NOT NULL, ordinal int NOT NULL,
  collectivity text NOT NULL, operator text NOT NULL, keyed_at timestamptz NOT NULL, body jsonb NOT NULL,
  PRIMARY KEY (entry, round, ordinal), UNIQUE (entry, round, operator)
);

-- Who works on an act, until when, by the real clock: a lease.
CREATE TABLE civil_status.hold (
  entry uuid PRIMARY KEY REFERENCES civil_status.entry (id), collectivity text NOT NULL, holder text NOT NULL,
  until timestamptz NOT NULL
);

-- What a person did in a day, for an office's supervisor.
CREATE TABLE civil_status.work (
  collectivity text NOT NULL, operator text NOT NULL, day date NOT NULL, scanned int NOT NULL DEFAULT 0,
  keyed int NOT NULL DEFAULT 0, fields int NOT NULL DEFAULT 0, errors int NOT NULL DEFAULT 0,
  adjudicated int NOT NULL DEFAULT 0, checked int NOT NULL DEFAULT 0, rejected int NOT NULL DEFAULT 0,
  PRIMARY KEY (collectivity, day, operator)
);

-- How far a volume is: counted as its acts change, so that the whole country is a sum over volumes and not over acts.
CREATE TABLE civil_status.progress (
  volume uuid PRIMARY KEY REFERENCES civil_status.volume (id), collectivity text NOT NULL, office text NOT NULL,
  waiting int NOT NULL DEFAULT 0, keyed_once int NOT NULL DEFAULT 0, differing int NOT NULL DEFAULT 0,
  settled int NOT NULL DEFAULT 0, suspected int NOT NULL DEFAULT 0, rejected int NOT NULL DEFAULT 0,
  duplicate int NOT NULL DEFAULT 0, registered int NOT NULL DEFAULT 0
);
CREATE INDEX progress_office ON civil_status.progress (office);
CREATE FUNCTION civil_status.count_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO progress (volume, collectivity, office)
      SELECT v.id, v.collectivity, v.office FROM volume v WHERE v.id = NEW.volume ON CONFLICT DO NOTHING;
  ELSE
    EXECUTE format('UPDATE progress SET %1$I = %1$I - 1 WHERE volume = $1', OLD.state) USING NEW.volume;
  END IF;
  EXECUTE format('UPDATE progress SET %1$I = %1$I + 1 WHERE volume = $1', NEW.state) USING NEW.volume;
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION civil_status.count_entry() FROM PUBLIC;
CREATE TRIGGER counted_new AFTER INSERT ON civil_status.entry
  FOR EACH ROW EXECUTE FUNCTION civil_status.count_entry();
CREATE TRIGGER counted_change AFTER UPDATE OF state ON civil_status.entry
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION civil_status.count_entry();

-- The second wall: the office of the commune, and who serves its province. No citizen has any business here.
ALTER TABLE civil_status.volume ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.volume TO @api
  USING (civil_status.sees(collectivity, '{}')) WITH CHECK (civil_status.sees(collectivity, '{}'));
ALTER TABLE civil_status.page ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.page TO @api
  USING (civil_status.sees(collectivity, '{}')) WITH CHECK (civil_status.sees(collectivity, '{}'));
ALTER TABLE civil_status.entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.entry TO @api
  USING (civil_status.sees(collectivity, '{}')) WITH CHECK (civil_status.sees(collectivity, '{}'));
ALTER TABLE civil_status.keying ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.keying TO @api
  USING (civil_status.sees(collectivity, '{}')) WITH CHECK (civil_status.sees(collectivity, '{}'));
ALTER TABLE civil_status.hold ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.hold TO @api
  USING (civil_status.sees(collectivity, '{}')) WITH CHECK (civil_status.sees(collectivity, '{}'));
ALTER TABLE civil_status.work ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.work TO @api
  USING (civil_status.sees(collectivity, '{}')) WITH CHECK (civil_status.sees(collectivity, '{}'));
ALTER TABLE civil_status.progress ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.progress FOR SELECT TO @api USING (civil_status.sees(collectivity, '{}'));

-- What was keyed is never edited, no more than an act is; only a lease goes.
GRANT SELECT, INSERT ON civil_status.volume, civil_status.entry, civil_status.keying, civil_status.page TO @api;
GRANT UPDATE (pages, state, version, body) ON civil_status.volume TO @api;
GRANT DELETE ON civil_status.page TO @api;  -- to be scanned again: what it was, its event says
GRANT UPDATE (state, version, body) ON civil_status.entry TO @api;
GRANT SELECT, INSERT, UPDATE, DELETE ON civil_status.hold TO @api;
GRANT SELECT, INSERT, UPDATE ON civil_status.work TO @api;
GRANT SELECT ON civil_status.progress TO @api;

-- Counts and nothing else, of every office: how far the country is, is no office's secret.
CREATE FUNCTION civil_status.progress_of(p_within text, p_by_office boolean, p_after text, p_limit int)
RETURNS TABLE (office text, volumes bigint, expected bigint, pages bigint, waiting bigint, keyed_once bigint,
  differing bigint, settled bigint, suspected bigint, rejected bigint, duplicate bigint, registered bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
  SELECT CASE WHEN p_by_office THEN v.office END, count(*), coalesce(sum(v.last - v.first + 1), 0),
    coalesce(sum(v.pages), 0), coalesce(sum(p.waiting), 0), coalesce(sum(p.keyed_once), 0),
    coalesce(sum(p.differing), 0), coalesce(sum(p.settled), 0), coalesce(sum(p.suspected), 0),
    coalesce(sum(p.rejected), 0), coalesce(sum(p.duplicate), 0), coalesce(sum(p.registered), 0)
  FROM volume v LEFT JOIN progress p ON p.volume = v.id
  WHERE (p_within IS NULL OR v.collectivity = p_within OR starts_with(v.collectivity, p_within || '.'))
    AND (p_after IS NULL OR v.office > p_after)
  GROUP BY 1 ORDER BY 1 LIMIT p_limit
$$;
REVOKE EXECUTE ON FUNCTION civil_status.progress_of(text, boolean, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.progress_of(text, boolean, text, int) TO @api;
