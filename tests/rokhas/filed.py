"""Files in the database as they stand when an office gets them, made by the domain and its store."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from uuid import UUID, uuid4

from services.rokhas.domain import Dossier
from services.rokhas.events import DossierEvent
from services.rokhas.store import dossiers, imports
from services.rokhas.store.dossiers import procedures
from shared.auth import Actor, Role
from shared.files import StoredFile
from shared.http.files import record
from shared.time import civil_day
from tests.support.databases import ServiceDatabase

CASABLANCA = "06.141.01.0"
CITIZEN = Actor(subject="citizen", roles=frozenset({Role.CITIZEN}))
DIGEST = "0" * 64


async def filed(
    database: ServiceDatabase,
    procedure: str = "construction_small",
    *,
    collectivity: str = CASABLANCA,
    by: str = CITIZEN.subject,
    without: Sequence[str] = (),
    submitted: bool = True,
    circumstances: str = "",
    digest: str = DIGEST,
) -> UUID:
    """A file with the basic documents of its procedure, submitted now."""
    actor = replace(CITIZEN, subject=by)
    async with database.api.transaction(actor) as tx:
        now = tx.now
        dossier, drafted = Dossier.draft(
            uuid4(),
            procedure=procedures().at(procedure, civil_day(now)),
            collectivity=collectivity,
            by=actor,
            now=now,
            site="TF 12345/C",
        )
        events: list[DossierEvent] = [drafted]
        supplied = [code for code in dossier.procedure.required if code not in without]
        events += [dossier.attach(code, digest, by=actor, now=now) for code in supplied]
        if submitted:
            number = await dossiers.number(tx, collectivity, now)
            events.append(dossier.submit(number, by=actor, now=now, circumstances=circumstances))
        await imports.save(tx, [(dossier, events)])
    return dossier.id


async def brought(database: ServiceDatabase, subject: str) -> str:
    """The digest of a content that this person uploaded."""
    digest = sha256(uuid4().bytes).hexdigest()
    stored = StoredFile(sha256=digest, size=9, media_type="application/pdf", name="minutes.pdf")
    async with database.api.transaction(Actor(subject=subject)) as tx:
        await record(tx, stored)
    return digest


__all__ = ["CASABLANCA", "CITIZEN", "DIGEST", "brought", "filed"]
