"""Files taken over from another system: thousands in one transaction, none of them twice."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy import text

from services.rokhas.domain import Dossier
from services.rokhas.events import DOSSIER, DossierEvent
from services.rokhas.store.dossiers import INSERT, to_row
from shared.db import Tx

NAMESPACE: Final = UUID("7d0e7a57-0f0b-5c0e-9a4e-1f5b6b1c2a10")
BATCH: Final = 500
HOLD = text("SELECT pg_advisory_xact_lock(hashtextextended('rokhas.import ' || :collectivity, 0))")
KNOWN = text("SELECT id FROM rokhas.dossier WHERE id = ANY(CAST(:ids AS uuid[]))")


def identity(collectivity: str, source: str) -> UUID:
    """The same for the same source reference of a commune: who imports twice meets the file again."""
    return uuid5(NAMESPACE, f"{collectivity} {source}")


async def hold(tx: Tx, collectivities: Iterable[str]) -> None:
    """One import at a time in a commune, until the transaction ends."""
    for collectivity in sorted(set(collectivities)):
        await tx.execute(HOLD, {"collectivity": collectivity})


async def known(tx: Tx, ids: Iterable[UUID]) -> set[UUID]:
    """Those that were imported before."""
    return set((await tx.execute(KNOWN, {"ids": list(ids)})).scalars())


async def save(tx: Tx, taken: Sequence[tuple[Dossier, Sequence[DossierEvent]]]) -> None:
    """Each new file with the one or two events that made it."""
    for dossier, because in taken:
        for event in because:
            sequence = await tx.emit(DOSSIER, dossier.id, dossier.collectivity, event)
        assert sequence == dossier.version  # nobody else has the file's identity: see `hold`
    for start in range(0, len(taken), BATCH):
        await tx.execute(INSERT, [to_row(dossier) for dossier, _ in taken[start : start + BATCH]])
