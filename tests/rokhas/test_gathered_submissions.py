"""Many submit at one moment while connections die, statements are cancelled, locks are held and people leave:
each file once, each key one answer, numbers without gap or double (0057).
"""

import asyncio
import random
from collections import defaultdict
from contextlib import suppress
from uuid import UUID, uuid4

import asyncpg

from tests.rokhas.conftest import Happened
from tests.rokhas.filed import filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

COMMUNES = [f"{region:02d}.141.01.0" for region in range(1, 7)]
FILES = 40
SECONDS = 2.0  # in which all of them come
HARM = (
    "SELECT pg_{how}_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'test%' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2) AS chosen"
)
NUMBERS = """SELECT array_agg(right(reference, 5)::int ORDER BY reference) AS given, max(n.last) AS last
  FROM rokhas.dossier JOIN rokhas.numbering n USING (collectivity) WHERE reference IS NOT NULL
  GROUP BY collectivity"""


class Trouble:
    """Until it is over: sessions are ended or their statements cancelled, and rows are held for a while."""

    def __init__(self, database: ServiceDatabase, files: list[UUID], chance: random.Random) -> None:
        self.database = database
        self.files = files
        self.chance = chance
        self.over = asyncio.Event()
        self.harmed = 0

    async def harming(self) -> None:
        connection = await asyncpg.connect(self.database.admin_dsn)
        while not self.over.is_set():
            how = self.chance.choice(["terminate", "cancel"])
            self.harmed += len(await connection.fetch(HARM.format(how=how)))
            await asyncio.sleep(self.chance.uniform(0.02, 0.12))
        await connection.close()

    async def holding(self) -> None:
        connection = await asyncpg.connect(self.database.admin_dsn)
        while not self.over.is_set():
            async with connection.transaction():
                await connection.execute(
                    "SELECT FROM rokhas.numbering WHERE collectivity = $1 FOR UPDATE",
                    self.chance.choice(COMMUNES),
                )
                await connection.execute(
                    "SELECT FROM rokhas.dossier WHERE id = $1 FOR UPDATE", self.chance.choice(self.files)
                )
                await asyncio.sleep(self.chance.uniform(0.01, 0.25))
        await connection.close()


async def submits(api: Api, file: UUID, who: str, key: str, chance: random.Random) -> tuple[int, bytes]:
    """As an application does: again, with the same key, until there is an answer. Some people leave once."""
    await asyncio.sleep(chance.uniform(0, SECONDS))
    leaves = chance.random() < 0.2
    while True:
        sent = asyncio.create_task(api.post(f"/v1/dossiers/{file}/submission", who, json={}, key=key))
        if leaves:
            leaves = False
            await asyncio.sleep(chance.uniform(0, 0.2))
            sent.cancel()
            with suppress(asyncio.CancelledError):
                await sent
            continue
        answer = await sent
        if answer.status_code != 503:
            return answer.status_code, answer.content
        await asyncio.sleep(chance.uniform(0.05, 0.3))


async def test_each_file_once_each_key_one_answer_and_no_gap(
    api: Api, rokhas: ServiceDatabase, happened: Happened
) -> None:
    chance = random.Random(7)
    for commune in COMMUNES[1:]:  # the first one's year begins among them
        await filed(rokhas, collectivity=commune)
    people = ["citizen", "citizen2"]
    files = {
        await filed(rokhas, collectivity=chance.choice(COMMUNES), by=who, submitted=False): who
        for who in people * (FILES // 2)
    }
    trouble = Trouble(rokhas, list(files), chance)
    async with asyncio.TaskGroup() as outside:
        outside.create_task(trouble.harming())
        outside.create_task(trouble.holding())
        keys = [(file, key) for file in files for key in (uuid4().hex, uuid4().hex)]
        twins = [one for n, one in enumerate(keys) for _ in range(2 if n % 2 else 1)]
        told = await asyncio.gather(*(submits(api, file, files[file], key, chance) for file, key in twins))
        trouble.over.set()

    assert trouble.harmed
    answers = defaultdict(set)
    for one, answer in zip(twins, told, strict=True):
        answers[one].add(answer)
    assert {len(answer) for answer in answers.values()} == {1}
    for file in files:
        outcomes = [status for (about, _), [(status, _)] in answers.items() if about == file]
        assert sorted(outcomes) == [200, 409], "one of two keys submitted it, the other came too late"
        assert (await happened(str(file))).count("submitted") == 1
    connection = await asyncpg.connect(rokhas.admin_dsn)
    for row in await connection.fetch(NUMBERS):
        assert row["given"] == list(range(1, row["last"] + 1))
    await connection.close()
