-- Acts taken over, by file and office, counted with each chunk: nobody counts 55 million to say how far the country is.
-- What was taken over before has no file.
CREATE TABLE civil_status.imported (
  import uuid REFERENCES civil_status.import (id), office text NOT NULL, collectivity text NOT NULL, acts bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (import, office)
);
INSERT INTO civil_status.imported
  SELECT NULL, office, collectivity, count(*) FROM civil_status.act WHERE origin = 'imported' GROUP BY office, collectivity;
ALTER TABLE civil_status.imported ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.imported FOR SELECT TO @api USING (civil_status.sees(collectivity, '{}'));
CREATE POLICY worker ON civil_status.imported TO @worker USING (true) WITH CHECK (true);
GRANT SELECT ON civil_status.imported TO @api;
GRANT SELECT, INSERT, UPDATE ON civil_status.imported TO @worker;

-- A file is followed by the offices that have acts of it: counts, lines and codes, nothing of a person.
CREATE INDEX import_started ON civil_status.import (started_at, id);
ALTER TABLE civil_status.import ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.import FOR SELECT TO @api
  USING (EXISTS (SELECT FROM civil_status.imported i WHERE i.import = id));
CREATE POLICY worker ON civil_status.import TO @worker USING (true) WITH CHECK (true);
ALTER TABLE civil_status.reject ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.reject FOR SELECT TO @api
  USING (EXISTS (SELECT FROM civil_status.imported i WHERE i.import = reject.import));
CREATE POLICY worker ON civil_status.reject TO @worker USING (true) WITH CHECK (true);
GRANT SELECT ON civil_status.import, civil_status.reject TO @api;

-- Counts and nothing else, of every office: how far the country is, is no office's secret.
CREATE FUNCTION civil_status.imported_of(p_within text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
  SELECT coalesce(sum(acts), 0)::bigint FROM imported
   WHERE p_within IS NULL OR collectivity = p_within OR starts_with(collectivity, p_within || '.')
$$;
REVOKE EXECUTE ON FUNCTION civil_status.imported_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.imported_of(text) TO @api, @worker;
