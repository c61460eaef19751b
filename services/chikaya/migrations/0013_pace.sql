-- How much one person files: each contact and each account has so many places, and a report takes one for a while. Digests
-- only: whose number it is stands in the report, and nowhere else. Real time, like leases.
CREATE TABLE chikaya.place_taken (
  digest bytea NOT NULL, place smallint NOT NULL, taken_at timestamptz NOT NULL, PRIMARY KEY (digest, place)
);
CREATE INDEX place_taken_age ON chikaya.place_taken (taken_at);
GRANT SELECT, DELETE ON chikaya.place_taken TO @worker;

-- Zero, or the seconds until a place is free. It never waits for anybody: a place that another transaction is about to take
-- is passed over, and is free again if that one comes to nothing. A crowd at one number is refused at once, and holds no
-- connection that others need.
CREATE FUNCTION chikaya.take_place(p_digest bytea, p_most int, p_seconds int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chikaya, pg_temp AS $$
DECLARE
  since timestamptz := clock_timestamp() - make_interval(secs => p_seconds);
  n int;
BEGIN
  FOR n IN
    SELECT one FROM generate_series(1, p_most) AS one
    LEFT JOIN place_taken t ON t.digest = p_digest AND t.place = one AND t.taken_at > since
    WHERE t.place IS NULL ORDER BY one
  LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended('chikaya.place ' || n || encode(p_digest, 'hex'), 0));
    INSERT INTO place_taken AS t VALUES (p_digest, n, clock_timestamp())
      ON CONFLICT (digest, place) DO UPDATE SET taken_at = excluded.taken_at WHERE t.taken_at <= since;
    IF FOUND THEN
      RETURN 0;
    END IF;
  END LOOP;
  -- Until the oldest is free again; where all are under way, it cannot be less than the whole time.
  RETURN greatest(1, coalesce(
    (SELECT ceil(extract(epoch FROM min(taken_at) - since)) FROM place_taken WHERE digest = p_digest AND taken_at > since),
    p_seconds));
END $$;
REVOKE EXECUTE ON FUNCTION chikaya.take_place(bytea, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chikaya.take_place(bytea, int, int) TO @api;
