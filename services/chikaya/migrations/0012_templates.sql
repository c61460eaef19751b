-- Texts that an office keeps for its replies, and nobody else's to read.
CREATE TABLE chikaya.template (
  id uuid PRIMARY KEY, collectivity text NOT NULL, name text NOT NULL, language text NOT NULL, outcome text NOT NULL,
  text text NOT NULL, withdrawn boolean NOT NULL, version bigint NOT NULL
);
CREATE INDEX template_office ON chikaya.template (collectivity, name, id) WHERE NOT withdrawn;
ALTER TABLE chikaya.template ENABLE ROW LEVEL SECURITY;
CREATE POLICY office ON chikaya.template TO @api
  USING (chikaya.serves(collectivity)) WITH CHECK (chikaya.serves(collectivity));
GRANT SELECT, INSERT, UPDATE ON chikaya.template TO @api;
