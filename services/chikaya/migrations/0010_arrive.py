"""Whoever files arrives without a lock: scope, legal time, and whether the key is answered (0056)."""

from shared.migrate import run_script

revision = "chikaya_0010"
down_revision = "chikaya_0009"

ARRIVE = """
CREATE FUNCTION chikaya.arrive(p_subject text, p_communes text, p_provinces text, p_key text)
RETURNS TABLE (now timestamptz, claimed boolean) LANGUAGE plpgsql AS $$
DECLARE
  arrived timestamptz := msg.arrive(p_subject, p_communes, p_provinces);
BEGIN
  RETURN QUERY SELECT arrived, msg.unanswered(p_subject, p_key);
END $$;
REVOKE EXECUTE ON FUNCTION chikaya.arrive(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chikaya.arrive(text, text, text, text) TO @api
"""


def upgrade() -> None:
    run_script(ARRIVE)
