"""Who brought which content. The content itself is in the object store, under its digest."""

from sqlalchemy import text

from services.rokhas.domain import Dossier
from services.rokhas.domain.values import Attachment, Paper
from shared.db import Tx
from shared.errors import Invalid
from shared.files import EXTENSIONS, StoredFile

RECORD = text("""
    INSERT INTO rokhas.upload (sha256, uploader, name, media_type, size, uploaded_at)
    VALUES (:sha256, :uploader, :name, :media_type, :size, :uploaded_at) ON CONFLICT DO NOTHING""")
MINE = text("SELECT true FROM rokhas.upload WHERE sha256 = :sha256 AND uploader = :uploader")
DESCRIBE = text("SELECT name, media_type, size FROM rokhas.content(:sha256, :uploader)")


async def record(tx: Tx, stored: StoredFile) -> None:
    """The caller brought this content; the name of the first time stays."""
    values = {name: getattr(stored, name) for name in ("sha256", "name", "media_type", "size")}
    await tx.execute(RECORD, values | {"uploader": tx.actor.subject, "uploaded_at": tx.now})


async def uploaded(tx: Tx, sha256: str, dossier: Dossier | None = None) -> str:
    """The digest, if the caller brought this content or if `dossier`, on which they may act, holds it.

    Raises Invalid `file_unknown` for every other digest, whether or not somebody else brought it.
    """
    held = dossier is not None and sha256 in dossier.contents
    mine = {"sha256": sha256, "uploader": tx.actor.subject}
    if not held and (await tx.execute(MINE, mine)).first() is None:
        raise Invalid(
            "file_unknown",
            {
                "ar": "لم ترفعوا أي ملف بهذه البصمة.",
                "fr": "Vous n'avez déposé aucun fichier de cette empreinte.",
                "en": "You uploaded no file with this digest.",
            },
        )
    return sha256


async def describe(tx: Tx, held: Attachment | Paper) -> StoredFile | None:
    """What is known of a content of a file that the caller may read; None for content taken over from
    elsewhere, which this service never received.
    """
    of = {"sha256": held.file, "uploader": held.by}
    row = (await tx.execute(DESCRIBE, of)).one_or_none()
    if row is None:
        return None
    name = row.name or f"{held.called}.{EXTENSIONS[row.media_type][0]}"
    return StoredFile(sha256=held.file, size=row.size, media_type=row.media_type, name=name)
