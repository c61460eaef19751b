"""What may be printed, and what is refused rather than printed wrongly."""

import json
import struct
from dataclasses import replace

import pytest

from shared.documents import Content, printable
from shared.documents.content import letters
from shared.documents.render import HERE
from shared.errors import Invalid
from tests.documents.samples import PLAIN, SAMPLES


@pytest.mark.parametrize(
    ("text", "code", "character"),
    [
        ("محمد\u202eيولعلا", "text_not_printable", "U+202E"),  # right-to-left override
        ("Ali\u200f", "text_not_printable", "U+200F"),
        ("\u2066Ali\u2069", "text_not_printable", "U+2066"),
        ("Ali\nFatima", "text_not_printable", "U+000A"),
        ("Ali\x00", "text_not_printable", "U+0000"),
        ("Ali\ud800", "text_not_printable", "U+D800"),
        ("\u5f20\u4f1f", "text_not_printable", "U+4F1F"),  # no vendored font draws it
        ("😀", "text_not_printable", "U+1F600"),
        ("a" * 10_000, "text_too_long", None),
        ("ab " * 3_000, "text_too_long", None),
        ("a" * 101, "text_too_long", None),
    ],
)
def test_a_text_that_would_deceive_or_vanish_is_refused(text: str, code: str, character: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        printable(text, "holder")
    assert refused.value.code == code
    assert refused.value.extra["field"] == "holder"
    assert set(refused.value.detail) == {"ar", "fr", "en"}
    if character:
        assert character in refused.value.extra["characters"]


@pytest.mark.parametrize("where", ["holder", "fields", "mentions", "issuer"])
def test_no_value_escapes_the_check(where: str) -> None:
    bad = {"ar": "محمد\u202e"}
    value: object = bad if where == "holder" else (bad,)
    if where == "fields":
        value = (replace(PLAIN.fields[0], value=bad),)
    with pytest.raises(Invalid, match="text_not_printable"):
        _ = replace(PLAIN, **{where: value}).canonical  # type: ignore[arg-type]


def test_a_content_of_too_many_mentions_is_refused() -> None:
    with pytest.raises(Invalid, match="text_too_long"):
        _ = replace(PLAIN, mentions=tuple({"ar": "م " * 400} for _ in range(200))).canonical


def test_two_spellings_of_the_same_letters_are_one_content() -> None:
    """A name may come composed or not: the seal is of the composed form."""
    apart = replace(PLAIN, holder={"fr": "Ame\u0301lie"})
    together = replace(PLAIN, holder={"fr": "Am\u00e9lie"})
    assert apart.digest == together.digest
    assert together.digest != replace(PLAIN, holder={"fr": "Amelie"}).digest


@pytest.mark.parametrize("content", SAMPLES.values(), ids=SAMPLES)
def test_a_content_comes_back_from_its_canonical_text(content: Content) -> None:
    assert Content.parse(content.canonical).canonical == content.canonical
    assert json.loads(content.canonical)["title"] == content.title


def test_the_fonts_draw_every_letter_that_may_be_printed() -> None:
    drawn = set().union(*(_drawn(font.read_bytes()) for font in (HERE / "fonts").glob("*-Regular.ttf")))
    assert [f"U+{ord(letter):04X}" for letter in letters() if ord(letter) not in drawn] == []


@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_each_weight_draws_arabic_and_latin(weight: str) -> None:
    """A strong name falls back to no other font in silence."""
    for family, sample in (("Amiri", "محمد"), ("NotoSans", "Éḍ")):
        drawn = _drawn((HERE / "fonts" / f"{family}-{weight}.ttf").read_bytes())
        assert {ord(letter) for letter in sample} <= drawn


def test_every_font_has_its_licence() -> None:
    fonts = HERE / "fonts"
    families = {path.stem.partition("-")[0] for path in fonts.glob("*.ttf")}
    licences = {path.stem.removeprefix("OFL-") for path in fonts.glob("OFL-*.txt")}
    assert families == licences
    assert all(
        "SIL Open Font License" in path.read_text(encoding="utf-8") for path in fonts.glob("OFL-*.txt")
    )
    assert "Apache License" in (HERE / "page" / "LICENSE-jsqr.txt").read_text(encoding="utf-8")


def _drawn(font: bytes) -> set[int]:
    """Code points with a glyph: the `cmap` table, formats 4 and 12 (ISO/IEC 14496-22 §5.2.1)."""
    tables = struct.unpack(">H", font[4:6])[0]
    records = [struct.unpack(">4sIII", font[12 + 16 * n : 28 + 16 * n]) for n in range(tables)]
    base = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    count = struct.unpack(">H", font[base + 2 : base + 4])[0]
    found: set[int] = set()
    for n in range(count):
        at = base + struct.unpack(">I", font[base + 8 + 8 * n : base + 12 + 8 * n])[0]
        kind = struct.unpack(">H", font[at : at + 2])[0]
        if kind == 12:
            groups = struct.unpack(">I", font[at + 12 : at + 16])[0]
            for g in range(groups):
                first, last, _ = struct.unpack(">III", font[at + 16 + 12 * g : at + 28 + 12 * g])
                found.update(range(first, last + 1))
        elif kind == 4:
            segments = struct.unpack(">H", font[at + 6 : at + 8])[0] // 2
            ends = struct.unpack(f">{segments}H", font[at + 14 : at + 14 + 2 * segments])
            begin = at + 16 + 2 * segments
            starts = struct.unpack(f">{segments}H", font[begin : begin + 2 * segments])
            for first, last in zip(starts, ends, strict=True):
                found.update(range(first, last + 1))
    return found - {0xFFFF}
