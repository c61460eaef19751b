"""Acts by name: as one hears it, in either script; and only those that the caller may see."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from services.civil_status.domain.consent import MOST_MISSES
from services.civil_status.domain.search import Wanted
from services.civil_status.store.search import pair, search, walk
from services.civil_status.take_over import take_over
from services.civil_status.take_over.reading import digest, opened
from shared.auth import Actor, Role
from tests.civil_status.conftest import Happened
from tests.civil_status.filed import WHY, an_act, person
from tests.civil_status.files import line, written
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

FAR = "01.051.01.01"
ACTS = [
    line(1),  # محمد بنعلي / Mohamed Benali, of أحمد and فاطمة, 1987-03-02
    line(2, given_ar="مؤمن", given_latin="", family_ar="العلوي", family_latin=""),
    line(3, given_ar="فاطمة الزهراء", given_latin="Fatima Zahra", family_ar="بن عبد الله", family_latin=""),
    line(4, given_ar="يحيى", given_latin="Yahya", family_ar="", family_latin="", father_given_ar="إدريس"),
    line(5, given_ar="حمزة", given_latin="Hamza", event_on="1987-11-02", drawn_up_on="1987-11-09"),
    line(6, given_ar="محمد", given_latin="Mohamed", office=f"{FAR}-01"),
]


@pytest.fixture
async def register(civil_status: ServiceDatabase, tmp_path: Path) -> None:
    path = written(tmp_path / "acts.csv", ACTS)
    _, done = await take_over(
        civil_status.worker, opened(path), digest(path), Actor(subject="operator-1"), limit=100
    )
    assert done.imported == len(ACTS)


async def numbers(api: Api, who: str = "agent", **asked: Any) -> list[int]:
    answer = await api.post("/v1/searches", who, json=asked, headers=WHY)
    assert answer.status_code == 200, answer.text
    return [one["act"]["number"] for one in answer.json()["items"]]


@pytest.mark.parametrize("given", ["محمد", "Mohamed", "Mohammed", "Mhamed", "muhammad", "مُحمد", "ⵎⵓⵃⵎⵎⴷ"])
@pytest.mark.parametrize("family", ["بنعلي", "بن علي", "Benali", "Ben Ali", "BENALI"])
async def test_a_name_is_found_as_it_is_heard(api: Api, register: None, given: str, family: str) -> None:
    assert (await numbers(api, given=given, family=family))[0] == 1


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"given": "مومن", "family": "علوي"}, 2),  # hamza
        ({"given": "Moumen", "family": "El Alaoui"}, 2),  # no Latin in the register
        ({"given": "فاطمه الزهراء", "family": "بنعبدالله"}, 3),  # ta marbuta
        ({"given": "Fatima-Zohra", "family": "Benabdallah"}, 3),
        ({"given": "يحيي", "father_given": "ادريس"}, 4),  # alef maqsura; nobody of this act has a family name
        ({"given": "Yahia", "father_given": "Driss", "mother_given": "Fatima"}, 4),
        ({"father_given": "Idriss", "mother_given": "Fatimah"}, 4),
        ({"given": "Hamza", "family": "Benali", "since": "1987-11-01", "until": "1987-11-30"}, 5),
    ],
)
async def test_the_nearest_comes_first(api: Api, register: None, asked: dict[str, str], number: int) -> None:
    assert (await numbers(api, **asked))[0] == number


@pytest.mark.parametrize(
    "more",
    [
        {"since": "1987-03-03"},
        {"until": "1987-03-01"},
        {"kind": "death"},
        {"father_given": "Driss"},
        {"mother_given": "Khadija"},
    ],
)
async def test_what_is_said_besides_must_be_so(api: Api, register: None, more: dict[str, str]) -> None:
    assert 1 in await numbers(api, given="Mohamed", family="Benali")
    assert 1 not in await numbers(api, given="Mohamed", family="Benali", **more)


async def test_nobody_finds_what_they_may_not_see(
    api: Api, register: None, civil_status: ServiceDatabase
) -> None:
    assert await numbers(api, given="Mohamed", family="Benali") == [1]
    there = await api.post(
        "/v1/searches", "agent", commune=FAR, json={"given": "Mohamed", "family": "Benali"}, headers=WHY
    )
    assert [one["act"]["number"] for one in there.json()["items"]] == [6]
    # The wall is the database's, too: a caller whose places are not those of the query's.
    nobody = Actor(subject="a", roles=frozenset({Role.AGENT}))
    async with civil_status.api.transaction(nobody) as tx:
        rows = await tx.execute(text("SELECT id FROM civil_status.act WHERE given_name IS NOT NULL"))
        assert rows.all() == []
        assert (await search(tx, Wanted(given="Mohamed", family="Benali"), most=9)).found == []


async def test_who_serves_the_whole_country_finds_everywhere(
    civil_status: ServiceDatabase, register: None
) -> None:
    provinces = frozenset(f"{FAR[:6]} 06.141".split())
    everywhere = Actor(subject="a", roles=frozenset({Role.CIVIL_STATUS_AUTHORITY}), provinces=provinces)
    async with civil_status.api.transaction(everywhere) as tx:
        found = await search(tx, Wanted(given="Mohamed", family="Benali"), most=9)
    assert sorted(act.number for act, _ in found.found) == [1, 6]


async def test_an_act_drawn_up_here_is_found_by_what_it_said_and_what_it_says(api: Api) -> None:
    act = await an_act(api, mother=person("رقية"))
    changed = {"judgment": "TPI 5/2026", "judged_on": "2026-11-20", "changes": {"subject.given.ar": "جواد"}}
    judged = await api.post(
        f"/v1/acts/{act}/judgments", "civil_status_officer", json=changed, headers={"If-Match": '"1"'}
    )
    assert judged.status_code == 200, judged.text
    for given in ("ياسين", "Yacine", "جواد", "Jawad"):
        answer = await api.post(
            "/v1/searches", "agent", json={"given": given, "family": "Alami"}, headers=WHY
        )
        assert [one["act"]["id"] for one in answer.json()["items"]] == [str(act)], given


async def test_every_search_is_in_the_register_of_reads_with_its_reason(
    api: Api, register: None, happened: Happened
) -> None:
    without = await api.post("/v1/searches", "agent", json={"given": "Mohamed", "family": "Benali"})
    assert (without.status_code, without.json()["code"]) == (400, "access_purpose_missing")
    await numbers(api, given="Mohamed", family="Benali")
    assert await happened("agent") == ["read"]
    assert await numbers(api, given="Zineb", family="Tazi") == []
    assert await happened("agent") == ["read", "missed"]


@pytest.mark.parametrize("more", [{}, {"father_given": "Ahmed", "mother_given": "Fatima"}])
async def test_a_search_takes_eight_round_trips_however_many_names(
    api: Api, register: None, asked: list[str], more: dict[str, str]
) -> None:
    assert await numbers(api, given="Mohamed", family="Benali")  # statements are prepared
    asked.clear()
    assert await numbers(api, given="Mohamed", family="Benali", **more)
    begin, _, misses, names, walked, read, entry, commit = asked
    assert (begin, commit) == ("BEGIN", "COMMIT")
    said = {"civil_status.missed": misses, "alike": names, "unnest": walked, "mention": read, "emit": entry}
    assert all(word in sql for word, sql in said.items()), asked


@pytest.mark.parametrize("asked_for", [{"father_given": "Ahmed"}, {"given": "Mohamed", "family": "Benali"}])
async def test_who_is_shown_some_of_many_is_told_to_narrow(
    api: Api, civil_status: ServiceDatabase, tmp_path: Path, asked_for: dict[str, str]
) -> None:
    other = "06.141.01.11"
    there = [
        line(
            number,
            office=f"{place}-01",
            event_on=f"{year}-03-02",
            drawn_up_on=f"{year}-03-09",
            year=str(year),
        )
        for place, year, amount in (("06.141.01.0", 1987, 30), (other, 1987, 3), (other, 1988, 25))
        for number in range(1, amount + 1)
    ]
    path = written(tmp_path / "acts.csv", there)
    await take_over(civil_status.worker, opened(path), digest(path), Actor(subject="operator-1"), limit=100)
    asked_for = asked_for | {"mother_given": "Fatima"}

    async def told(**more: str) -> tuple[int, bool, set[str]]:
        answer = await api.post("/v1/searches", "civil_status_authority", json=asked_for | more, headers=WHY)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        return len(said["items"]), said["more"], {k for k, v in (said["narrow"] or {}).items() if v}

    assert await told() == (50, True, {"ar", "fr", "en"})
    assert await told(collectivity=other) == (28, False, set())
    assert await told(since="1988-01-01") == (25, False, set())
    assert await told(collectivity=FAR) == (0, False, set())


async def test_spelling_is_no_guessing_but_a_guesser_spells_no_more(api: Api, register: None) -> None:
    for _ in range(MOST_MISSES + 1):
        assert await numbers(api, given="Zineb", family="Tazi") == []
    guess = {"identifier": "00000000195"}
    for _ in range(MOST_MISSES):
        missed = await api.post("/v1/lookups", "agent", json=guess, headers=WHY)
        assert missed.status_code == 404
    stopped = await api.post("/v1/searches", "agent", json={"given": "Ali", "family": "Tazi"}, headers=WHY)
    assert (stopped.status_code, stopped.json()["code"]) == (429, "lookups_suspended")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"given": "محمد"}, "search_too_wide"),
        ({"family": "Benali"}, "search_too_wide"),
        ({"mother_given": "Fatima"}, "search_too_wide"),
        ({"given": "Ali", "family": "Tazi", "since": "2000-01-02", "until": "2000-01-01"}, "search_dates"),
        ({"given": "م" * 121, "family": "Tazi"}, "invalid"),
    ],
)
async def test_what_asks_too_little_is_refused(api: Api, asked: dict[str, str], code: str) -> None:
    answer = await api.post("/v1/searches", "agent", json=asked, headers=WHY)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize("name", ["%%", "_%", "' OR 1=1 --", "\u202e\u202e", "𓀀𓀁", "--"])
async def test_no_name_finds_everything(api: Api, register: None, name: str) -> None:
    assert await numbers(api, given=name, family=name) == []


INDEXES = text("""
    SELECT array(SELECT a.attname FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (number, place)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY place) AS columns,
      coalesce(pg_get_expr(i.indpred, i.indrelid), '') AS predicate
    FROM pg_index i WHERE i.indrelid = CAST('civil_status.act' AS regclass)""")


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(given="Mohamed", family="Benali", father="Ahmed", mother="Fatima"),
        Wanted(given="Mohamed", father="Ahmed", mother="Fatima"),
        Wanted(father="Ahmed", mother="Fatima"),
    ],
)
async def test_each_pair_of_names_is_one_descent_of_an_index(
    civil_status: ServiceDatabase, wanted: Wanted
) -> None:
    """However many acts the register has: none that has only one of the two names is walked through. Parents
    who are named besides narrow that walk and are no way to the acts.
    """
    statement, _ = walk(Actor(subject="a"), wanted, {part: {1: 100.0} for part in wanted.names}, 9)
    async with civil_status.worker.transaction() as tx:
        ways = [
            row.columns[:2]
            for row in await tx.execute(INDEXES)
            if row.columns[0].endswith("_name")
            and ("number > 0" not in row.predicate or "number > 0" in statement.text)
        ]
    assert [f"{part}_name" for part in pair(wanted)] in ways
    assert wanted.family is None or len(ways) == 1


async def test_indexes_made_while_the_office_works_are_kept(civil_status: ServiceDatabase) -> None:
    """As the decision page says it, then the migration; without them the migration makes them."""
    root = Path(__file__).parents[2]
    page = (root / "docs/decisions/0053-a-register-of-55-million.md").read_text(encoding="utf-8")
    beforehand = [one for one in page.split("```sql\n")[1].split("```")[0].split(";") if one.strip()]
    migration = (root / "services/civil_status/migrations/0014_pairs.sql").read_text(encoding="utf-8")
    oids = (
        "SELECT i.indexrelid, pg_get_indexdef(i.indexrelid) LIKE '%number > 0%' AS of_all FROM pg_index i"
        " WHERE i.indexrelid IN ('civil_status.act_parents'::regclass, 'civil_status.act_couple'::regclass)"
        " ORDER BY 1"
    )
    connection = await asyncpg.connect(civil_status.migrator_dsn)
    try:
        await connection.execute("DROP INDEX civil_status.act_couple")  # as before 0012
        for statement in beforehand:
            await connection.execute(statement)
        made = await connection.fetch(oids)
        await connection.execute(migration)
        assert await connection.fetch(oids) == made
        await connection.execute(
            "DROP INDEX civil_status.act_couple;"
            " CREATE INDEX act_couple ON civil_status.act (father_name, mother_name)"
        )
        await connection.execute(migration)
        assert [one["of_all"] for one in await connection.fetch(oids)] == [True, True]
    finally:
        await connection.close()
