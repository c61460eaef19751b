-- A file of digitised acts says what was drawn up, not what stands in the margin: an officer looks at the paper, once.
ALTER TABLE civil_status.act ADD margin_checked_at timestamptz, ADD margin_checked_by text;
GRANT UPDATE (margin_checked_at, margin_checked_by) ON civil_status.act TO @api, @worker;

-- Acts that the window asked for and whose margin nobody has looked at: what the office is to do.
CREATE TABLE civil_status.margin_wanted (
  act uuid PRIMARY KEY REFERENCES civil_status.act (id), collectivity text NOT NULL, asked_at timestamptz NOT NULL
);
CREATE INDEX margin_wanted_place ON civil_status.margin_wanted (collectivity, asked_at, act);
ALTER TABLE civil_status.margin_wanted ENABLE ROW LEVEL SECURITY;
CREATE POLICY place ON civil_status.margin_wanted TO @api
  USING (civil_status.sees(collectivity, '{}')) WITH CHECK (civil_status.sees(collectivity, '{}'));
CREATE POLICY worker ON civil_status.margin_wanted TO @worker USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON civil_status.margin_wanted TO @api;
GRANT SELECT, INSERT ON civil_status.margin_wanted TO @worker;

-- The day on which an act of death, of whatever office, says that the holder of an identifier died; as it now reads.
-- A day and nothing else: who may not see the act of death may have to know that there is one.
CREATE FUNCTION civil_status.death_of(p_identifier text) RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = civil_status, pg_temp AS $$
  SELECT coalesce((SELECT (m.body #>> '{changes,event.on}')::date FROM mention m
      WHERE m.act = a.id AND jsonb_exists(m.body -> 'changes', 'event.on') ORDER BY m.ordinal DESC LIMIT 1), a.event_on)
    FROM act a WHERE a.identifier = p_identifier AND a.kind = 'death' AND a.state <> 'annulled' ORDER BY a.id LIMIT 1
$$;
REVOKE EXECUTE ON FUNCTION civil_status.death_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION civil_status.death_of(text) TO @api, @worker;
