-- Whether the key is answered is asked by the statement that reads the aggregate: whoever sees what the first
-- request did sees its answer too. The write that follows says again for whom it is; whoever holds what it
-- wants is not waited for long, since others may wait with it. `moved` is a serialisation failure, after which
-- the request is tried again.
CREATE FUNCTION msg.arrive(p_subject text, p_communes text, p_provinces text) RETURNS timestamptz
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.subject', p_subject, true), set_config('app.communes', p_communes, true),
    set_config('app.provinces', p_provinces, true);
  RETURN msg.legal_now();
END $$;

CREATE FUNCTION msg.act(p_subject text, p_communes text, p_provinces text, p_key text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.subject', p_subject, true), set_config('app.communes', p_communes, true),
    set_config('app.provinces', p_provinces, true), set_config('lock_timeout', '100ms', true),
    pg_advisory_xact_lock(hashtext(p_subject), hashtext(p_key));
END $$;

CREATE FUNCTION msg.unanswered(p_subject text, p_key text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (SELECT FROM msg.idempotency WHERE principal = p_subject AND key = p_key)
$$;

CREATE FUNCTION msg.moved(p_aggregate text, p_subject text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% % moved while it was decided on', p_aggregate, p_subject
    USING ERRCODE = 'serialization_failure';
END $$;

REVOKE EXECUTE ON FUNCTION msg.arrive(text, text, text), msg.act(text, text, text, text), msg.unanswered(text, text),
  msg.moved(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION msg.arrive(text, text, text), msg.act(text, text, text, text), msg.unanswered(text, text),
  msg.moved(text, text) TO @api;
