"""Two processes of the register on one database: what is sealed for one, the other opens."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from joserfc.jwk import ECKey

from services.civil_status.consumers.matching import take_questions
from shared.sealing import KeyFiles, sealed_for
from tests.civil_status.filed import an_act
from tests.civil_status.test_consumers import BORN, NAMES, announced, public_key, question
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

REPLICA: Final = """
import asyncio, sys
from pathlib import Path
from services.civil_status.consumers.matching import answer_once, keep_keys_once
from shared.db import Database
from shared.sealing import KeyFiles

async def main(dsn, directory):
    database, keys = Database(dsn), KeyFiles(Path(directory))
    await keep_keys_once(database, keys)
    while await answer_once(database, keys):
        pass
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def replica(database: ServiceDatabase, directory: Path) -> None:
    """Another process keeps its keys and answers what there is to answer."""
    told = (sys.executable, "-c", REPLICA, database.worker_dsn, str(directory))
    process = await asyncio.create_subprocess_exec(*told, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


@pytest.mark.parametrize(("volume", "outcome"), [("keys", "found"), ("its-own", "unreadable")])
async def test_what_is_sealed_for_one_replica_is_opened_by_another_of_the_same_volume(
    api: Api, civil_status: ServiceDatabase, tmp_path: Path, volume: str, outcome: str
) -> None:
    await an_act(api)
    keys = KeyFiles(tmp_path / "keys")
    sealed = sealed_for(await public_key(civil_status, keys), json.dumps(NAMES | {"event_on": BORN}).encode())
    async with civil_status.worker.transaction() as tx:
        await take_questions(tx, question(sealed))
    await replica(civil_status, tmp_path / volume)
    type_, _ = (await announced(civil_status, "matching"))[-1]
    assert type_.split(".")[-2] == outcome
    one_key = len(await announced(civil_status, "sealing_key")) == 1
    assert one_key is (outcome == "found"), "a replica that has the present key publishes no other"


def test_a_key_is_made_once_however_many_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that lost its connection still makes the key that another makes in its place."""
    slow, quick = KeyFiles(tmp_path / "keys"), KeyFiles(tmp_path / "keys")
    generate = ECKey.generate_key
    first: list[dict[str, str]] = []

    def meanwhile(*arguments: Any, **options: Any) -> ECKey:
        made = generate(*arguments, **options)
        monkeypatch.setattr(ECKey, "generate_key", generate)
        first.append(quick.make("k1"))
        return made

    monkeypatch.setattr(ECKey, "generate_key", meanwhile)
    assert [slow.make("k1")] == first
    sealed = sealed_for(first[0], b"what the window asks")
    assert quick.unseal(sealed) == b"what the window asks"
    slow.destroy("k1")
    assert not quick.holds("k1")
