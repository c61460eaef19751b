"""What is printed of an act: every layout, with names as long, as incomplete and as awkward as registers have
them; rendered, because a page that nobody has drawn is not known to fit.
"""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import pytest

from services.watiqa.domain import Request
from services.watiqa.domain.catalogue import countries
from services.watiqa.domain.papers import died, paper
from services.watiqa.domain.spelled import in_letters
from services.watiqa.domain.values import Statement
from services.watiqa.events.request import Delivery
from shared.documents.content import Content, printable
from shared.documents.render import png
from shared.errors import Invalid
from tests.documents.samples import DAY, ID, INJECTION, URL
from tests.watiqa.cases import FROM_THE_REGISTER, NOW, asked

YASSINE: Final = {"ar": "ياسين", "latin": "Yassine", "tifinagh": "ⵢⴰⵙⵉⵏ"}
ALAMI: Final = {"ar": "العلمي", "latin": "Alami", "tifinagh": None}
LONG_AR: Final = "محمد عبد الرحمن بن المختار بن عبد القادر الإدريسي الحسني العلوي السجلماسي الفيلالي المراكشي"
LONG_FR: Final = (
    "Mohammed Abderrahmane Ben El Mokhtar Ben Abdelkader El Idrissi El Hassani Es-Sijilmassi El Filali"
)
BARE: Final = {"ar": "تودة", "latin": None, "tifinagh": None}


def person(given: Mapping[str, Any], family: Mapping[str, Any] | None = ALAMI, **more: Any) -> dict[str, Any]:
    return {"given": given, "family": family, "sex": None, "nationality": "MA"} | more


def said(**changes: Any) -> dict[str, Any]:
    """As the register seals a full copy."""
    blocks = {
        "event": {
            "on": {"year": 1987, "month": 3, "day": 2, "hijri": "1407-07-02", "hijri_computed": True},
            "time": "06:40",
            "place": "الدار البيضاء",
        },
        "subject": person(YASSINE, sex="male"),
        "father": person({"ar": "محمد", "latin": "Mohammed"}, occupation="أستاذ", address="12 زنقة مراكش"),
        "mother": person({"ar": "فاطمة", "latin": "Fatima"}),
        "spouse": None,
        "declarant": {
            "person": person({"ar": "محمد", "latin": "Mohammed"}),
            "relation": "father",
            "relation_text": {"ar": "الأب", "fr": "le père", "en": "the father"},
        },
    }
    return {
        "output": "full_copy",
        "kind": "birth",
        "office": "06.141.01.0-01",
        "year": 1987,
        "number": 42,
        "identifier": "00000000195",
        "drawn_up_on": "1987-03-05",
        "blocks": blocks | changes.pop("blocks", {}),
        "mentions": [],
    } | changes


def mention(n: int, kind: str = "marriage") -> dict[str, Any]:
    text = {
        "ar": f"تزوج(ت) من مريم العلمي بتاريخ {n} يناير 2001، ملخص عدد {n}/2001.",
        "fr": f"Marié(e) à Meryem Alami le {n} janvier 2001, sommaire n° {n}/2001.",
        "en": "Married.",
    }
    return {"kind": kind, "text": text}


LONGER: Final = {"long_names": 2, "twenty_mentions": 3}  # the pages that they may take
BLANK: Final = 5_000  # bytes that a page without a line on it would not have at 60 dpi
SAMPLES: Final[dict[str, dict[str, Any]]] = {
    "plain": said(),
    "long_names": said(
        blocks={
            "subject": person({"ar": LONG_AR, "latin": LONG_FR, "tifinagh": "ⵎⵓⵃⵎⵎⴷ ⵄⴱⴷ ⵔⵔⵃⵎⴰⵏ"}),
            "mother": person({"ar": LONG_AR, "latin": LONG_FR}),
        }
    ),
    "no_latin": said(
        blocks={
            "event": {"on": {"year": 1931, "month": None, "day": None, "hijri": None}, "place": "Imilchil"},
            "subject": person(BARE, None),
            "father": person(BARE, None),
            "mother": None,
            "declarant": None,
        },
        identifier=None,
    ),
    "twenty_mentions": said(mentions=[mention(n) for n in range(1, 21)]),
    "death": said(kind="death", blocks={"spouse": person({"ar": "مريم", "latin": "Meryem"})}),
    "died": said(died_on="2020-05-01", output="extract"),
}


def of(document: str) -> Request:
    """A request for that document, whatever else it would take to file one."""
    return replace(asked(delivery=Delivery.DOWNLOAD), document=document)


