"""Files of acts that were digitised elsewhere: each line becomes an act, is there already, or is a reject."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from services.civil_status.domain.dates import RegisterDate
from services.civil_status.domain.rejects import REMEDIES
from services.civil_status.domain.taken_over import counted, place_id
from services.civil_status.domain.values import Blocks, Happening, Name, Person, Sex
from services.civil_status.store import acts, imports
from services.civil_status.store.staged import Chunk, Reject
from services.civil_status.take_over import Sum, apart, reading, take_over, try_out, write_rejects
from services.civil_status.take_over.reading import digest, opened
from shared.auth import Actor
from shared.errors import Conflict, Invalid, Unavailable
from tests.civil_status.cases import AGENT
from tests.civil_status.conftest import At
from tests.civil_status.files import COLUMNS, OFFICE, line, lines, written
from tests.support.databases import ServiceDatabase

BY = Actor(subject="operator-1")
ACTS = text("SELECT count(*) FROM civil_status.act")
BODY = text("SELECT CAST(body AS text) FROM civil_status.act WHERE id = :id")
EVENTS = text("SELECT payload FROM msg.event_log WHERE aggregatetype = 'import' ORDER BY seq")


async def imported(database: ServiceDatabase, path: Path, encoding: str = "utf-8") -> Sum:
    source = opened(path, encoding)
    _, done = await take_over(database.worker, source, digest(path), BY, limit=1000)
    return done


async def rejected(database: ServiceDatabase, path: Path) -> list[tuple[int, str, str]]:
    async with database.worker.transaction(BY) as tx:
        found = await imports.rejects(tx, imports.identity(digest(path)), after=0, most=10_000)
    return [(one.line, one.code, one.field) for one in found]


async def count(database: ServiceDatabase) -> int:
    async with database.worker.transaction() as tx:
        found: int = (await tx.execute(ACTS)).scalar_one()
        return found


def parquet(path: Path, rows: list[dict[str, str]], **columns: pa.Array) -> Path:
    table = pa.table({name: [row.get(name) for row in rows] for name in COLUMNS} | columns)
    pq.write_table(table, path, row_group_size=30)
    return path


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LINES", 25)


@pytest.mark.parametrize("form", ["csv", "semicolons", "windows-1256", "parquet"])
async def test_every_line_becomes_an_act(civil_status: ServiceDatabase, tmp_path: Path, form: str) -> None:
    path, encoding = tmp_path / "acts", "windows-1256" if form == "windows-1256" else "utf-8"
    if form == "parquet":
        parquet(path, lines(110))
    else:
        written(path, lines(110), encoding=encoding, delimiter=";" if form == "semicolons" else ",")
    assert await imported(civil_status, path, encoding) == Sum(110, 110, 0, 0)
    async with civil_status.worker.transaction() as tx:
        act = await acts.get(tx, UUID(place_id(OFFICE, 1987, "birth", 7)))
        stored = (await tx.execute(BODY, {"id": act.id})).scalar_one()
    assert "hijri" not in stored, "computed when it is read: 45 bytes of 55 million acts"
    assert (act.reference, act.version, act.origin) == (f"7/1987/{OFFICE}", 0, "imported")
    assert act.blocks.subject.given.ar == "محمد"
    assert act.blocks.event.on.hijri is not None


async def test_the_same_acts_again_are_there_already(civil_status: ServiceDatabase, tmp_path: Path) -> None:
    path = written(tmp_path / "acts.csv", lines(60))
    again = written(tmp_path / "again.csv", [*lines(60), line(900)])
    assert await imported(civil_status, path) == Sum(60, 60, 0, 0)
    assert await imported(civil_status, path) == Sum(60, 60, 0, 0), "the same file: nothing was read again"
    assert await imported(civil_status, again) == Sum(61, 1, 60, 0)
    assert await count(civil_status) == 61


async def test_an_imported_act_says_what_one_drawn_up_would(
    civil_status: ServiceDatabase, tmp_path: Path
) -> None:
    """The fast way of the import against the domain's own."""
    said = line(
        5,
        kind="death",
        given_tifinagh="ⵎⵓⵃⵎⵎⴷ",
        event_time="06:40",
        hijri="1407-07-02",
        facility="مستشفى\\ابن رشد",
        born_on="1931",
        birthplace='دوار "ايت علي"',
        identifier="000000001 95",
        father_occupation="فلاح",
        father_family_ar="بنعلي",
    )
    await imported(civil_status, written(tmp_path / "acts.csv", [said]))
    async with civil_status.worker.transaction() as tx:
        act = await acts.get(tx, UUID(place_id(OFFICE, 1987, "death", 5)))
    expected = Blocks(
        event=Happening(
            on=RegisterDate.of(date(1987, 3, 2), "1407-07-02"),
            time="06:40",
            place="الدار البيضاء",
            facility="مستشفى\\ابن رشد",
        ),
        subject=Person(
            given=Name(ar="محمد", latin="Mohamed", tifinagh="ⵎⵓⵃⵎⵎⴷ"),
            family=Name(ar="بنعلي", latin="Benali"),
            sex=Sex.MALE,
            born=RegisterDate.partial(1931),
            birthplace='دوار "ايت علي"',
            identifier="00000000195",
        ),
        father=Person(given=Name(ar="أحمد", latin="Ahmed"), family=Name(ar="بنعلي"), occupation="فلاح"),
        mother=Person(given=Name(ar="فاطمة", latin="Fatima")),
    ).checked()
    assert act.blocks == expected
    assert act.drawn_up_at.date() == date(1987, 3, 10)


