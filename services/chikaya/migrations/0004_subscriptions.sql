-- Who follows one public report, a commune, or `radius` metres around a point. `token` is told in notices, `code_hash` is of
-- the code that goes to an address: the role of the API reads neither.
CREATE TABLE chikaya.subscription (
  id uuid PRIMARY KEY, follower text NOT NULL, address text, report uuid REFERENCES chikaya.report (id),
  collectivity text NOT NULL, latitude double precision, longitude double precision, radius integer, category text,
  standing text NOT NULL, begun_at timestamptz NOT NULL, version bigint NOT NULL, token text NOT NULL UNIQUE,
  code_hash bytea,
  CHECK ((radius IS NULL) = (latitude IS NULL) AND (radius IS NULL) = (longitude IS NULL))
);
CREATE INDEX subscription_follower ON chikaya.subscription (follower, begun_at, id);
CREATE INDEX subscription_report ON chikaya.subscription (report) WHERE standing = 'active';
CREATE INDEX subscription_commune ON chikaya.subscription (collectivity)
  WHERE standing = 'active' AND report IS NULL AND radius IS NULL;
CREATE INDEX subscription_point ON chikaya.subscription (latitude) WHERE standing = 'active' AND radius IS NOT NULL;
ALTER TABLE chikaya.subscription ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON chikaya.subscription TO @api
  USING (follower = current_setting('app.subject', true) OR id::text = current_setting('app.following', true))
  WITH CHECK (follower = current_setting('app.subject', true) OR id::text = current_setting('app.following', true));
CREATE POLICY worker ON chikaya.subscription TO @worker USING (true) WITH CHECK (true);
GRANT SELECT (id, follower, address, report, collectivity, latitude, longitude, radius, category, standing, begun_at,
  version), INSERT, UPDATE (address, latitude, longitude, radius, standing, version) ON chikaya.subscription TO @api;
GRANT SELECT, UPDATE (code_hash) ON chikaya.subscription TO @worker;

-- Whoever holds the code that was sent, or the link of a notice, acts on that one.
CREATE FUNCTION chikaya.confirming(p_id uuid, p_code_hash bytea) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = chikaya, pg_temp AS $$
  SELECT set_config('app.following', id::text, true) IS NOT NULL FROM subscription
  WHERE id = p_id AND code_hash = p_code_hash
$$;
CREATE FUNCTION chikaya.unfollowing(p_token text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = chikaya, pg_temp AS $$
  SELECT set_config('app.following', id::text, true)::uuid FROM subscription WHERE token = p_token
$$;
REVOKE EXECUTE ON FUNCTION chikaya.confirming(uuid, bytea), chikaya.unfollowing(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chikaya.confirming(uuid, bytea), chikaya.unfollowing(text) TO @api;
