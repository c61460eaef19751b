"""A content and its QR code as pages: Typst, the vendored fonts and nothing of the machine's."""

import io
import json
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import segno
import typst
from segno import consts

from shared.documents.content import Content

HERE: Final = Path(str(files("shared.documents")))
TEMPLATE: Final = HERE / "act.typ"
STANDARD: Final = "a-3b"  # PDF/A-3: the one that may carry the data of what it prints (ISO 19005-3)
DPI: Final = 100
MODULE: Final = 0.6  # millimetres: 2.4 dots of a copy at 100 dpi; below 2 a crooked copy is no longer read
BORDER: Final = 4  # modules (ISO/IEC 18004 §5.3.8)


def pdf(content: Content, *, id: UUID, day: date, url: str, token: str) -> bytes:  # noqa: A002 -- its name
    """PDF/A-3b, the same bytes for the same arguments; about 20 ms of a processor, outside the GIL.

    `url` is the page that verifies, `token` what its QR code carries behind `#`. Raises Invalid for a
    content that cannot be printed.
    """
    made: bytes = typst.compile(
        TEMPLATE, format="pdf", pdf_standards=STANDARD, **_given(content, id, day, url, token)
    )
    return made


def png(content: Content, *, id: UUID, day: date, url: str, token: str, dpi: int = DPI) -> list[bytes]:  # noqa: A002
    """The same pages as pictures."""
    made: Any = typst.compile(TEMPLATE, format="png", ppi=dpi, **_given(content, id, day, url, token))
    return [made] if isinstance(made, bytes) else made


def _given(content: Content, document: UUID, day: date, url: str, token: str) -> dict[str, Any]:
    code, modules = qr(url, token)
    day_parts = [day.year, day.month, day.day]
    seal = {"id": str(document), "url": url, "day": day_parts, "side": round(modules * MODULE, 1)}
    return {
        "root": HERE,
        "font_paths": _fonts(),
        "ignore_system_fonts": True,
        "sys_inputs": {
            "content": content.canonical,
            "seal": json.dumps(seal),
            "qr": code,
        },
    }


@cache
def _fonts() -> Any:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[HERE / "fonts"])


def qr(url: str, token: str) -> tuple[str, int]:
    """SVG, and modules a side, of `url#token`: any camera opens it. The address is written in bytes, the
    token, whose letters are A–Z and 2–7, in the denser alphanumeric mode (ISO/IEC 18004 §7.4).
    """
    parts: Any = [(f"{url}#", consts.MODE_BYTE), (token, consts.MODE_ALPHANUMERIC)]
    code = segno.make(parts, error="m", micro=False)
    out = io.BytesIO()
    code.save(out, kind="svg", border=BORDER, xmldecl=False, svgns=True, omitsize=True)
    return out.getvalue().decode(), int(code.symbol_size(border=BORDER)[0])
