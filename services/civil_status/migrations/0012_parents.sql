-- Who asks with both parents' names and nothing else: each pair of them is one descent, as a pair of name and given
-- name is in act_name. In act_parents a father of a common name has as many acts as a city.
CREATE INDEX IF NOT EXISTS act_couple ON civil_status.act (father_name, mother_name, collectivity, event_on)
  WHERE father_name IS NOT NULL AND mother_name IS NOT NULL;
