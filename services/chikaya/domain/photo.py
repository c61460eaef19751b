"""What everybody gets of a photo: the picture, and nothing that a telephone wrote beside it.

Where, when and with what it was taken, a smaller picture of what was cut off, a film that goes with it, a
camera's own colours: all of that is in pieces beside the picture. So only the pieces without which there is
no picture are kept, byte for byte, and of the rest which way up it is. Nothing is decoded, so no picture that
somebody sent is drawn here, and none loses anything.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

UPRIGHT: Final = 1
ORIENTATION: Final = 0x0112
"""Which way up a picture is: Exif 2.3, 4.6.4; from 1, upright, to 8."""
SHORT: Final = 3
EXIF: Final = b"Exif\0\0"

SOI, EOI, SOS, APP0, APP1, APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE
PICTURE: Final = frozenset({*range(0xC0, 0xD0), EOI, *range(0xDA, 0xE0)}) - {0xC8}
"""Segments of JPEG (ITU-T T.81, table B.1) that the picture is made of: frames, tables, scans, its end."""

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"sRGB"})
"""Those of PNG (W3C, 3rd edition, 5.6) that the picture is made of, and its colours."""


class NoPicture(ValueError):
    """It is not built as its standard says."""


def bare(content: bytes) -> bytes:
    """The picture alone, JPEG or PNG. Raises NoPicture."""
    try:
        return b"".join(_png(content) if content.startswith(SIGNATURE) else _jpeg(content))
    except (struct.error, IndexError):
        raise NoPicture from None


# -- JPEG


def _jpeg(content: bytes) -> Iterator[bytes]:
    """What follows the end of the picture, a film for one, is left out with the rest."""
    yield content[:2]
    turned = UPRIGHT
    for marker, said, whole in _segments(content):
        if marker == APP1 and said.startswith(EXIF) and turned == UPRIGHT:
            if (turned := _orientation(said[len(EXIF) :])) != UPRIGHT:
                yield _segment(APP1, EXIF + _turned(turned))
        elif marker == APP0 and said.startswith(b"JFIF\0"):
            yield _segment(APP0, said[:12] + bytes(2))  # without its small picture
        elif marker == APP14 and said.startswith(b"Adobe"):
            yield _segment(APP14, said[:12])  # how its colours are written
        elif marker in PICTURE:
            yield whole


def _segments(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """By marker, what each says, and all of it; to a scan belongs what is drawn."""
    if content[:2] != bytes((0xFF, SOI)):
        raise NoPicture
    at, drawn = 2, False
    while True:
        if content[at] != 0xFF:
            raise NoPicture
        marker = content[at + 1]
        if marker == EOI and drawn:
            yield EOI, b"", content[at : at + 2]
            return
        if marker == 0xFF:  # before a marker there may be more of them
            at += 1
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        start, end = at, at + 2 + length
        if length < 2 or end > len(content):
            raise NoPicture
        at = end
        if marker == SOS:
            at, drawn = _after_scan(content, end), True
        yield marker, content[start + 4 : end], content[start:at]


def _segment(marker: int, said: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(said) + 2) + said


def _after_scan(content: bytes, at: int) -> int:
    """Where the next marker stands that is none of the scan's own."""
    while True:
        at = content.find(b"\xff", at)
        if at < 0:
            raise NoPicture
        follows = content[at + 1]
        if follows == 0 or 0xD0 <= follows <= 0xD7:
            at += 2
        elif follows == 0xFF:
            at += 1
        else:
            return at


# -- PNG


def _png(content: bytes) -> Iterator[bytes]:
    yield content[: len(SIGNATURE)]
    at = len(SIGNATURE)
    drawn = False
    while True:
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        said = content[at + 8 : end - 4]
        (check,) = struct.unpack_from(">I", content, end - 4) if end <= len(content) else (None,)
        if check != zlib.crc32(kind + said):
            raise NoPicture
        if kind == b"eXIf":
            if (turned := _orientation(said)) != UPRIGHT:
                yield _chunk(kind, _turned(turned))
        elif kind in CHUNKS:
            yield content[at:end]
        drawn = drawn or kind == b"IDAT"
        at = end
        if kind == b"IEND":
            if not drawn:
                raise NoPicture
            return


def _chunk(kind: bytes, said: bytes) -> bytes:
    return struct.pack(">I4s", len(said), kind) + said + struct.pack(">I", zlib.crc32(kind + said))


# -- Exif


def _orientation(tiff: bytes) -> int:
    """What the first directory says (TIFF 6.0, 2); upright where it cannot be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(entries):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * entry)
            if tag == ORIENTATION and kind == SHORT and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return UPRIGHT
    return UPRIGHT


def _turned(orientation: int) -> bytes:
    """Exif that says this alone."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, SHORT, 1, orientation, 0, 0)
