-- The answer that told a follow-up code, or an application's key, is kept for its Idempotency-Key, seven days as all are; the
-- code in it not so long. What somebody wrote does not look like it: inside a text of JSON each of these quotes would have a
-- backslash before it.
CREATE INDEX idempotency_code ON msg.idempotency (created_at)
  WHERE position('"follow_up_code":"'::bytea IN body) > 0 OR position('"api_key":"'::bytea IN body) > 0;
CREATE FUNCTION chikaya.forget_codes(p_older interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = chikaya, pg_temp AS $$
  WITH blank AS (
    UPDATE msg.idempotency SET body = convert_to(
      regexp_replace(convert_from(body, 'UTF8'), '"(follow_up_code|api_key)":"[^"]*"', '"\1":null'), 'UTF8')
    WHERE (position('"follow_up_code":"'::bytea IN body) > 0 OR position('"api_key":"'::bytea IN body) > 0)
      AND created_at < clock_timestamp() - p_older RETURNING 1)
  SELECT count(*) FROM blank
$$;
REVOKE EXECUTE ON FUNCTION chikaya.forget_codes(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chikaya.forget_codes(interval) TO @worker;
