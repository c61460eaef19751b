-- The second request with a key waits for the first on the lock, then sees its row: each statement here has a
-- snapshot of its own. Two keys that hash alike only wait for each other. The instant is read after the wait.
-- With the caller's rights: row-level security holds for the key's row.
CREATE FUNCTION msg.claim(
  p_subject text, p_communes text, p_provinces text, p_key text, OUT now timestamptz, OUT claimed boolean
) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.subject', p_subject, true), set_config('app.communes', p_communes, true),
    set_config('app.provinces', p_provinces, true);
  PERFORM pg_advisory_xact_lock(hashtext(p_subject), hashtext(p_key));
  claimed := NOT EXISTS (SELECT FROM msg.idempotency i WHERE i.principal = p_subject AND i.key = p_key);
  now := msg.legal_now();
END $$;
REVOKE EXECUTE ON FUNCTION msg.claim(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION msg.claim(text, text, text, text) TO @api;
