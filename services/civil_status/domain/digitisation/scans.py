"""Whether a content is the image of a page and nothing else: walked from its first byte to its last.

A type is not told by a first line alone: an executable may begin as a picture does. What follows the end of
the image, and an image that has none, are refused.
"""

import re
import zlib
from dataclasses import dataclass
from typing import Final

from services.civil_status.domain.digitisation.rules import Scan
from shared.errors import Invalid, Unsupported

PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # those that state the size (ISO 10918-1)
_END: Final = 0xD9
_SCAN: Final = 0xDA


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """`media_type` by content; sides in pixels."""

    media_type: str
    width: int
    height: int


def image_of(content: bytes, limits: Scan) -> Image:
    """Raises Unsupported `scan_not_an_image`; Invalid `scan_damaged` (cut off, or something behind its end),
    `scan_too_small`, `scan_too_large`.
    """
    if content.startswith(PNG):
        kind, sides = "image/png", _png(content)
    elif content.startswith(JPEG):
        kind, sides = "image/jpeg", _jpeg(content)
    else:
        raise Unsupported(
            "scan_not_an_image",
            {
                "ar": "الصفحة صورة من نوع JPEG أو PNG.",
                "fr": "Une page est une image JPEG ou PNG.",
                "en": "A page is a JPEG or PNG image.",
            },
            accepted=["image/jpeg", "image/png"],
        )
    if sides is None:
        raise Invalid(
            "scan_damaged",
            {
                "ar": "الصورة ناقصة أو يليها محتوى آخر: أعيدوا المسح.",
                "fr": "L'image est tronquée, ou suivie d'autre chose : numérisez à nouveau.",
                "en": "The image is cut off, or something follows it: scan again.",
            },
        )
    width, height = sides
    if min(width, height) < limits.least_side:
        raise Invalid(
            "scan_too_small",
            {
                "ar": "دقة الصورة لا تكفي للقراءة.",
                "fr": "La résolution ne suffit pas à lire.",
                "en": "The resolution is too low to be read.",
            },
            least_side=limits.least_side,
        )
    if width * height > limits.most_pixels:
        raise Invalid(
            "scan_too_large",
            {
                "ar": "أبعاد الصورة أكبر من المسموح.",
                "fr": "Les dimensions de l'image dépassent la limite.",
                "en": "The image has more pixels than allowed.",
            },
            most_pixels=limits.most_pixels,
        )
    return Image(media_type=kind, width=width, height=height)


def _png(content: bytes) -> tuple[int, int] | None:
    """Chunk by chunk, each with its checksum (ISO 15948)."""
    at, sides, pixels = len(PNG), None, False
    while len(content) >= at + 12:
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(content):
            return None
        if zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            return None
        if (kind == b"IHDR") is not (at == len(PNG)) or (kind == b"IHDR" and length != 13):
            return None
        if kind == b"IHDR":
            sides = (
                int.from_bytes(content[at + 8 : at + 12], "big"),
                int.from_bytes(content[at + 12 : at + 16], "big"),
            )
        pixels = pixels or kind == b"IDAT"
        if kind == b"IEND":
            return sides if pixels and end == len(content) else None
        at = end
    return None


def _jpeg(content: bytes) -> tuple[int, int] | None:
    """Segment by segment; after the head of a scan, on to the next marker."""
    at, sides, pixels = 2, None, False
    while len(content) >= at + 2 and content[at] == 0xFF:
        kind = content[at + 1]
        if kind == 0xFF:  # a fill byte
            at += 1
            continue
        if kind == _END:
            return sides if pixels and at + 2 == len(content) else None
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(content):
            return None
        if kind in _FRAMES and length >= 8:
            height, width = (
                int.from_bytes(content[at + 5 : at + 7], "big"),
                int.from_bytes(content[at + 7 : at + 9], "big"),
            )
            sides = (width, height)
        at += 2 + length
        if kind == _SCAN:
            pixels = True
            found = _MARKER.search(content, at)
            if found is None:
                return None
            at = found.start()
    return None
