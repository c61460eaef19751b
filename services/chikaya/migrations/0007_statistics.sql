-- How many reports of a place and category count as what, by the month in which they were received; `days` is the delay of
-- the first reply where the measure is `answered`, else 0. `public` is the category's. A consumer keeps it.
CREATE TABLE chikaya.tally (
  collectivity text NOT NULL, category text NOT NULL, public boolean NOT NULL, month date NOT NULL,
  measure text NOT NULL, days integer NOT NULL, n bigint NOT NULL,
  PRIMARY KEY (collectivity, measure, month, category, days)
);
CREATE INDEX tally_heat ON chikaya.tally (month, collectivity, category) INCLUDE (public, measure, n)
  WHERE measure = 'received';
CREATE INDEX tally_month ON chikaya.tally (month);
ALTER TABLE chikaya.tally ENABLE ROW LEVEL SECURITY;
CREATE POLICY office ON chikaya.tally FOR SELECT TO @api USING (chikaya.serves(collectivity));
CREATE POLICY worker ON chikaya.tally TO @worker USING (true) WITH CHECK (true);
GRANT SELECT ON chikaya.tally TO @api;
GRANT SELECT, INSERT, UPDATE ON chikaya.tally TO @worker;

-- What everybody may see: sums of categories whose reports everybody may see one by one. It is read with its owner's rights.
CREATE VIEW chikaya.public_tally WITH (security_barrier) AS
  SELECT collectivity, category, month, measure, days, n FROM chikaya.tally WHERE public;
GRANT SELECT ON chikaya.public_tally TO @api;

-- What each report counts as in these sums.
CREATE TABLE chikaya.tallied (
  report uuid PRIMARY KEY REFERENCES chikaya.report (id), counted jsonb NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON chikaya.tallied TO @worker;
