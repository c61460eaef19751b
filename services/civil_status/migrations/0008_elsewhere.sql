-- Whether there is such an act, in whatever commune: two acts that seem to say the same may stand in two offices.
CREATE FUNCTION civil_status.act_exists(p_id uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
  SELECT EXISTS (SELECT FROM act WHERE id = p_id)
$$;
REVOKE EXECUTE ON FUNCTION civil_status.act_exists(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.act_exists(uuid) TO @api;
