"""A request's scope, its legal time and its idempotency key in one round trip."""

from shared.migrate import run_script

revision = "kernel_0005"
down_revision = "kernel_0004"

# With the caller's rights: row-level security holds for the key's row. The instant is read after another
# request with this key was waited for.
ENTER = """
CREATE FUNCTION msg.enter(
  p_subject text, p_communes text, p_provinces text, p_key text, p_route text, p_hash bytea,
  OUT now timestamptz, OUT claimed boolean
) LANGUAGE plpgsql SET search_path = msg, pg_temp AS $$
BEGIN
  PERFORM set_config('app.subject', p_subject, true), set_config('app.communes', p_communes, true),
    set_config('app.provinces', p_provinces, true);
  INSERT INTO msg.idempotency (principal, key, route, request_hash)
    VALUES (p_subject, p_key, p_route, p_hash) ON CONFLICT DO NOTHING;
  claimed := FOUND;
  now := msg.legal_now();
END $$;
REVOKE EXECUTE ON FUNCTION msg.enter(text, text, text, text, text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION msg.enter(text, text, text, text, text, bytea) TO @api;
"""


def upgrade() -> None:
    run_script(ENTER)
