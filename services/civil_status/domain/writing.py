"""How names are written in the register: Arabic, and beside it Tifinagh and Latin letters (36-21 art.
19, 22).

A name is text and nothing else: no direction marks, no invisible characters, no heap of combining marks, one
script in each field. Composed (NFC), because two ways to write one letter would be two names.
"""

import re
import unicodedata
from enum import StrEnum
from typing import Final

from shared.errors import Invalid

LONGEST: Final = 120  # characters of a name; the longest in the press have under sixty
MOST_MARKS: Final = 2  # on one letter: shadda and a vowel

SPACES: Final = re.compile(r"\s+")


class Script(StrEnum):
    ARABIC = "ar"
    LATIN = "latin"
    TIFINAGH = "tifinagh"


LETTERS: Final = {
    # letters, tashkil (U+064B to U+0652), superscript alef, and those that Morocco adds: گ ڭ ڤ ﭪ
    Script.ARABIC: re.compile(r"[\u0621-\u063a\u0641-\u0652\u0670\u0671\u067e\u0686\u06a4\u06ad\u06af]"),
    Script.LATIN: re.compile(r"[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\u02bf\u02be]"),
    Script.TIFINAGH: re.compile(r"[\u2d30-\u2d67\u2d6f\u2d7f]"),
}
JOINS: Final = frozenset(" -'\u2019")


def _refused(code: str, ar: str, fr: str, en: str, field: str) -> Invalid:
    return Invalid(code, {"ar": ar, "fr": fr, "en": en}, field=field)


def written(name: str, script: Script, field: str = "name") -> str:
    """The name as the register writes it. Raises Invalid `name_too_long`, `name_characters`, `name_empty`."""
    if len(name) > LONGEST:
        raise _refused(
            "name_too_long",
            f"لا يتجاوز الاسم {LONGEST} حرفا.",
            f"Un nom compte au plus {LONGEST} caractères.",
            f"A name has at most {LONGEST} characters.",
            field,
        )
    composed = SPACES.sub(" ", unicodedata.normalize("NFC", name)).strip(" ")
    marks = 0
    for character in composed:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MOST_MARKS or not (character in JOINS or LETTERS[script].fullmatch(character)):
            raise _refused(
                "name_characters",
                "لا يقبل هذا الحقل إلا حروف كتابته، دون رموز أو علامات خفية.",
                "Ce champ n'accepte que les lettres de son écriture, sans signe ni marque invisible.",
                "This field takes the letters of its script only, no signs and no invisible marks.",
                field,
            )
    if not any(character.isalpha() for character in composed):
        raise _refused("name_empty", "الاسم مطلوب.", "Le nom est requis.", "The name is required.", field)
    return composed


def plain(text: str, field: str) -> str:
    """A place, an occupation, an address: any letters and digits, nothing invisible. Raises Invalid
    `text_characters`.
    """
    composed = SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")
    marks = 0
    for character in composed:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MOST_MARKS or unicodedata.category(character) in {"Cc", "Cf", "Co", "Cn", "Cs"}:
            raise _refused(
                "text_characters",
                "يتضمن النص علامات غير مقبولة.",
                "Le texte contient des caractères non admis.",
                "The text holds characters that are not accepted.",
                field,
            )
    return composed
