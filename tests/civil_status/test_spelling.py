"""Spellings of one name meet, and those of another do not."""

from itertools import combinations, product

import pytest

from services.civil_status.domain.search import LEAST
from services.civil_status.domain.spelling import key, likeness, near, plain

ONE_NAME = [
    ["محمد", "Mohamed", "Mohammed", "Mhamed", "M'hamed", "Muhammad", "MOHAMED", "مُحَمَّد", "ⵎⵓⵃⵎⵎⴷ"],
    ["أحمد", "احمد", "Ahmed", "Ahmad"],
    ["بنعلي", "بن علي", "Benali", "Ben Ali", "BEN-ALI"],
    ["العلوي", "علوي", "Alaoui", "El Alaoui", "al-Alawi"],
    ["فاطمة", "فاطمه", "Fatima", "Fatimah"],
    ["فاطمة الزهراء", "Fatima Zahra", "Fatima-Zohra", "Fatima Ezzahra"],
    ["عبد الرحمن", "Abderrahmane", "Abderrahman", "Abdelrahman"],
    ["عبد الله", "عبدالله", "Abdellah", "Abdallah", "Abdullah"],
    ["عبد الهادي", "Abdelhadi"],
    ["يحيى", "يحيي", "Yahya", "Yahia"],
    ["مصطفى", "مصطفي", "Mustapha", "Mostafa", "Moustafa"],
    ["ياسين", "Yassine", "Yacine", "ⵢⴰⵙⵉⵏ"],
    ["يوسف", "Youssef", "Yousef", "Yusuf"],
    ["مؤمن", "مومن", "Moumen"],
    ["عائشة", "عايشة", "Aicha", "Aïcha"],
    ["رضى", "رضا", "Reda", "Rida"],
    ["إدريس", "ادريس", "Driss", "Idriss"],
    ["الشرقاوي", "Cherkaoui"],
    ["وليد", "Walid", "Oualid"],
]


@pytest.mark.parametrize("spellings", ONE_NAME, ids=[one[0] for one in ONE_NAME])
def test_spellings_of_one_name_have_one_key(spellings: list[str]) -> None:
    assert {key(spelling) for spelling in spellings} == {key(spellings[0])}


@pytest.mark.parametrize("spellings", ONE_NAME, ids=[one[0] for one in ONE_NAME])
def test_spellings_of_one_name_are_alike(spellings: list[str]) -> None:
    low = [
        (asked, known, score)
        for asked, known in product(spellings, spellings)
        if not known.startswith("ⵎ")
        and not known.startswith("ⵢ")  # the dictionary is Arabic and Latin
        and (
            score := likeness(asked, known if known > "\u05ff" else None, known if known < "\u05ff" else None)
        )
        < LEAST
    ]
    assert low == []


def test_the_nearest_is_the_name_itself() -> None:
    names = [one[0] for one in ONE_NAME]
    for asked, other in combinations(names, 2):
        assert likeness(asked, asked, None) == 100
        assert likeness(asked, other, None) < 100


@pytest.mark.parametrize(
    ("one", "other"),
    [("محمد", "Ahmed"), ("Youssef", "يونس"), ("بنعلي", "Bennani"), ("Fatima", "فاتن"), ("العلوي", "الفاسي")],
)
def test_other_names_are_apart(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("written", "heard"), [("الحميدي", "Lahmidi"), ("نجاة", "Najat"), ("الحسين", "Elhousine")]
)
def test_what_one_key_lacks_a_near_one_has(written: str, heard: str) -> None:
    assert key(written) != key(heard)
    assert key(written) in near(key(heard))


@pytest.mark.parametrize("vowels", ["آية", "Aya", "Eya"])
def test_a_name_of_vowels_has_a_key_too(vowels: str) -> None:
    assert key(vowels) == "-"


def test_spaces_hyphens_and_marks_are_nothing() -> None:
    assert plain("بن عليّ") == plain("بنعلي")
    assert plain("Ben-Ali") == plain("benali")
