"""What a document says: values that a template prints, refused when they could deceive whoever reads them."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final, Self

from shared.errors import Invalid

LONGEST: Final = 1_000  # characters of one value: four times the longest name that a register holds
LONGEST_WORD: Final = 100
MOST: Final = 100_000  # bytes of a whole content: some sixty pages

PRINTABLE: Final = (
    (0x20, 0x7E),
    (0xA0, 0x17F),  # Latin of western Europe, and of the romanised names of civil status
    (0x300, 0x30C),
    (0x60C, 0x60C),
    (0x61B, 0x61B),
    (0x61F, 0x64A),
    (0x64B, 0x65E),  # the vowel signs
    (0x660, 0x66D),
    (0x670, 0x671),
    (0x679, 0x6D3),
    (0x6F0, 0x6F9),
    (0x1E00, 0x1EFF),  # ḍ, ḥ, ṣ, ṭ of romanised Amazigh
    (0x2010, 0x2011),
    (0x2013, 0x2014),
    (0x2018, 0x201A),
    (0x201C, 0x201E),
    (0x2022, 0x2022),
    (0x2026, 0x2026),
    (0x2039, 0x203A),
    (0x20AC, 0x20AC),
    (0x2D30, 0x2D67),  # Tifinagh
    (0x2D6F, 0x2D6F),
)
"""First and last code point of what the vendored fonts draw. A letter without a glyph would be left out of
the page in silence; a direction mark would make the page say what its bytes do not."""

_PRINTABLE: Final = frozenset(chr(point) for first, last in PRINTABLE for point in range(first, last + 1))

Texts = Mapping[str, str]
"""By language: `ar`, `fr`, and for names `zgh` in Tifinagh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A line of the document. `value` holds what is written in each script, or the same for all under `und`
    (numbers, references); an absent script prints a dash.
    """

    label: Texts
    value: Texts


@dataclass(frozen=True, kw_only=True)
class Content:
    """A document in Arabic and French. `issuer` has the lines of the letterhead, from the State down;
    `holder` the names of the person it is about; `mentions` are printed in their order, `notes` after them.
    """

    issuer: tuple[Texts, ...]
    title: Texts
    reference: str
    issued: Texts
    holder: Texts = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    mentions: tuple[Texts, ...] = ()
    notes: tuple[Texts, ...] = ()

    @cached_property
    def canonical(self) -> str:
        """The one text that this content has: what the seal's hash is of, and what the template prints.

        JSON with sorted keys, no spaces, NFC. Raises Invalid `text_not_printable` or `text_too_long`.
        """
        checked = _checked(asdict(self), "content")
        text = json.dumps(checked, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        if len(text.encode()) > MOST:
            raise too_long("content", MOST)
        return text

    @classmethod
    def parse(cls, canonical: str) -> Self:
        """The content of a canonical text that was written here."""
        said = json.loads(canonical)
        lists = {name: tuple(said[name]) for name in ("issuer", "mentions", "notes")}
        return cls(**said | lists | {"fields": tuple(Field(**one) for one in said["fields"])})

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical text."""
        return hashlib.sha256(self.canonical.encode()).digest()


def printable(text: str, what: str = "text") -> str:
    """The text as it is printed, in NFC. Raises Invalid for what cannot be: nothing is dropped or replaced,
    because a register's name is printed as it is or not at all.
    """
    if len(text) > LONGEST:
        raise too_long(what, LONGEST)
    if any(len(word) > LONGEST_WORD for word in text.split()):
        raise too_long(what, LONGEST_WORD)
    composed = unicodedata.normalize("NFC", text)
    if found := sorted(set(composed) - _PRINTABLE):
        raise Invalid(
            "text_not_printable",
            {
                "ar": "يتضمن النص حروفا لا تطبع في الوثائق الرسمية.",
                "fr": "Le texte contient des caractères qu'un document officiel n'imprime pas.",
                "en": "The text holds characters that no official document prints.",
            },
            field=what,
            characters=[f"U+{ord(letter):04X}" for letter in found[:10]],
        )
    return composed


def too_long(what: str, most: int) -> Invalid:
    return Invalid(
        "text_too_long",
        {
            "ar": "النص أطول من أن يطبع.",
            "fr": "Le texte est trop long pour être imprimé.",
            "en": "The text is too long to be printed.",
        },
        field=what,
        most=most,
    )


def _checked(value: Any, path: str) -> Any:
    if isinstance(value, str):
        return printable(value, path)
    if isinstance(value, Mapping):
        return {name: _checked(one, f"{path}.{name}") for name, one in value.items()}
    return [_checked(one, f"{path}.{number}") for number, one in enumerate(value)]


def letters() -> Iterator[str]:
    """Every letter that may be printed."""
    yield from sorted(_PRINTABLE)
