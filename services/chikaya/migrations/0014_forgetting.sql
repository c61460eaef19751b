-- What nobody confirmed: subscriptions, and contacts of reports that nobody typed in for somebody.
CREATE INDEX subscription_pending ON chikaya.subscription (begun_at) WHERE standing = 'pending';
CREATE INDEX report_unconfirmed ON chikaya.report (received_at)
  WHERE filed_by = '' AND body ->> 'contact_confirmed_at' IS NULL
    AND coalesce(body #>> '{contact,email}', body #>> '{contact,phone}') IS NOT NULL;
GRANT UPDATE (address, latitude, longitude, radius, standing, version) ON chikaya.subscription TO @worker;

-- The code that was sent to an address is written beside that address.
CREATE FUNCTION chikaya.forget_notices(p_about text, p_recipient text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chikaya, pg_temp AS $$
  DELETE FROM msg.notice WHERE about = p_about AND recipient = p_recipient
$$;
REVOKE EXECUTE ON FUNCTION chikaya.forget_notices(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chikaya.forget_notices(text, text) TO @worker;
