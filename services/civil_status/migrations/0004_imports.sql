-- Names are found through a dictionary of the distinct ones: some hundred thousand, whatever the number of acts.
-- `ar` and `latin` are folded; the keys are the consonants that one hears (domain/spelling.py).
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA civil_status;  -- trusted: the database's owner may
CREATE TABLE civil_status.name (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ar text COLLATE "C" NOT NULL, latin text COLLATE "C" NOT NULL,
  ar_key text COLLATE "C" NOT NULL, latin_key text COLLATE "C" NOT NULL, UNIQUE (ar, latin)
);
CREATE INDEX name_ar_key ON civil_status.name (ar_key);
CREATE INDEX name_latin_key ON civil_status.name (latin_key) WHERE latin <> '';
CREATE INDEX name_ar ON civil_status.name USING gin (ar civil_status.gin_trgm_ops);
CREATE INDEX name_latin ON civil_status.name USING gin (latin civil_status.gin_trgm_ops);
GRANT SELECT, INSERT ON civil_status.name TO @api, @worker;  -- names of nobody: which act has one, RLS guards

-- Whose act it is and who the parents are, as names of the dictionary. Written with the act, as little to be changed.
ALTER TABLE civil_status.act ADD family_name int, ADD given_name int, ADD father_name int, ADD mother_name int;
CREATE INDEX act_name ON civil_status.act
  (family_name, given_name, collectivity, event_on, father_name, mother_name);
CREATE INDEX act_parents ON civil_status.act (father_name, given_name, mother_name, collectivity)
  WHERE father_name IS NOT NULL;
-- An imported act is nobody's in particular yet; an index of empty lists would hold them all under one key.
DROP INDEX civil_status.act_parties;
CREATE INDEX act_parties ON civil_status.act USING gin (parties) WHERE parties <> '{}';

-- What an act reads since a correction or a judgment: it is found by both names.
CREATE TABLE civil_status.renamed (
  act uuid NOT NULL REFERENCES civil_status.act (id), version bigint NOT NULL, collectivity text NOT NULL,
  event_on date NOT NULL, family_name int, given_name int, father_name int, mother_name int,
  PRIMARY KEY (act, version)
);
CREATE INDEX renamed_name ON civil_status.renamed (family_name, given_name);
CREATE INDEX renamed_parents ON civil_status.renamed (father_name, given_name);
ALTER TABLE civil_status.renamed ENABLE ROW LEVEL SECURITY;  -- under the policies of the act
CREATE POLICY parties ON civil_status.renamed TO @api
  USING (EXISTS (SELECT FROM civil_status.act a WHERE a.id = act))
  WITH CHECK (EXISTS (SELECT FROM civil_status.act a WHERE a.id = act));
CREATE POLICY worker ON civil_status.renamed TO @worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON civil_status.renamed TO @api, @worker;

-- One file that is taken over. How far it is stands here, changed in the transaction of the acts themselves.
CREATE TABLE civil_status.import (
  id uuid PRIMARY KEY, sha256 text NOT NULL UNIQUE, size bigint NOT NULL, started_by text NOT NULL,
  started_at timestamptz NOT NULL, "offset" bigint NOT NULL DEFAULT 0, line bigint NOT NULL DEFAULT 0,
  imported bigint NOT NULL DEFAULT 0, already bigint NOT NULL DEFAULT 0, rejected bigint NOT NULL DEFAULT 0,
  finished_at timestamptz, version bigint NOT NULL DEFAULT 0,
  CHECK (finished_at IS NULL OR line = imported + already + rejected)  -- no line is lost in silence
);
CREATE TABLE civil_status.reject (
  import uuid NOT NULL REFERENCES civil_status.import (id), line bigint NOT NULL, code text NOT NULL,
  field text NOT NULL, PRIMARY KEY (import, line)
);
GRANT SELECT, INSERT, UPDATE ON civil_status.import TO @worker;
GRANT SELECT, INSERT ON civil_status.reject TO @worker;

-- COPY knows no row-level security, so lines are laid down here and become acts by INSERT. Emptied after each
-- chunk, lost in a crash: the chunk is then read again.
CREATE UNLOGGED TABLE civil_status.staged (
  line bigint NOT NULL, id uuid NOT NULL, kind text NOT NULL, collectivity text NOT NULL, office text NOT NULL,
  year int NOT NULL, number int NOT NULL, identifier text, event_on date NOT NULL, drawn_up_at timestamptz NOT NULL,
  body jsonb NOT NULL, family_name int, given_name int, father_name int, mother_name int
);
GRANT SELECT, INSERT, DELETE, TRUNCATE ON civil_status.staged TO @worker;

-- Those that were free and are taken now.
CREATE FUNCTION civil_status.take_identifiers(p_digits text[]) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
  INSERT INTO identifier SELECT DISTINCT d, clock_timestamp() FROM unnest(p_digits) d ORDER BY d
    ON CONFLICT DO NOTHING RETURNING digits
$$;
REVOKE EXECUTE ON FUNCTION civil_status.take_identifiers(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.take_identifiers(text[]) TO @worker;
