"""Whether the outbox has room, for roles that may not look into it."""

from shared.migrate import run_script

revision = "kernel_0004"
down_revision = "kernel_0003"


def upgrade() -> None:
    run_script("""
        CREATE FUNCTION msg.outbox_has_room(p_most bigint) RETURNS boolean LANGUAGE sql STABLE
        SECURITY DEFINER SET search_path = msg, pg_temp AS $$
          SELECT count(*) < p_most FROM (SELECT FROM msg.outbox_pending LIMIT p_most) counted
        $$;
        REVOKE EXECUTE ON FUNCTION msg.outbox_has_room(bigint) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION msg.outbox_has_room(bigint) TO @api, @worker""")
