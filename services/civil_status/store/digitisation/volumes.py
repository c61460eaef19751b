"""Volumes and their pages in PostgreSQL: loaded to be changed, a volume is locked until the transaction
ends.
"""

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB

from services.civil_status.domain.digitisation.scans import Image
from services.civil_status.domain.digitisation.states import VolumeState
from services.civil_status.domain.digitisation.volume import Volume
from services.civil_status.events import ActKind
from services.civil_status.events.digitisation import VOLUME, VolumeEvent
from shared.db import Tx
from shared.errors import Conflict, NotFound, Stale
from shared.files import StoredFile

IN_COLUMNS: Final = (
    *("id", "kind", "collectivity", "office", "year", "volume", "first", "last", "pages", "state"),
    *("opened_at", "version"),
)


def _read(sql: str) -> Any:
    return text(sql).columns(body=JSONB)


SELECT: Final = f"SELECT {', '.join(IN_COLUMNS)}, body FROM civil_status.volume"
ONE = _read(f"{SELECT} WHERE id = :id")
LOCK = _read(f"{SELECT} WHERE id = :id FOR UPDATE")
INSERT = text(
    f"INSERT INTO civil_status.volume ({', '.join(IN_COLUMNS)}, body)"
    f" VALUES ({', '.join(f':{name}' for name in IN_COLUMNS)}, CAST(:body AS jsonb))"
    " ON CONFLICT (office, year, kind, volume) DO NOTHING RETURNING id"
)
UPDATE = text(
    "UPDATE civil_status.volume SET pages = :pages, state = :state, version = :version,"
    " body = CAST(:body AS jsonb) WHERE id = :id"
)
LIST = _read(f"""{SELECT}
    WHERE (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
      AND (CAST(:office AS text) IS NULL OR office = :office)
      AND (CAST(:year AS int) IS NULL OR year = :year)
      AND (CAST(:after_at AS timestamptz) IS NULL
        OR (opened_at, id) > (:after_at, CAST(:after_id AS uuid)))
    ORDER BY opened_at, id LIMIT :limit""")

PAGES = text("""
    SELECT page, sha256, media_type, size, width, height, scanned_at FROM civil_status.page
    WHERE volume = :volume AND page > :after ORDER BY page LIMIT :limit""")
NUMBERS = text("SELECT page FROM civil_status.page WHERE volume = :volume")
PAGE = text("""
    SELECT page, sha256, media_type, size, width, height, scanned_at FROM civil_status.page
    WHERE volume = :volume AND page = :page""")
DIGESTS = text("""
    SELECT sha256 FROM civil_status.page WHERE volume = :volume AND page = ANY(CAST(:pages AS int[]))
    ORDER BY page""")
ADD = text("""
    INSERT INTO civil_status.page (volume, page, collectivity, sha256, media_type, size, width, height,
      scanned_at, scanned_by)
    VALUES (:volume, :page, :collectivity, :sha256, :media_type, :size, :width, :height, :now, :by)
    ON CONFLICT DO NOTHING RETURNING page""")
