"""Names as somebody else writes them: one or two of the ways in which Moroccan spellings differ."""

import random
import re
from typing import Final

LATIN: Final = tuple(
    (re.compile(one), other)
    for one, other in (
        *(("ou", "u"), ("ou", "o"), (r"(?<!o)u", "ou"), ("i", "y"), ("y", "i"), ("e", "a"), ("a", "e")),
        *(("ch", "sh"), ("k", "q"), ("q", "k"), ("gh", "rh"), (r"(?<=[aeiou])s(?=[aeiou])", "ss")),
        *((r"([b-df-hj-np-tv-z])\1", r"\1"), (r"(?<=a)h\b", ""), ("ia", "iya"), ("ï", "i")),
        *((r"\bEl[ -]", ""), (r"\bBen ", "Ben"), (r"\bAit ", "Aït "), ("-", " ")),
    )
)
ARABIC: Final = tuple(
    (re.compile(one), other)
    for one, other in (
        *(("[أإآ]", "ا"), (r"ة\b", "ه"), (r"ى\b", "ي"), ("ئ", "ي"), ("ؤ", "و"), ("اء", "ا"), (r"\bال", "")),
        *((" ", ""), ("ط", "ت"), ("ص", "س"), ("ض", "د"), ("ّ", "")),
    )
)


def otherwise(name: str, chance: random.Random) -> str:
    """The name with one or two of these, where they occur; some names have only one spelling."""
    ways = list(LATIN if re.match("[A-Za-z]", name) else ARABIC)
    chance.shuffle(ways)
    left = chance.choice([1, 2])
    for one, other in ways:
        written = one.sub(other, name, count=1).strip()
        if left and written not in {name, ""}:
            name, left = written, left - 1
    return name
