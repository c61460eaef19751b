"""Whose proxies the caller holds: the index on `proxies` serves nobody behind row-level security, for its
operator is not leakproof and is asked of every file that the policy lets through.
"""

from shared.migrate import run_script

revision = "rokhas_0002"
down_revision = "rokhas_0001"


def upgrade() -> None:
    run_script("""
        CREATE FUNCTION rokhas.held_by_proxy() RETURNS SETOF uuid
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = rokhas, pg_temp AS $$
          SELECT id FROM rokhas.dossier WHERE proxies @> ARRAY[current_setting('app.subject')]
        $$;
        REVOKE EXECUTE ON FUNCTION rokhas.held_by_proxy() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION rokhas.held_by_proxy() TO @api;
    """)
