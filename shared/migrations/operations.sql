-- What operators did to this database. It is only added to: whoever writes says neither when nor as which role.
CREATE TABLE msg.operation (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(), role name NOT NULL DEFAULT session_user,
  by text NOT NULL CHECK (by <> ''), what text NOT NULL, detail json NOT NULL  -- as it was said, in that order
);
GRANT SELECT, INSERT (by, what, detail) ON msg.operation TO @worker;

-- Nobody adds a skip that is already confirmed, none is confirmed twice, and what was discarded once can be
-- proposed again when it comes again.
ALTER TABLE msg.skip_register DROP CONSTRAINT skip_register_pkey,
  ADD PRIMARY KEY (consumer, source, aggregatetype, aggregateid, seq, proposed_at),
  ADD CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL));
CREATE UNIQUE INDEX skip_register_open ON msg.skip_register (consumer, source, aggregatetype, aggregateid, seq)
  WHERE confirmed_by IS NULL;
REVOKE INSERT, UPDATE ON msg.skip_register FROM @worker;
GRANT INSERT (consumer, source, aggregatetype, aggregateid, seq, proposed_by, reason) ON msg.skip_register TO @worker;

CREATE FUNCTION msg.confirm_skip(
  p_consumer text, p_source text, p_aggregate text, p_subject text, p_seq bigint, p_by text
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = msg, pg_temp AS $$
BEGIN
  UPDATE msg.skip_register SET confirmed_by = p_by, confirmed_at = clock_timestamp()
    WHERE consumer = p_consumer AND source = p_source AND aggregatetype = p_aggregate AND aggregateid = p_subject
      AND seq = p_seq AND confirmed_by IS NULL;
  RETURN FOUND;
END $$;
REVOKE EXECUTE ON FUNCTION msg.confirm_skip(text, text, text, text, bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION msg.confirm_skip(text, text, text, text, bigint, text) TO @worker;
