ALTER TABLE msg.skip_register ADD COLUMN never_announced boolean NOT NULL DEFAULT false;
DROP INDEX msg.skip_register_open;
CREATE UNIQUE INDEX skip_register_open ON msg.skip_register
  (consumer, source, aggregatetype, aggregateid, seq, never_announced) WHERE confirmed_by IS NULL;
GRANT INSERT (never_announced) ON msg.skip_register TO @worker;

DROP FUNCTION msg.confirm_skip(text, text, text, text, bigint, text);
CREATE FUNCTION msg.confirm_skip(
  p_consumer text, p_source text, p_aggregate text, p_subject text, p_seq bigint,
  p_never_announced boolean, p_by text
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = msg, pg_temp AS $$
BEGIN
  UPDATE msg.skip_register SET confirmed_by = p_by, confirmed_at = clock_timestamp()
    WHERE consumer = p_consumer AND source = p_source AND aggregatetype = p_aggregate
      AND aggregateid = p_subject AND seq = p_seq AND never_announced = p_never_announced
      AND confirmed_by IS NULL;
  RETURN FOUND;
END $$;
REVOKE EXECUTE ON FUNCTION msg.confirm_skip(text, text, text, text, bigint, boolean, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION msg.confirm_skip(text, text, text, text, bigint, boolean, text) TO @worker;
