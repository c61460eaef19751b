"""Templates of an office in PostgreSQL."""

import dataclasses
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from services.chikaya.domain.template import Language, Template
from services.chikaya.events import TEMPLATE, TemplateEvent
from services.chikaya.events.report import Outcome
from shared.db import Tx
from shared.errors import NotFound, Stale

COLUMNS: Final = tuple(one.name for one in dataclasses.fields(Template))
SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM chikaya.template"
ONE = text(f"{SELECT} WHERE id = :id")
LOCK = text(f"{SELECT} WHERE id = :id FOR UPDATE")
LIST = text(f"""{SELECT}
    WHERE NOT withdrawn AND (CAST(:collectivity AS text) IS NULL OR collectivity = :collectivity)
      AND (CAST(:after_name AS text) IS NULL OR (name, id) > (:after_name, CAST(:after_id AS uuid)))
    ORDER BY name, id LIMIT :limit""")
SAVE = text(f"""
    INSERT INTO chikaya.template ({", ".join(COLUMNS)}) VALUES ({", ".join(f":{name}" for name in COLUMNS)})
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, outcome = excluded.outcome, text = excluded.text,
      withdrawn = excluded.withdrawn, version = excluded.version""")


async def get(tx: Tx, template_id: UUID) -> Template:
    """Raises NotFound."""
    return _found((await tx.execute(ONE, {"id": template_id})).one_or_none())


async def locked(tx: Tx, template_id: UUID, *, version: int | None) -> Template:
    """To change. Raises NotFound, and Stale when the caller read another version than this one."""
    found = _found((await tx.execute(LOCK, {"id": template_id})).one_or_none())
    if version is not None and version != found.version:
        raise Stale("template_changed", version=found.version)
    return found


async def of_office(
    tx: Tx, collectivity: str | None, *, after: tuple[str, UUID] | None, limit: int
) -> list[Template]:
    """Those that are not withdrawn, by name, of one office or of all that the caller serves."""
    values = {
        "collectivity": collectivity,
        "after_name": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [_read(row) for row in await tx.execute(LIST, values)]


async def save(tx: Tx, template: Template, *, because: TemplateEvent) -> None:
    row = {name: getattr(template, name) for name in COLUMNS}
    row |= {"language": template.language.value, "outcome": template.outcome.value}
    await tx.save(TEMPLATE, template.id, because, template.version, SAVE, row)


def _found(row: Row[*tuple[Any, ...]] | None) -> Template:
    if row is None:
        raise NotFound(
            "template_unknown",
            {
                "ar": "ليس لمكتبكم نموذج بهذا المعرف.",
                "fr": "Votre bureau n'a pas de modèle de cet identifiant.",
                "en": "Your office has no such template.",
            },
        )
    return _read(row)


def _read(row: Row[*tuple[Any, ...]]) -> Template:
    fields = {name: getattr(row, name) for name in COLUMNS}
    return Template(**(fields | {"language": Language(row.language), "outcome": Outcome(row.outcome)}))
