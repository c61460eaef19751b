"""When two spellings are one name: محمد, Mohamed, Mohammed, Mhamed; بنعلي, Benali, Ben Ali; العلوي, Alaoui.

Latin spellings of Moroccan names write by ear what Arabic writes in consonants, so both are reduced to the
consonants that one hears. Equal keys bring names together; `likeness` says how near they are; a person
decides.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from rapidfuzz.fuzz import ratio

from shared.territory import fold

ARABIC: Final = re.compile(r"[\u0600-\u06ff]")
TIFINAGH: Final = re.compile(r"[\u2d30-\u2d7f]")
FROM_TIFINAGH: Final = {
    "ⴰ": "a",
    "ⴱ": "b",
    "ⴲ": "b",
    "ⴳ": "g",
    "ⴴ": "g",
    "ⴵ": "dj",
    "ⴷ": "d",
    "ⴸ": "d",
    "ⴹ": "d",
    "ⴻ": "e",
    "ⴼ": "f",
    "ⴽ": "k",
    "ⴾ": "k",
    "ⵀ": "h",
    "ⵃ": "h",
    "ⵄ": "a",
    "ⵅ": "kh",
    "ⵇ": "q",
    "ⵉ": "i",
    "ⵊ": "j",
    "ⵍ": "l",
    "ⵎ": "m",
    "ⵏ": "n",
    "ⵓ": "ou",
    "ⵔ": "r",
    "ⵕ": "r",
    "ⵖ": "gh",
    "ⵙ": "s",
    "ⵚ": "s",
    "ⵛ": "ch",
    "ⵜ": "t",
    "ⵟ": "t",
    "ⵡ": "w",
    "ⵢ": "y",
    "ⵣ": "z",
    "ⵥ": "z",
    "ⵯ": "w",
}

# Letters that sound alike, or that one script does not tell apart, share a sign. ع and the vowels have none.
_ARABIC_SOUNDS: Final = str.maketrans(
    {
        **dict.fromkeys("بپ", "B"),
        **dict.fromkeys("تطث", "T"),
        "ج": "J",
        **dict.fromkeys("حه", "H"),
        "خ": "X",
        **dict.fromkeys("دذضظ", "D"),
        "ر": "R",
        "ز": "Z",
        **dict.fromkeys("سص", "S"),
        **dict.fromkeys("شچ", "C"),
        "غ": "G",
        **dict.fromkeys("فڤ", "F"),
        **dict.fromkeys("قك", "K"),  # fold has made ک ڭ گ of it
        "ل": "L",
        "م": "M",
        "ن": "N",
        "و": "w",
        "ي": "y",
        **dict.fromkeys("اعءآٱ", "a"),
        "ة": "H",
    }
)
_DIGRAPHS: Final = (
    ("tch", "C"),
    ("sch", "C"),
    ("ch", "C"),
    ("sh", "C"),
    ("kh", "X"),
    ("gh", "G"),
    ("dh", "D"),
    ("th", "T"),
    ("ph", "F"),
    ("dj", "J"),
    ("ou", "w"),
    ("qu", "K"),
)
_LATIN_SOUNDS: Final = str.maketrans(
    {
        **dict.fromkeys("bp", "B"),
        "t": "T",
        "j": "J",
        "h": "H",
        "d": "D",
        "r": "R",
        "z": "Z",
        "s": "S",
        **dict.fromkeys("fv", "F"),
        **dict.fromkeys("kqcg", "K"),
        "l": "L",
        "m": "M",
        "n": "N",
        "x": "KS",
        "w": "w",
        "y": "y",
        **dict.fromkeys("aeiou", "a"),
    }
)
_ARTICLE: Final = re.compile(r"\b(?:el|al|l|es|ez|er|en|ed|et|ech|ach|as|ar|an|ad|at)\b ?")
_SERVANT: Final = re.compile(r"^abd ?(?:[aeou]{1,2}l|[aeou])? ?(?=[a-z])")
_ARABIC_ARTICLE: Final = re.compile(r"(?:^|(?<=\s))ال(?=\S{2})")  # before folding: إلهام has none
_ENDING: Final = re.compile(r"(?:[ةهح]|(?<![cdgkst])h)(?= |$)")  # ة and a final h are heard or not
_SOFT: Final = ((re.compile(r"c(?=[eiy])"), "s"), (re.compile(r"g(?=[eiy])"), "j"))
_TWICE: Final = re.compile(r"(.)\1+")
_NOT_SOUND: Final = re.compile(r"[^A-Zawy]")


class Spelled(NamedTuple):
    """A name as the dictionary holds it: folded; `latin` is empty when the register knows none."""

    ar: str
    latin: str


def spelled(ar: str, latin: str | None) -> Spelled:
    return Spelled(fold(ar), fold(latin or ""))


@lru_cache(maxsize=200_000)
def is_arabic(name: str) -> bool:
    return ARABIC.search(name) is not None


@lru_cache(maxsize=200_000)
def plain(name: str) -> str:
    """The folded name without spaces: `Ben Ali` and `Benali` are equal, as are بن علي and بنعلي."""
    return fold(name).replace(" ", "")


@lru_cache(maxsize=200_000)
def key(name: str) -> str:
    """The consonants that one hears, in the same signs for each script; `-` where there is none (آية)."""
    sounds = _sounds(name)
    if not sounds:
        return "-"
    first = sounds[0] if sounds[0] in "wy" and sounds[1:2] in {"a", "w", "y"} else ""
    bare = _TWICE.sub(r"\1", re.sub("[awy]", "", sounds))
    return (first.upper() + bare) or "-"


def keys(ar: str | None, latin: str | None) -> frozenset[str]:
    """Every key under which a name is looked for."""
    return frozenset(key(name) for name in (ar, latin) if name)


def near(of: str) -> frozenset[str]:
    """Keys that lack one of its sounds: what was not heard or not written. Itself included."""
    if len(of) < 4:  # of three sounds any two are anybody's; the last is that of ة, Najat and Naja
        return frozenset({of, of[:2]})
    return frozenset({of, *(of[:at] + of[at + 1 :] for at in range(len(of)))})


def likeness(asked: str, ar: str | None, latin: str | None) -> float:
    """0 to 100: how near the name is to one of the dictionary in whichever script it is near to."""
    best = 0.0
    for known in (ar, latin):
        if not known:
            continue
        # Vowels are written in one script and guessed in the other: they weigh less than consonants.
        spoken = 0.75 * ratio(key(asked), key(known)) + 0.25 * ratio(_sounds(asked), _sounds(known))
        if is_arabic(known) == is_arabic(asked) and not TIFINAGH.search(asked):
            best = max(best, ratio(plain(asked), plain(known)), 0.9 * spoken)
        else:
            best = max(best, 0.97 * spoken)
    return best


@lru_cache(maxsize=200_000)
def _sounds(name: str) -> str:
    if is_arabic(name):
        spoken = _ENDING.sub("", fold(_ARABIC_ARTICLE.sub("", name))).replace(" ", "")
        spoken = spoken.translate(_ARABIC_SOUNDS)
        # و and ي at the start are heard, whatever short vowel nobody writes comes after them.
        if spoken[:1] in {"w", "y"}:
            spoken = spoken[0] + "a" + spoken[1:]
        return _NOT_SOUND.sub("", spoken)
    spoken = fold(name)
    if TIFINAGH.search(spoken):
        spoken = "".join(FROM_TIFINAGH.get(letter, letter) for letter in spoken)
    spoken = _SERVANT.sub("abd|", spoken)
    spoken = (_ARTICLE.sub("", _ENDING.sub("", spoken)) or spoken).replace(" ", "")
    for pattern, letter in _SOFT:
        spoken = pattern.sub(letter, spoken)
    for letters, sign in _DIGRAPHS:
        spoken = spoken.replace(letters, sign)
    if spoken[:1] == "i" and spoken[1:2] in set("aeou"):
        spoken = "y" + spoken[1:]
    return _NOT_SOUND.sub("", spoken.translate(_LATIN_SOUNDS))
