"""Who types a command: a name is believed in development only, and the database says what it lives in."""

import asyncpg
import pytest

from deploy.command import Refused
from deploy.operator.identity import login, operator
from deploy.registry import SERVICES
from tests.support.databases import Databases


@pytest.mark.parametrize(("by", "proven"), [("driss", False), ("driss", True), (None, True)])
async def test_a_production_database_believes_no_name(
    databases: Databases, by: str | None, proven: bool
) -> None:
    first = SERVICES[0]
    made = await databases.clone(first.name, first.migrations)
    own = f"JAMAA_{first.name.upper()}_"
    variables = {
        "JAMAA_PROFILE": "development",  # the shell's word
        f"{own}DATABASE_URL": made.admin_dsn,
        f"{own}WORKER_DATABASE_URL": made.admin_dsn,
        "JAMAA_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "JAMAA_ISSUER": "http://127.0.0.1/issuer",
    }
    assert await operator(variables, by, proven=proven) == (by or login())
    owner = await asyncpg.connect(made.admin_dsn)
    await owner.execute("UPDATE msg.legal_clock SET shift = '0', profile = 'production'")
    await owner.close()
    with pytest.raises(Refused, match="JAMAA_TOKEN"):
        await operator(variables, by, proven=proven)
    assert await operator(variables) == login(), "nothing that takes a second person"