BAD = {
    "cells_count": "birth,06.141.01.0-01,1987",
    "line_broken": 'birth,"06.141.01.0-01,1987',
    "line_too_long": "x" * 200_000,
    "null_character": "birth,\0",
    "not_in_encoding": "birth,\udcc7\udce1",
}
BAD_CELLS: dict[tuple[str, str], dict[str, str]] = {
    ("kind_unknown", "kind"): {"kind": "marriage"},
    ("office_unknown", "office"): {"office": "06.141.01.99-01"},
    ("year_out_of_range", "year"): {"year": "1914"},
    ("number_malformed", "number"): {"number": "١٢"},
    ("date_malformed", "event_on"): {"event_on": "02/03/1987"},
    ("event_in_future", "event_on"): {"event_on": "2999-01-01"},
    ("event_after_register", "event_on"): {"event_on": "1988-01-01"},
    ("hijri_mismatch", "hijri"): {"hijri": "1300-01-01"},
    ("drawn_up_elsewhen", "drawn_up_on"): {"drawn_up_on": "1987-03-01"},
    ("time_malformed", "event_time"): {"event_time": "25:00"},
    ("sex_unknown", "sex"): {"sex": "M"},
    ("text_characters", "place"): {"place": ""},
    ("text_characters", "facility"): {"facility": "a\u202eb"},
    ("name_empty", "given_ar"): {"given_ar": " "},
    ("name_empty", "father_given_ar"): {"father_given_ar": "", "father_given_latin": ""}
    | {"father_family_ar": "بنعلي"},
    ("name_too_long", "given_ar"): {"given_ar": "م" * 10_000},
    ("name_characters", "given_ar"): {"given_ar": "محمد\u202e"},
    ("name_characters", "family_latin"): {"family_latin": "Benali<b>"},
    ("name_characters", "mother_given_ar"): {"mother_given_ar": "Fatima"},
    ("identifier_malformed", "identifier"): {"identifier": "123456789"},
}


async def test_what_is_wrong_with_a_line_is_said_of_that_line_alone(
    civil_status: ServiceDatabase, tmp_path: Path
) -> None:
    path = written(
        tmp_path / "acts.csv", [line(1), *({**line(9), **bad} for bad in BAD_CELLS.values()), line(2)]
    )
    with path.open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(f"{raw}\r\n" for raw in BAD.values())
    written(tmp_path / "last.csv", [line(3)])
    with path.open("ab") as file:
        file.write((tmp_path / "last.csv").read_bytes().split(b"\n", 1)[1])
    amount = len(BAD) + len(BAD_CELLS)
    assert await imported(civil_status, path) == Sum(amount + 3, 3, 0, amount)
    expected = [(number, *fault) for number, fault in enumerate(BAD_CELLS, 3)]
    expected += [(number, code, "") for number, code in enumerate(BAD, len(BAD_CELLS) + 4)]
    assert await rejected(civil_status, path) == expected
    said = tmp_path / "rejects.csv"
    write_rejects(said, [Reject(*one) for one in expected], "ar")
    assert said.read_text().count("\n") == amount + 1
    assert {code for _, code, _ in expected} | {"number_repeated", "number_taken", "identifier_taken"} == set(
        REMEDIES
    )


