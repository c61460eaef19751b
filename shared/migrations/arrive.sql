-- The scope is the session's: the same connection writes under it in a statement to come. Whoever uses a
-- connection sets a scope of their own or clears this one (`shared.pool.Session.scoped`).
-- Whether the key is answered is asked by the statement that reads the aggregate: whoever sees what the first
-- request did sees its answer too. `moved` is a serialisation failure, after which the request is tried again.
CREATE FUNCTION msg.arrive(p_subject text, p_communes text, p_provinces text) RETURNS timestamptz
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.subject', p_subject, false), set_config('app.communes', p_communes, false),
    set_config('app.provinces', p_provinces, false);
  RETURN msg.legal_now();
END $$;

CREATE FUNCTION msg.unanswered(p_subject text, p_key text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (SELECT FROM msg.idempotency WHERE principal = p_subject AND key = p_key)
$$;

CREATE FUNCTION msg.moved(p_aggregate text, p_subject text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% % moved while it was decided on', p_aggregate, p_subject
    USING ERRCODE = 'serialization_failure';
END $$;

REVOKE EXECUTE ON FUNCTION msg.arrive(text, text, text), msg.unanswered(text, text),
  msg.moved(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION msg.arrive(text, text, text), msg.unanswered(text, text),
  msg.moved(text, text) TO @api;
