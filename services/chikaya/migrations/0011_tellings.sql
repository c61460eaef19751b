-- One thing that followers are told, until the last of them was: those of the report, or where `collectivities` are said those
-- of the places. They are told in the order of their subscriptions, page by page; `after` is the last one who was.
CREATE TABLE chikaya.telling (
  id uuid PRIMARY KEY, notice uuid NOT NULL, report uuid NOT NULL REFERENCES chikaya.report (id), kind text NOT NULL,
  content jsonb NOT NULL, said_at timestamptz NOT NULL, collectivities text[], category text, latitude double precision,
  longitude double precision, origin jsonb NOT NULL, after uuid,
  next_turn timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX telling_turn ON chikaya.telling (next_turn);
GRANT SELECT, INSERT, UPDATE (after, next_turn), DELETE ON chikaya.telling TO @worker;

-- The next page of those who follow a report, or a commune, without sorting all of them.
CREATE INDEX subscription_report_page ON chikaya.subscription (report, id) WHERE standing = 'active';
CREATE INDEX subscription_commune_page ON chikaya.subscription (collectivity, id)
  WHERE standing = 'active' AND report IS NULL AND radius IS NULL;
DROP INDEX chikaya.subscription_report;
DROP INDEX chikaya.subscription_commune;
