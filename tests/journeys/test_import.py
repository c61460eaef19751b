"""Acts that were digitised elsewhere are taken over: killed with -9 half-way and started again, the count is
exact in the register, on Kafka and in the file of rejects; and what was taken over can be issued of.
"""

import asyncio
import csv
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text

from deploy.auditor import workers
from deploy.demo.stage import until
from services.civil_status.domain.taken_over import REQUIRED, counted, place_id
from services.civil_status.store.imports import identity
from services.civil_status.take_over.reading import LINES, digest
from shared.db import Database
from shared.documents.check import check_file
from shared.documents.claim import Verdict
from shared.documents.keys import published
from tests.journeys.broker import read
from tests.journeys.conftest import Platform
from tests.journeys.people import SETTAT
from tests.journeys.window import REQUESTS, asked, documents, reading, unheard, until_state
from tests.support.launching import ROOT, environment

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOPIC: Final = "jamaa.civil_status.import.events"
OFFICE: Final = "06.461.01.05-01"  # El Borouj: no other journey has acts there, so that they can be counted
YEARS: Final = range(1950, 1960)
A_YEAR: Final = 8_000
"""Lines of each year's register: four chunks in all."""
BROKEN: Final = {17: "sex_unknown", 4_031: "line_broken", 7_000: "number_taken"}
"""What is wrong with a line, by its place in each year."""
REFUSED: Final = len(BROKEN) * len(YEARS)
GOOD: Final = A_YEAR * len(YEARS) - REFUSED
COLUMNS: Final = (*REQUIRED, "given_latin", "sex", "drawn_up_on")

STANDING: Final = text("""
    SELECT i.line, i.imported, i.finished_at IS NOT NULL AS finished,
      (SELECT count(*) FROM civil_status.act WHERE office = :office) AS acts
    FROM civil_status.import i WHERE i.id = :id""")
ANNOUNCED: Final = text("SELECT count(*) FROM msg.event_log WHERE aggregateid = :id")


def lines(name: str) -> Iterator[str]:
    yield ",".join(COLUMNS)
    for year in YEARS:
        for number in range(1, A_YEAR + 1):
            wrong = BROKEN.get(number)
            given = f'"{name}' if wrong == "line_broken" else name
            # The number of the line before, of somebody else.
            taken = number - 1 if wrong == "number_taken" else number
            sex = "?" if wrong == "sex_unknown" else "male"
            day = f"{year}-{1 + number % 12:02}-{1 + number % 28:02}"
            latin = "Idriss" if number % 2 else "Driss"
            yield f"birth,{OFFICE},{year},{taken},{day},البروج,{given},{latin},{sex},{year}-12-31"


def expected_rejects() -> list[tuple[str, str]]:
    """Line and code. The header is line 1."""
    return [
        (str(1 + place * A_YEAR + number), code)
        for place in range(len(YEARS))
        for number, code in BROKEN.items()
    ]


async def begun(home: Path, file: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "acts", "import", str(file), "--by", "salma"),
        cwd=ROOT,
        env=environment(home),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def standing(database: Database, file: Path) -> tuple[int, int, bool, int]:
    """Lines read, acts imported, whether it is finished, and acts of the office: at one moment."""
    async with database.transaction() as tx:
        found = await tx.execute(STANDING, {"id": identity(digest(file)), "office": OFFICE})
        row = found.one_or_none()
        return (0, 0, False, 0) if row is None else (row.line, row.imported, row.finished, row.acts)


