"""What is pointed out in a text before a person decides who sees it: `catalogue/moderation.yaml`.

A rule decides nothing. What it misses, the person who reads the text may still see.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from services.chikaya.domain.catalogue import FOLDER, Confidence
from shared.data import Names, Source
from shared.errors import Invalid
from shared.territory import fold

CUT: Final = "[…]"
"""What stands in a redacted text for what was taken out of it."""
ARABIC: Final = re.compile(r"[\u0600-\u06ff]")
BEFORE: Final = "[وفبل]?(?:ال|لل)?"
"""Arabic writes these and the article in one with the word."""
JOINED: Final = frozenset({"Mn", "Me", "Cf"})  # marks on a letter, and tatweel below: nothing of their own
TATWEEL: Final = "\u0640"


class Concern(StrEnum):
    INSULT = "insult"
    PERSONAL_DATA = "personal_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Finds `words`, or a `pattern`."""

    code: str
    kind: Concern
    name: Names
    source: str
    confidence: Confidence
    words: tuple[str, ...] = ()
    pattern: str | None = None

    def __post_init__(self) -> None:
        if bool(self.words) is (self.pattern is not None):
            raise ValueError("words, or a pattern")
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"no pattern: {error}", "pattern") from None

    @property
    def expression(self) -> str:
        """On a folded text. Letters may be drawn out, words stand alone."""
        if self.pattern is not None:
            return self.pattern
        return rf"(?<!\w)(?:{'|'.join(_drawn_out(word) for word in self.words)})(?!\w|-\w)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """`rule` found something in `text[start:end]`, counted in code points."""

    rule: str
    kind: Concern
    start: int
    end: int


def _drawn_out(word: str) -> str:
    parts = ["".join(f"{re.escape(letter)}+" for letter in part) for part in fold(word).split()]
    return (BEFORE if ARABIC.search(word) else "") + r"\W+".join(parts)


def read(file: Path = FOLDER / "moderation.yaml") -> Mapping[str, Rule]:
    """Raises `BadData` with file and line."""
    source = Source(file, tuple[Rule, ...])
    rules: dict[str, Rule] = {}
    for one in source.value:
        if one.code in rules:
            raise source.refuse(one, f"{one.code!r} is listed twice", "code")
        rules[one.code] = one
    return rules


@cache
def rules() -> Mapping[str, Rule]:
    return read()


@cache
def _expressions() -> tuple[tuple[Rule, re.Pattern[str]], ...]:
    return tuple((rule, re.compile(rule.expression)) for rule in rules().values())


@lru_cache(maxsize=4096)
def _plain(one: str) -> str:
    """One character as it is compared."""
    if one == TATWEEL or unicodedata.category(one) in JOINED:
        return ""
    if one.isdigit():
        return str(unicodedata.digit(one))
    return (fold(one) or one) if one.isalpha() else " " if one.isspace() else one


def flags_in(text: str) -> tuple[Flag, ...]:
    """By where they stand; what two rules find in one place is named by both."""
    plain, at = [], []
    for place, one in enumerate(text):
        for letter in _plain(one):
            plain.append(letter)
            at.append(place)
    folded = "".join(plain)
    at.append(len(text))
    found = [
        Flag(rule=rule.code, kind=rule.kind, start=at[hit.start()], end=at[hit.end()])
        for rule, expression in _expressions()
        for hit in expression.finditer(folded)
    ]
    return tuple(sorted(found, key=lambda flag: (flag.start, flag.end, flag.rule)))


def proposed(text: str) -> str:
    """The text without what is flagged: a proposal, to whoever decides."""
    kept, at = [], 0
    for flag in flags_in(text):
        if flag.start >= at:
            kept.append(text[at : flag.start])
            kept.append(CUT)
        at = max(at, flag.end)
    return "".join((*kept, text[at:]))


def demand_redaction(shown: str, written: str, field: str) -> None:
    """Nothing is put into anybody's mouth: what is shown is what was written, with cuts. Raises Invalid
    `not_a_redaction`.
    """
    parts = [" ".join(part.split()) for part in shown.split(CUT)]
    whole, at = " ".join(written.split()), 0
    for part in parts:
        found = whole.find(part, at)
        if found < 0:
            raise Invalid(
                "not_a_redaction",
                {
                    "ar": f"لا ينشر إلا ما كتب، مع حذف يعوض بالعلامة {CUT}.",
                    "fr": f"N'est publié que ce qui a été écrit ; ce qui en est ôté est remplacé par {CUT}.",
                    "en": f"What is shown is what was written; {CUT} stands for what was taken out.",
                },
                field=field,
            )
        at = found + len(part)
    if len(parts) == 1 and parts[0] != whole:
        raise Invalid("not_a_redaction", f"{CUT} stands where something was taken out.", field=field)
