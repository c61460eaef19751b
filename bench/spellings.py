"""Names as somebody else writes them: one or two of the ways in which Moroccan spellings differ."""

import random
from typing import Final

LATIN: Final = (
    ("ou", "u"), ("ou", "o"), ("u", "ou"), ("i", "y"), ("y", "i"), ("ch", "sh"), ("k", "q"), ("q", "k"),
    ("e", "a"), ("a", "e"), ("mm", "m"), ("ss", "s"), ("s", "ss"), ("dd", "d"), ("ll", "l"), ("gh", "rh"),
    ("El ", ""), ("Ben ", "Ben"), ("Ait ", "Aït "), ("-", " "), ("ah", "a"), ("ia", "iya"), ("z", "s"),
)  # fmt: skip
ARABIC: Final = (
    ("أ", "ا"), ("إ", "ا"), ("آ", "ا"), ("ة", "ه"), ("ى", "ي"), ("ئ", "ي"), ("ؤ", "و"), ("ال", ""), (" ", ""),
    ("اء", "ا"), ("ط", "ت"), ("ص", "س"), ("ض", "د"),
)  # fmt: skip


def otherwise(name: str, chance: random.Random) -> str:
    """The name with up to two of these, where they occur; some names have only one spelling."""
    pairs = list(LATIN if name.isascii() else ARABIC)
    chance.shuffle(pairs)
    left = chance.choice([1, 2])
    for one, other in pairs:
        if left and one in name:
            name = name.replace(one, other, 1).strip() or name
            left -= 1
    return name
