"""Who brought which content: what services remembered on their own goes on in the kernel's table."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from services.civil_status.app import SERVICE as CIVIL_STATUS
from services.rokhas.app import SERVICE as ROKHAS
from services.watiqa.app import SERVICE as WATIQA
from shared.auth import Actor
from shared.errors import Invalid
from shared.http.files import brought, content_of
from shared.migrate import migrate
from shared.service import Service
from tests.support.databases import Databases

OLD = "a" * 64
LATE = "b" * 64
OWNER, STRANGER = Actor(subject="owner"), Actor(subject="stranger")


@pytest.mark.parametrize(
    ("service", "since"),
    [(ROKHAS, "0005"), (CIVIL_STATUS, "0011"), (WATIQA, "0003")],
    ids=["rokhas", "civil_status", "watiqa"],
)
async def test_what_was_brought_before_the_upgrade_is_still_its_bringers(
    databases: Databases, tmp_path: Path, service: Service, since: str
) -> None:
    before = tmp_path / "migrations"
    shutil.copytree(service.migrations, before, ignore=shutil.ignore_patterns("__pycache__"))
    for script in before.glob("*.py"):
        if script.name >= since:
            script.unlink()
    database = await databases.clone(service.name, before)
    # As the older release says it, which in a rolling restart goes on doing so beside the newer one.
    remember = text(
        f"INSERT INTO {service.name}.upload (sha256, uploader, name, media_type, size, uploaded_at)"
        " VALUES (:sha256, 'owner', 'plan.pdf', 'application/pdf', 9, now()) ON CONFLICT DO NOTHING"
    )
    mine = text(f"SELECT sha256 FROM {service.name}.upload WHERE uploader = 'owner'")
    async with database.api.transaction(OWNER) as tx:
        await tx.execute(remember, {"sha256": OLD})

    await migrate(database.migrator_dsn, service.name, service.migrations, development=True)

    async with database.api.transaction(OWNER) as tx:
        await tx.execute(remember, {"sha256": LATE})
        assert {row.sha256 for row in await tx.execute(mine)} == {OLD, LATE}
        await brought(tx, OLD, LATE)
    async with database.api.transaction(STRANGER) as tx:
        assert (await tx.execute(mine)).first() is None
        with pytest.raises(Invalid, match="file_unknown"):
            await brought(tx, OLD)
        for by, name in (("owner", "plan.pdf"), ("stranger", f"{OLD[:12]}.pdf")):
            held = await content_of(tx, OLD, by=by)
            assert held is not None
            assert held.name == name
