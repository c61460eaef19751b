"""`jamaa acts import`: what a person sees of it."""

import csv
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.command import Refused
from deploy.operator.imports import import_acts
from deploy.registry import SERVICES
from services.civil_status.domain.rejects import REMEDIES
from shared.errors import Invalid
from tests.civil_status.files import line, written
from tests.support.databases import ServiceDatabase

OPERATIONS = text("SELECT by, what FROM msg.operation ORDER BY number")
ACTS = text("SELECT count(*) FROM civil_status.act")


class Command:
    """The command on this database, as operators of development type it."""

    def __init__(self, database: ServiceDatabase, home: Path) -> None:
        self.rejects = home / "acts.csv.rejects.csv"
        self._variables = {
            "JAMAA_PROFILE": "development",
            "JAMAA_HOME": str(home),
            # Who types is asked of the first service of the registry, whichever that is.
            **{f"JAMAA_{one.name.upper()}_DATABASE_URL": database.api_dsn for one in SERVICES},
            **{f"JAMAA_{one.name.upper()}_WORKER_DATABASE_URL": database.worker_dsn for one in SERVICES},
            "JAMAA_KAFKA_BOOTSTRAP": "127.0.0.1:1",
            "JAMAA_ISSUER": "http://127.0.0.1/issuer",
            "JAMAA_JWKS_URL": "file:///none",
            "JAMAA_PAYMENT_SECRET": "a secret that the tests share with the provider",
        }

    async def __call__(self, file: Path, *, dry_run: bool = False, encoding: str = "utf-8") -> int:
        return await import_acts(
            self._variables,
            file,
            encoding=encoding,
            rejects=self.rejects,
            language="fr",
            dry_run=dry_run,
            by="operator-7",
        )


@pytest.fixture
def command(civil_status: ServiceDatabase, tmp_path: Path) -> Command:
    return Command(civil_status, tmp_path)


async def count(database: ServiceDatabase) -> int:
    async with database.worker.transaction() as tx:
        found: int = (await tx.execute(ACTS)).scalar_one()
        return found


async def test_a_trial_changes_nothing_and_then_it_is_done(
    civil_status: ServiceDatabase, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "acts.csv", [line(1), line(2, sex="?"), line(3)])
    assert await command(file, dry_run=True) == 1
    assert "3 lines: 2 would be imported, 0 there already, 1 rejected" in capsys.readouterr().out
    assert await count(civil_status) == 0
    tried = command.rejects.read_text(encoding="utf-8")
    with pytest.raises(Refused, match="is there already"):
        await command(file, dry_run=True)
    assert await command(file) == 1
    assert "3 lines: 2 imported, 0 there already, 1 rejected" in capsys.readouterr().out
    assert await count(civil_status) == 2
    assert command.rejects.read_text(encoding="utf-8") == tried
    [reject] = csv.DictReader(tried.splitlines())
    assert (reject["line"], reject["column"], reject["code"]) == ("3", "sex", "sex_unknown")
    assert reject["what_to_do"] == REMEDIES["sex_unknown"]["fr"]
    assert await command(file) == 1, "the same again says the same"
    assert "this file was imported before" in capsys.readouterr().err
    async with civil_status.worker.transaction() as tx:
        assert [tuple(row) for row in await tx.execute(OPERATIONS)] == [("operator-7", "acts import")] * 2


async def test_a_good_file_ends_with_0_and_leaves_no_rejects(command: Command, tmp_path: Path) -> None:
    assert await command(written(tmp_path / "acts.csv", [line(1)])) == 0
    assert not command.rejects.exists()


async def test_what_cannot_be_read_is_refused(command: Command, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        await command(tmp_path / "none.csv")
    file = written(tmp_path / "acts.csv", [line(n) for n in range(1, 9)], encoding="windows-1256")
    with pytest.raises(Invalid) as refused:
        await command(file)
    assert "windows-1256" in refused.value.detail["en"]
    assert await command(file, encoding="windows-1256") == 0
