"""A caller's arrival at one file: scope, legal time, key, the file, and the last number of its commune."""

from shared.migrate import run_script

revision = "rokhas_0003"
down_revision = "rokhas_0002"

# Each statement in turn, so the file is read under the scope that was set just before. The number is looked
# at, not drawn: it is drawn with the write, and must then still be the next one.
ARRIVE = """
CREATE FUNCTION rokhas.last_number(p_collectivity text, OUT year int, OUT last int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = rokhas, pg_temp AS $$
  SELECT year, last FROM numbering WHERE collectivity = p_collectivity ORDER BY year DESC LIMIT 1
$$;

CREATE FUNCTION rokhas.arrive(
  p_subject text, p_communes text, p_provinces text, p_key text, p_id uuid
) RETURNS TABLE (
  now timestamptz, claimed boolean, id uuid, procedure text, procedure_version int, collectivity text,
  applicant text, state text, reference text, instructor text, drafted_at timestamptz,
  submitted_at timestamptz, version bigint, body text, numbered_in int, numbered int
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  arrived timestamptz := msg.arrive(p_subject, p_communes, p_provinces);
BEGIN
  RETURN QUERY SELECT arrived, msg.unanswered(p_subject, p_key), d.id, d.procedure, d.procedure_version,
      d.collectivity, d.applicant, d.state, d.reference, d.instructor, d.drafted_at, d.submitted_at,
      d.version, d.body::text, n.year, n.last
    FROM (SELECT) AS always LEFT JOIN rokhas.dossier d ON d.id = p_id
    LEFT JOIN LATERAL rokhas.last_number(d.collectivity) n ON true;
END $$;

REVOKE EXECUTE ON FUNCTION rokhas.last_number(text), rokhas.arrive(text, text, text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rokhas.last_number(text), rokhas.arrive(text, text, text, text, uuid) TO @api;
"""


def upgrade() -> None:
    run_script(ARRIVE)
