"""Who brought which content. The content itself is in the object store, under its digest."""

from collections.abc import Collection

from sqlalchemy import text

from shared.db import Tx
from shared.errors import Invalid
from shared.files import EXTENSIONS, StoredFile

RECORD = text("""
    INSERT INTO watiqa.upload (sha256, uploader, name, media_type, size, uploaded_at)
    VALUES (:sha256, :uploader, :name, :media_type, :size, :uploaded_at) ON CONFLICT DO NOTHING""")
MINE = text("SELECT sha256 FROM watiqa.upload WHERE sha256 = ANY(:digests) AND uploader = :uploader")
CONTENT = text("SELECT media_type, size FROM watiqa.content(:sha256)")


async def record(tx: Tx, stored: StoredFile) -> None:
    """The caller brought this content; the name of the first time stays."""
    values = {name: getattr(stored, name) for name in ("sha256", "name", "media_type", "size")}
    await tx.execute(RECORD, values | {"uploader": tx.actor.subject, "uploaded_at": tx.now})


async def brought(tx: Tx, *digests: str, held: Collection[str] = ()) -> None:
    """Raises Invalid `file_unknown` for a content that neither the caller nor the file (`held`) brought."""
    wanted = set(digests) - set(held)
    if not wanted:
        return
    mine = await tx.execute(MINE, {"digests": sorted(wanted), "uploader": tx.actor.subject})
    if wanted - {row.sha256 for row in mine}:
        raise Invalid(
            "file_unknown",
            {
                "ar": "لم ترفعوا أي ملف بهذه البصمة.",
                "fr": "Vous n'avez déposé aucun fichier de cette empreinte.",
                "en": "You uploaded no file with this digest.",
            },
        )


async def describe(tx: Tx, sha256: str) -> StoredFile | None:
    """A content of which the caller may see the request that holds it; nobody's name for it is told."""
    row = (await tx.execute(CONTENT, {"sha256": sha256})).one_or_none()
    if row is None:
        return None
    name = f"{sha256[:12]}.{EXTENSIONS[row.media_type][0]}"
    return StoredFile(sha256=sha256, size=row.size, media_type=row.media_type, name=name)
