-- A search by number or identifier: the caller's scope, the one act as row-level security shows it, and its entry in the
-- register of reads, which commits with it. Where that is not all (none, several, who guessed too often in these days:
-- which civil day it is the database does not know) it gives no act and writes nothing, and the service asks again, step by
-- step. Nobody waits long for a reader whose register is held: others may have come with them (decision 0057).
CREATE FUNCTION civil_status.look_up(
  p_subject text, p_communes text, p_provinces text, p_headers text, p_kind text, p_office text, p_year int,
  p_number int, p_identifier text, p_most int, p_type text, p_read text,
  OUT now timestamptz, OUT act civil_status.act, OUT mentions jsonb, OUT seq bigint
) LANGUAGE plpgsql AS $$
BEGIN
  now := msg.arrive(p_subject, p_communes, p_provinces);
  IF EXISTS (SELECT FROM civil_status.missed m WHERE m.reader = p_subject AND m.misses >= p_most
             AND m.day >= (now AT TIME ZONE 'UTC')::date - 1) THEN
    RETURN;
  ELSIF p_identifier IS NULL THEN
    SELECT a.* INTO act FROM civil_status.act a
     WHERE a.office = p_office AND a.year = p_year AND a.kind = p_kind AND a.number = p_number;
  ELSIF (SELECT count(*) FROM civil_status.act a WHERE a.identifier = p_identifier) = 1 THEN
    SELECT a.* INTO act FROM civil_status.act a WHERE a.identifier = p_identifier;
  END IF;
  IF act.id IS NULL THEN
    RETURN;
  END IF;
  mentions := coalesce((SELECT jsonb_agg(m.body ORDER BY m.ordinal) FROM civil_status.mention m WHERE m.act = act.id), '[]');
  IF NOT (p_subject = ANY (act.parties) OR p_subject IS NOT DISTINCT FROM act.holder) THEN  -- one's own is nobody's read
    PERFORM set_config('lock_timeout', '100ms', true);
    seq := (SELECT e.seq FROM msg.emit('access', p_subject, p_type, act.collectivity, convert_to((p_read::jsonb
      || jsonb_build_object('aggregate', 'act', 'ids', jsonb_build_array(act.id),
           'at', to_char(now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))::text, 'UTF8'),
      p_headers::jsonb, now) e);
  END IF;
END $$;

-- Names that one may mean: with the sounds, or with enough of the letters.
CREATE FUNCTION civil_status.alike(p_keys text[], p_folded text, p_arabic boolean, p_most int)
RETURNS TABLE (id int, ar text, latin text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('pg_trgm.similarity_threshold', '0.45', true);
  IF p_arabic THEN
    RETURN QUERY SELECT id, ar, latin FROM civil_status.name WHERE ar_key = ANY (p_keys)
      UNION SELECT id, ar, latin FROM civil_status.name WHERE latin <> '' AND latin_key = ANY (p_keys)
      UNION SELECT id, ar, latin FROM civil_status.name WHERE ar OPERATOR(civil_status.%) p_folded LIMIT p_most;
  ELSE
    RETURN QUERY SELECT id, ar, latin FROM civil_status.name WHERE ar_key = ANY (p_keys)
      UNION SELECT id, ar, latin FROM civil_status.name WHERE latin <> '' AND latin_key = ANY (p_keys)
      UNION SELECT id, ar, latin FROM civil_status.name WHERE latin OPERATOR(civil_status.%) p_folded LIMIT p_most;
  END IF;
END $$;

REVOKE EXECUTE ON FUNCTION civil_status.look_up(text, text, text, text, text, text, int, int, text, int, text, text),
  civil_status.alike(text[], text, boolean, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.look_up(text, text, text, text, text, text, int, int, text, int, text, text),
  civil_status.alike(text[], text, boolean, int) TO @api;
