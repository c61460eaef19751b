-- What an office reports of a year: its proposals, and its figures once it is published; why it was corrected, if it was.
CREATE TABLE chikaya.yearly_report (
  collectivity text NOT NULL, year integer NOT NULL, published_at timestamptz, proposals jsonb NOT NULL, account jsonb,
  corrected_at timestamptz, correction jsonb, version bigint NOT NULL, PRIMARY KEY (collectivity, year),
  CHECK ((published_at IS NULL) = (account IS NULL)), CHECK ((corrected_at IS NULL) = (correction IS NULL)),
  CHECK (corrected_at IS NULL OR published_at IS NOT NULL)
);
ALTER TABLE chikaya.yearly_report ENABLE ROW LEVEL SECURITY;
CREATE POLICY office ON chikaya.yearly_report TO @api
  USING (chikaya.serves(collectivity)) WITH CHECK (chikaya.serves(collectivity));
CREATE POLICY worker ON chikaya.yearly_report TO @worker USING (true);
GRANT SELECT, INSERT, UPDATE ON chikaya.yearly_report TO @api;
GRANT SELECT ON chikaya.yearly_report TO @worker;