def drawn(content: Content) -> list[bytes]:
    return png(content, id=ID, day=DAY, url=URL, token="A" * 370, dpi=60)


@pytest.mark.parametrize(("document", "sample"), list(itertools.product(FROM_THE_REGISTER, SAMPLES)), ids=str)
def test_every_document_of_every_act_is_drawn(document: str, sample: str) -> None:
    content = paper(of(document), SAMPLES[sample], NOW)
    pages = drawn(content)
    assert len(pages) <= LONGER.get(sample, 1)
    assert all(page.startswith(b"\x89PNG") and len(page) > BLANK for page in pages)
    labels = {field.label["fr"].partition(" / ")[0] for field in content.fields}
    assert {"N° de l'acte", "Bureau d'état civil"} <= labels


def test_a_name_is_printed_in_the_scripts_that_the_register_has() -> None:
    assert paper(of("birth_extract"), SAMPLES["plain"], NOW).holder == {
        "ar": "ياسين العلمي",
        "fr": "Yassine Alami",
        "zgh": "ⵢⴰⵙⵉⵏ",
    }
    bare = paper(of("birth_extract"), SAMPLES["no_latin"], NOW)
    assert bare.holder == {"ar": "تودة"}, "what it lacks prints a dash"
    dates = [field.value for field in bare.fields if field.label["fr"] == "Date de naissance"]
    assert dates == [{"und": "1931"}], "as exact as the register knows it"


@pytest.mark.parametrize(
    ("hijri", "computed", "label", "words"),
    [
        ("1407-07-02", True, "Hégire (calculé)", {"ar": "2 رجب 1407", "fr": "2 rejeb 1407"}),
        ("1447-09-01", False, "Date hégirienne", {"ar": "فاتح رمضان 1447", "fr": "1er ramadan 1447"}),
    ],
)
def test_a_hijri_day_is_in_words_and_says_when_nobody_observed_it(
    hijri: str, *, computed: bool, label: str, words: Mapping[str, str]
) -> None:
    event = {
        "on": {"year": 1987, "month": 3, "day": 2, "hijri": hijri, "hijri_computed": computed},
        "place": "فاس",
    }
    fields = paper(of("birth_extract"), said(blocks={"event": event}), NOW).fields
    assert [field.value for field in fields if field.label["fr"] == label] == [words]


FOREIGN: Final[dict[str, Any]] = {
    "born": {"year": 1950, "month": None, "day": None},
    "birthplace": "Marseille",
    "occupation": "نجار",
    "nationality": "FR",
}


@pytest.mark.parametrize("who", ["subject", "father", "spouse", "declarant"])
def test_a_copy_says_all_that_the_act_has_of_a_person_and_nothing_that_nobody_stated(who: str) -> None:
    foreign = person({"ar": "علي", "latin": "Ali"}, **FOREIGN)
    block = {"person": foreign, "relation": "father"} if who == "declarant" else foreign
    bare: dict[str, Any] = dict.fromkeys(("father", "mother", "spouse", "declarant"))
    copy = paper(of("death_full_copy"), said(kind="death", blocks=bare | {who: block}), NOW)
    printed = [(field.label["fr"], field.value) for field in copy.fields]
    of_whom = {"subject": "", "father": " (père)", "spouse": " (conjoint)", "declarant": " (déclarant)"}[who]
    told = [
        (f"Date de naissance{of_whom}", {"und": "1950"}),
        (f"Nationalité{of_whom}", {"ar": "فرنسا", "fr": "France"}),
        (f"Lieu de naissance{of_whom}", {"fr": "Marseille"}),
        (f"Profession{of_whom}", {"ar": "نجار"}),
    ]
    at = printed.index(told[0])
    assert printed[at : at + len(told)] == told
    assert len([label for label, _ in printed if label.startswith("Nationalité")]) == 1
    assert drawn(copy)


def printed(document: str, **changes: Any) -> dict[str, Mapping[str, str]]:
    return {field.label["fr"]: field.value for field in paper(of(document), said(**changes), NOW).fields}


def test_a_copy_says_who_declared_and_when_it_was_drawn_up() -> None:
    copy = printed("birth_full_copy")
    assert copy["Qualité du déclarant"] == {"ar": "الأب", "fr": "le père"}
    assert copy["Acte dressé le"] == {"ar": "الخميس 5 مارس 1987", "fr": "jeudi 5 mars 1987"}
    keyed = printed("birth_full_copy", drawn_up_on=None)
    assert "Acte dressé le" not in keyed, "of an act keyed from paper only the day of the keying is known"
    assert "Acte dressé le" not in printed("birth_extract", output="extract")