REMOVE = text("DELETE FROM civil_status.page WHERE volume = :volume AND page = :page")
WHERE_IS = text("SELECT volume, page FROM civil_status.page WHERE sha256 = :sha256")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The image of a page, by digest; `size` in bytes, sides in pixels."""

    page: int
    sha256: str
    media_type: str
    size: int
    width: int
    height: int
    scanned_at: datetime


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Volume)
    names = [field.name for field in dataclasses.fields(Volume)]
    return {name: TypeAdapter(hints[name]) for name in names if name not in IN_COLUMNS}


async def get(tx: Tx, volume_id: UUID) -> Volume:
    """To read. Raises `NotFound`, also for what row-level security hides."""
    return _found((await tx.execute(ONE, {"id": volume_id})).one_or_none())


async def locked(tx: Tx, volume_id: UUID, *, version: int | None = None) -> Volume:
    """To change. Raises `NotFound`, and `Stale` when the caller read another version than this one."""
    found = _found((await tx.execute(LOCK, {"id": volume_id})).one_or_none())
    if version is not None and version != found.version:
        raise Stale("volume_changed", version=found.version)
    return found


async def find(
    tx: Tx,
    *,
    states: Sequence[VolumeState] | None,
    office: str | None,
    year: int | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Volume]:
    """The oldest first, of those that the caller sees."""
    values = {
        "states": None if states is None else [str(state) for state in states],
        "office": office,
        "year": year,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [from_row(row) for row in await tx.execute(LIST, values)]


async def save(tx: Tx, volume: Volume, *, because: VolumeEvent) -> None:
    """Raises Conflict `volume_open` for a second one of the same office, year, kind and number."""
    if volume.version > 1:
        await tx.execute(UPDATE, to_row(volume))
    elif (await tx.execute(INSERT, to_row(volume))).one_or_none() is None:
        raise Conflict(
            "volume_open",
            {
                "ar": "فُتح هذا السجل من قبل.",
                "fr": "Ce registre est déjà ouvert.",
                "en": "This volume is open already.",
            },
        )
    sequence = await tx.emit(VOLUME, volume.id, volume.collectivity, because)
    assert sequence == volume.version  # the row was locked when it was loaded


async def pages(tx: Tx, volume_id: UUID, *, after: int, limit: int) -> list[Page]:
    values = {"volume": volume_id, "after": after, "limit": limit}
    return [_page(row) for row in await tx.execute(PAGES, values)]


async def numbers(tx: Tx, volume_id: UUID) -> set[int]:
    """Of the pages that have an image."""
    return {row.page for row in await tx.execute(NUMBERS, {"volume": volume_id})}


async def page(tx: Tx, volume_id: UUID, number: int) -> Page:
    """Raises NotFound `page_unknown`."""
    row = (await tx.execute(PAGE, {"volume": volume_id, "page": number})).one_or_none()
    if row is None:
        raise NotFound("page_unknown", "This page was not scanned.")
    return _page(row)


async def digests(tx: Tx, volume_id: UUID, numbers: Sequence[int]) -> list[str]:
    """Of the images of these pages, in their order."""
    found = await tx.execute(DIGESTS, {"volume": volume_id, "pages": list(numbers)})
    return [row.sha256 for row in found]


async def add_page(tx: Tx, volume: Volume, number: int, stored: StoredFile, image: Image) -> None:
    """Raises Conflict `page_scanned_already` when the page has another image; `page_repeated` when this very
    content is the image of a page already, here or elsewhere.
    """
    values = {
        "volume": volume.id,
        "page": number,
        "collectivity": volume.collectivity,
        "sha256": stored.sha256,
        "media_type": image.media_type,
        "size": stored.size,
        "width": image.width,
        "height": image.height,
        "now": tx.now,
        "by": tx.actor.subject,
    }
    if (await tx.execute(ADD, values)).one_or_none() is not None:
        return
    known = (await tx.execute(PAGE, {"volume": volume.id, "page": number})).one_or_none()
    if known is not None and known.sha256 != stored.sha256:
        raise Conflict(
            "page_scanned_already",
            {
                "ar": "لهذه الصفحة صورة: استبدلوها إن كانت غير مقروءة.",
                "fr": "Cette page a déjà une image : remplacez-la si elle est illisible.",
                "en": "This page has an image already: replace it if it cannot be read.",
            },
        )
    raise await _repeated(tx, stored)


async def replace_page(tx: Tx, volume: Volume, number: int, stored: StoredFile, image: Image) -> None:
    """Raises NotFound `page_unknown`, Conflict `page_repeated`."""
    if (await page(tx, volume.id, number)).sha256 == stored.sha256:
        raise await _repeated(tx, stored)
    await tx.execute(REMOVE, {"volume": volume.id, "page": number})
    await add_page(tx, volume, number, stored, image)


async def _repeated(tx: Tx, stored: StoredFile) -> Conflict:
    """Which page it is, is told of one's own offices only: row-level security hides those of others."""
    where = (await tx.execute(WHERE_IS, {"sha256": stored.sha256})).one_or_none()
    return Conflict(
        "page_repeated",
        {
            "ar": "هذه الصورة بعينها صورة صفحة من قبل.",
            "fr": "Cette image est déjà celle d'une page.",
            "en": "This very image is that of a page already.",
        },
        **({} if where is None else {"volume": str(where.volume), "page": where.page}),
    )


def _page(row: Row[*tuple[Any, ...]]) -> Page:
    return Page(**row._asdict())


def _found(row: Row[*tuple[Any, ...]] | None) -> Volume:
    if row is None:
        raise NotFound(
            "volume_unknown",
            {
                "ar": "لا يوجد سجل بهذا المعرف ضمن ما يحق لكم الاطلاع عليه.",
                "fr": "Aucun registre de cet identifiant parmi ceux que vous pouvez consulter.",
                "en": "There is no such volume among those that you may see.",
            },
        )
    return from_row(row)


def to_row(volume: Volume) -> dict[str, Any]:
    body = {
        name: adapter.dump_python(getattr(volume, name), mode="json") for name, adapter in _adapters().items()
    }
    row = {name: getattr(volume, name) for name in IN_COLUMNS}
    return row | {
        "kind": volume.kind.value,
        "state": volume.state.value,
        "body": json.dumps(body, ensure_ascii=False),
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Volume:
    known = _adapters()
    body = {name: known[name].validate_python(value) for name, value in row.body.items() if name in known}
    columns = {name: getattr(row, name) for name in IN_COLUMNS}
    return Volume(**(columns | {"kind": ActKind(row.kind), "state": VolumeState(row.state)} | body))