@pytest.mark.parametrize(
    ("content", "encoding", "code", "says"),
    [
        ("kind,office\n", "utf-8", "columns_wrong", "column 'year' is missing"),
        (",".join(COLUMNS) + ",nom\n", "utf-8", "columns_wrong", "column 'nom' is not known"),
        (",".join((*COLUMNS, "sex")) + "\n", "utf-8", "columns_wrong", "column 'sex' is there twice"),
        ("", "utf-8", "columns_wrong", "is missing"),
        (
            ",".join(COLUMNS) + "\n" + "birth,محمد بنعلي\n" * 9,
            "windows-1256",
            "encoding_wrong",
            "Windows-1256",
        ),
        (",".join(COLUMNS) + "\n", "utf-16", "encoding_wrong", "iconv"),
        ("PAR1 and nothing else", "utf-8", "file_unreadable", "Parquet"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused_before_it_is_begun(
    tmp_path: Path, content: str, encoding: str, code: str, says: str
) -> None:
    path = tmp_path / "acts"
    path.write_text(content, encoding=encoding)
    with pytest.raises(Invalid) as refused:
        opened(path)
    assert refused.value.code == code
    assert says in refused.value.detail["en"]


async def test_one_percent_of_broken_lines_costs_one_percent(
    civil_status: ServiceDatabase, tmp_path: Path
) -> None:
    rows = [one | ({"event_on": "?"} if number % 100 == 50 else {}) for number, one in enumerate(lines(400))]
    path = written(tmp_path / "acts.csv", rows)
    assert await imported(civil_status, path) == Sum(400, 396, 0, 4)
    assert [at for at, _, _ in await rejected(civil_status, path)] == [52, 152, 252, 352]


async def test_nothing_was_drawn_up_tomorrow(civil_status: ServiceDatabase, tmp_path: Path, at: At) -> None:
    await at(datetime(2030, 5, 14, 8, tzinfo=UTC))
    days = {1: "2030-05-14", 2: "2030-05-15", 3: "2030-12-31"}
    rows = [line(number, year="2030", event_on="2030-05-02", drawn_up_on=day) for number, day in days.items()]
    path = written(tmp_path / "acts.csv", rows)
    assert await imported(civil_status, path) == Sum(3, 1, 0, 2)
    assert await rejected(civil_status, path) == [
        (3, "drawn_up_elsewhen", "drawn_up_on"),
        (4, "drawn_up_elsewhen", "drawn_up_on"),
    ]


@pytest.mark.parametrize("trial", [True, False])
async def test_a_number_twice_is_there_already_or_taken(
    civil_status: ServiceDatabase, tmp_path: Path, *, trial: bool
) -> None:
    """In one chunk and in two; the same act again, and another one."""
    other = line(1, given_ar="علي", given_latin="Ali")
    rows = [line(1), line(1), other, *(line(number) for number in range(2, 30)), line(1), other]
    path = written(tmp_path / "acts.csv", rows)
    if trial:
        said: list[Reject] = []
        done = await try_out(civil_status.worker, opened(path), BY, tell=said.extend)
        assert done == Sum(33, 29, 1, 3)
        assert [(one.line, one.code) for one in said] == [
            (4, "number_taken"),
            (33, "number_repeated"),
            (34, "number_repeated"),
        ]
        assert await count(civil_status) == 0
        return
    assert await imported(civil_status, path) == Sum(33, 29, 2, 2)
    assert await rejected(civil_status, path) == [
        (4, "number_taken", "number"),
        (34, "number_taken", "number"),
    ]


async def test_an_identifier_is_given_once(civil_status: ServiceDatabase, tmp_path: Path) -> None:
    one = {"identifier": "00000000195"}
    path = written(tmp_path / "acts.csv", [line(1, **one), line(2, **one), line(3, kind="death", **one)])
    assert await imported(civil_status, path) == Sum(3, 2, 0, 1)
    later = written(tmp_path / "later.csv", [line(1, **one), line(4, **one)])
    assert await imported(civil_status, later) == Sum(2, 0, 1, 1)
    assert await rejected(civil_status, later) == [(3, "identifier_taken", "identifier")]
    async with civil_status.worker.transaction() as tx:
        assert not (await tx.execute(acts.TAKE, {"digits": "00000000195"})).scalar_one()


async def test_events_name_every_act_and_no_person(civil_status: ServiceDatabase, tmp_path: Path) -> None:
    await imported(civil_status, written(tmp_path / "acts.csv", lines(110)))
    async with civil_status.worker.transaction() as tx:
        payloads = [json.loads(row.payload) for row in await tx.execute(EVENTS)]
        ids = {str(row.id) for row in await tx.execute(text("SELECT id FROM civil_status.act"))}
    told, finished = payloads[:-1], payloads[-1]
    assert (len(told), finished["imported"]) == (5, 110)
    assert sum(event["acts"] for event in told) == 110
    named = [
        place_id(one["office"], one["year"], one["kind"], number)
        for event in told
        for one in event["registers"]
        for part in one["numbers"].split(",")
        for number in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)
    ]
    assert (len(named), set(named)) == (110, ids)
    assert "محمد" not in json.dumps(payloads, ensure_ascii=False)


async def test_something_that_happens_to_an_imported_act_is_its_first_event(
    civil_status: ServiceDatabase, tmp_path: Path
) -> None:
    await imported(civil_status, written(tmp_path / "acts.csv", [line(1)]))
    async with civil_status.worker.transaction() as tx:
        act = await acts.locked(tx, UUID(place_id(OFFICE, 1987, "birth", 1)), version=0)
        await acts.save(tx, act, because=act.flag_duplicate(UUID(int=1), by=AGENT, now=tx.now))
    async with civil_status.worker.transaction() as tx:
        assert (await acts.get(tx, act.id)).version == 1


async def test_a_full_outbox_stops_an_import_which_goes_on_later(
    civil_status: ServiceDatabase, tmp_path: Path
) -> None:
    path = written(tmp_path / "acts.csv", lines(60))
    with pytest.raises(Unavailable):
        await take_over(civil_status.worker, opened(path), digest(path), BY, limit=2)
    assert await count(civil_status) == 50
    assert await imported(civil_status, path) == Sum(60, 60, 0, 0)


async def test_two_imports_of_one_file_take_no_line_twice(
    civil_status: ServiceDatabase, tmp_path: Path
) -> None:
    path = written(tmp_path / "acts.csv", lines(110))
    found = await asyncio.gather(*(imported(civil_status, path) for _ in range(2)), return_exceptions=True)
    assert Counter(type(one) for one in found) <= Counter({Sum: 2, Conflict: 1})
    assert await imported(civil_status, path) == Sum(110, 110, 0, 0)
    assert await count(civil_status) == 110


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("kill_after", [1, 3])
async def test_killed_with_9_it_goes_on_with_the_exact_count(
    civil_status: ServiceDatabase, tmp_path: Path, form: str, kill_after: int
) -> None:
    """A process of its own, killed inside a chunk: what it had committed stays, no more and no less."""
    rows = [one | ({"sex": "?"} if number % 10 == 3 else {}) for number, one in enumerate(lines(200))]
    path = tmp_path / "acts"
    parquet(path, rows) if form == "parquet" else written(path, rows)
    killed = subprocess.run(  # noqa: ASYNC221 -- nothing else is to happen meanwhile
        [sys.executable, "-c", KILLED, civil_status.worker_dsn, str(path), str(kill_after)],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    async with civil_status.worker.transaction() as tx:
        standing = await imports.standing(tx, imports.identity(digest(path)))
    assert (standing.line, standing.finished) == (25 * kill_after, False)
    assert await count(civil_status) == standing.imported
    assert await imported(civil_status, path) == Sum(200, 180, 0, 20)
    assert await count(civil_status) == 180
    first = 1 if form == "parquet" else 2
    assert [at for at, _, _ in await rejected(civil_status, path)] == list(range(first + 3, 203, 10))[:20]


@pytest.mark.parametrize("gone", ["file", "reader"])
async def test_what_reading_apart_fails_of_is_said_here(
    civil_status: ServiceDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    path = written(tmp_path / "acts.csv", lines(60))
    source, sha256 = opened(path), digest(path)
    if gone == "file":
        path.unlink()
    else:
        monkeypatch.setattr(apart, "HERE", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises((FileNotFoundError, RuntimeError), match={"file": "acts.csv", "reader": "-9"}[gone]):
        await take_over(civil_status.worker, source, sha256, BY, limit=1000)
    assert await count(civil_status) == 0


async def test_a_reader_that_nobody_hears_any_more_ends(tmp_path: Path) -> None:
    """Whoever started it was killed with 9: it waits for no answer."""
    source = opened(written(tmp_path / "acts.csv", lines(60)))
    wanted = apart.Asked.of(source, offset=0, line=0, today=date(2026, 11, 20), trial=False)
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", apart.HERE),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    try:
        reader.stdin.write(apart._packed(wanted))
        await reader.stdout.readexactly(apart.LENGTH.size)  # it asks for the numbers of names
        reader.stdin.close()
        async with asyncio.timeout(60):
            assert await reader.wait() == 0
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from services.civil_status import take_over as t
from services.civil_status.store import imports
from services.civil_status.take_over import reading
from shared.auth import Actor
from shared.db import Database

reading.LINES = 25
left = int(sys.argv[3])
reject = imports._reject

async def killed_in_the_middle(*args):
    global left
    await reject(*args)
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)  # the acts of this chunk are inserted, nothing is committed
    left -= 1

imports._reject = killed_in_the_middle
path = Path(sys.argv[2])
asyncio.run(t.take_over(Database(sys.argv[1]), reading.opened(path), reading.digest(path), Actor(subject="a"),
    limit=1000, seen=lambda at, done: None))
"""


@pytest.mark.parametrize(
    ("numbers", "said"), [([1], "1"), ([1, 2, 3], "1-3"), ([9, 3, 4, 1], "1,3-4,9"), ([7, 9], "7,9")]
)
async def test_numbers_are_said_in_ranges(
    civil_status: ServiceDatabase, tmp_path: Path, numbers: list[int], said: str
) -> None:
    await imported(civil_status, written(tmp_path / "acts.csv", [line(number) for number in numbers]))
    async with civil_status.worker.transaction() as tx:
        told = json.loads((await tx.execute(EVENTS)).all()[0].payload)
    assert [one["numbers"] for one in told["registers"]] == [said]
    assert counted(said) == told["acts"] == len(numbers)


async def test_a_chunk_has_time_for_an_index_that_is_not_in_memory(civil_status: ServiceDatabase) -> None:
    """At 55 million acts on a server that had just started, the minute of a request was too short."""
    nothing = Chunk(start=0, offset=0, line=0, acts=0, rows=b"", repeats={}, rejects=[])
    async with civil_status.worker.transaction(BY) as tx:
        await imports.lay(tx, nothing)
        assert (await tx.execute(text("SHOW statement_timeout"))).scalar_one() == "15min"


async def test_what_a_refused_line_says_again_is_refused_with_it(
    civil_status: ServiceDatabase, tmp_path: Path
) -> None:
    """Neither is there already: nothing of them is."""
    one = {"identifier": "00000000195"}
    await imported(civil_status, written(tmp_path / "first.csv", [line(1), line(2, **one)]))
    other, third = line(1, given_ar="علي", given_latin="Ali"), line(3, **one)
    path = written(tmp_path / "acts.csv", [other, third, other, third, line(2, **one), line(2, **one)])
    assert await imported(civil_status, path) == Sum(6, 0, 2, 4)
    assert await rejected(civil_status, path) == [
        (2, "number_taken", "number"),
        (3, "identifier_taken", "identifier"),
        (4, "number_taken", "number"),
        (5, "identifier_taken", "identifier"),
    ]