async def test_killed_half_way_it_is_resumed_with_the_exact_count(
    running: Platform, home: Path, tmp_path: Path, kcat: str
) -> None:
    name = unheard()
    file = tmp_path / "acts.csv"
    file.write_text("\n".join(lines(name)) + "\n", encoding="utf-8")
    rejects = tmp_path / "acts.csv.rejects.csv"
    import_ = identity(digest(file))
    async with workers(running.stage.variables) as databases:
        register = databases["civil_status"]

        async def some() -> bool:
            return (await standing(register, file))[0] >= LINES

        killed = await begun(home, file)
        await until("a first chunk", some, expected=True)
        killed.send_signal(signal.SIGKILL)
        assert await killed.wait() == -signal.SIGKILL
        read_to, imported, finished, acts = await standing(register, file)
        assert 0 < read_to < A_YEAR * len(YEARS)
        assert not finished
        assert acts == imported < read_to
        assert not rejects.exists()

        resumed = await begun(home, file)
        out, said = await resumed.communicate()
        assert resumed.returncode == 1, said.decode()
        assert "going on after " in said.decode()
        summed = f"{GOOD + REFUSED:,} lines: {GOOD:,} imported, 0 there already, {REFUSED} rejected"
        assert summed in out.decode()
        assert await standing(register, file) == (GOOD + REFUSED, GOOD, True, GOOD)
        with rejects.open(encoding="utf-8", newline="") as listed:
            assert [(one["line"], one["code"]) for one in csv.DictReader(listed)] == expected_rejects()

        async def told() -> Counter[str]:
            """Each act that was named, counted once for each time that it was."""
            records = [one for one in await read(kcat, running.bootstrap, TOPIC) if one.key == str(import_)]
            distinct = {one.headers["ce_id"]: one for one in records}.values()
            acts = [json.loads(one.value) for one in distinct if one.what == "acts_imported"]
            for event in acts:
                assert event["acts"] == sum(counted(one["numbers"]) for one in event["registers"])
            return Counter(
                finished=sum(one.what == "finished" for one in distinct),
                acts=sum(one["acts"] for one in acts),
            )

        await until("the acts that Kafka was told of", told, Counter(finished=1, acts=GOOD))

        async def announced() -> int:
            async with register.transaction() as tx:
                return int((await tx.execute(ANNOUNCED, {"id": str(import_)})).scalar_one())

        events, kept = await announced(), rejects.read_bytes()
        again = await begun(home, file)
        out, said = await again.communicate()
        assert (again.returncode, summed in out.decode()) == (1, True), said.decode()
        assert "this file was imported before" in said.decode()
        assert await standing(register, file) == (GOOD + REFUSED, GOOD, True, GOOD)
        assert (await announced(), rejects.read_bytes()) == (events, kept)

    await issued_of(running, home, name, year=YEARS[3], number=A_YEAR)


async def issued_of(running: Platform, home: Path, name: str, *, year: int, number: int) -> None:
    """An act that was taken over is found by its number, from another office. Nothing is issued of it before
    the officer who holds the paper has looked at its margin; then it is issued by itself.
    """
    on, act = running.stage, place_id(OFFICE, year, "birth", number)
    agent = reading(on.person("agent", SETTAT))
    request = await asked(
        agent,
        "birth_extract",
        capacity="self",
        delivery="counter",
        counter={"identity": "national_card"},
        act={"given": name, "office": OFFICE, "year": year, "number": number},
    )
    waiting = await until_state(agent, request, "under_control")
    assert waiting["control"] == "margin_unknown"
    officer = reading(on.person("civil_status_officer", SETTAT))
    refused = await officer.refused(f"{REQUESTS}/{request}/approval", {}, 409, "margin_unknown")
    assert refused["act"] == act
    holding = reading(on.person("civil_status_officer", OFFICE.rpartition("-")[0]))
    await holding.post(f"/civil_status/v1/acts/{act}/margin-check", {})
    await until_state(agent, request, "issued")
    [document] = await documents(agent, request)
    page = await agent.get(document["href"])
    checked = await asyncio.to_thread(check_file, page, published(home / "documents"))
    assert checked.verdict is Verdict.VALID
    assert json.loads(checked.content or "")["holder"]["ar"] == name
    async with workers(on.variables) as databases, databases["civil_status"].transaction() as tx:
        found = await tx.execute(
            text("SELECT origin, version FROM civil_status.act WHERE id = CAST(:id AS uuid)"),
            {"id": act},
        )
        assert tuple(found.one()) == ("imported", 1), "the officer's word is all that happened to it"