def test_the_office_is_told_from_the_others_of_its_commune() -> None:
    """Each numbers its own acts."""
    office = printed("birth_extract")["Bureau d'état civil"]
    assert office == {"ar": "الدار البيضاء، مكتب 01", "fr": "Casablanca, bureau 01"}


@pytest.mark.parametrize(
    ("day", "ar", "fr"),
    [
        (
            "1987-03-02",
            "الثاني من مارس سنة ألف وتسعمائة وسبع وثمانين",
            "deux mars mille neuf cent quatre-vingt-sept",
        ),
        ("2001-01-01", "فاتح يناير سنة ألفين وواحدة", "premier janvier deux mille un"),
        ("2011-08-31", "الحادي والثلاثون من غشت سنة ألفين وإحدى عشرة", "trente et un août deux mille onze"),
        (
            "1921-02-11",
            "الحادي عشر من فبراير سنة ألف وتسعمائة وإحدى وعشرين",
            "onze février mille neuf cent vingt et un",
        ),
        (
            "1980-10-20",
            "العشرون من أكتوبر سنة ألف وتسعمائة وثمانين",
            "vingt octobre mille neuf cent quatre-vingts",
        ),
        ("1900-04-18", "الثامن عشر من أبريل سنة ألف وتسعمائة", "dix-huit avril mille neuf cents"),
        (
            "1971-07-30",
            "الثلاثون من يوليوز سنة ألف وتسعمائة وإحدى وسبعين",
            "trente juillet mille neuf cent soixante et onze",
        ),
        ("2018-12-12", "الثاني عشر من دجنبر سنة ألفين وثماني عشرة", "douze décembre deux mille dix-huit"),
    ],
)
def test_a_day_stands_in_letters_beside_the_digits(day: str, ar: str, fr: str) -> None:
    assert in_letters(date.fromisoformat(day)) == {"ar": ar, "fr": fr}


def test_every_day_has_letters_of_its_own() -> None:
    first = date(1915, 1, 1)
    days = [first + timedelta(days=n) for n in range(0, 111 * 365, 5)]
    for language in ("ar", "fr"):
        assert len({in_letters(day)[language] for day in days}) == len(days)


def test_the_margin_is_on_the_copies_and_the_sheet_says_what_follows_from_it() -> None:
    divorced = said(mentions=[mention(1), mention(2, "dissolution")])
    assert len(paper(of("birth_full_copy"), divorced, NOW).mentions) == 2
    sheet = paper(of("individual_sheet"), divorced, NOW)
    assert sheet.mentions == ()
    [status] = [field.value for field in sheet.fields if field.label["fr"] == "Situation de famille"]
    assert status["fr"] == "mariage dissous"


def test_a_multilingual_extract_has_every_label_in_three_languages() -> None:
    fields = paper(of("multilingual_extract"), SAMPLES["plain"], NOW).fields
    assert all(" / " in field.label["fr"] for field in fields)


def test_the_name_of_every_state_can_be_printed() -> None:
    names = [name for state in countries().values() for name in (state["ar"], state["fr"])]
    assert [printable(name) for name in names] == names
    assert printed("birth_full_copy", blocks={"father": person(YASSINE, nationality="ZZ")})[
        "Nationalité (père)"
    ] == {"und": "ZZ"}, "what is no State stands as the register has it"


def test_who_is_dead_is_known_from_either_output() -> None:
    assert died(SAMPLES["died"])
    assert died(said(mentions=[mention(1, "death")]))
    assert not died(SAMPLES["twenty_mentions"])


def test_nothing_in_a_name_is_markup_and_what_cannot_be_printed_is_refused() -> None:
    written = paper(of("birth_extract"), said(blocks={"subject": person({"ar": INJECTION})}), NOW)
    assert written.holder["ar"].startswith(INJECTION)
    assert drawn(written)
    for bad in ("يا\u202eسين", "ياسين\u200f", "ʷ", "字", "أ" * 1001):
        with pytest.raises(Invalid):
            assert paper(of("birth_extract"), said(blocks={"subject": person({"ar": bad})}), NOW).canonical


def test_a_certificate_of_residence_says_what_was_stated() -> None:
    statement = Statement(given_ar="ياسين", family_ar="العلمي", address="12 زنقة مراكش", born_on=NOW.date())
    content = paper(replace(of("residence_certificate"), statement=statement, wanted=None), None, NOW)
    assert content.holder == {"ar": "ياسين العلمي"}
    assert {"ar": "12 زنقة مراكش"} in [field.value for field in content.fields]
    assert drawn(content)
