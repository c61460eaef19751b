"""Civil status listens to its own acts: an act of death is known to the act of birth of whatever office."""

from uuid import UUID

from services.civil_status.events import ActKind, ActRegistered
from services.civil_status.store import acts
from shared.db import Tx
from shared.events import Envelope


async def hear_deaths(tx: Tx, envelope: Envelope) -> None:
    """The officer of the death sees no act of another office, and its margin may wait for weeks."""
    if envelope.type != ActRegistered.TYPE:
        return
    death = await acts.get(tx, UUID(envelope.subject))
    if death.kind is not ActKind.DEATH or death.identifier is None:
        return
    for act in await acts.identified(tx, death.identifier):
        birth = await acts.locked(tx, act.id)
        event = birth.death_known(tx.now)
        if event is not None:
            await acts.save(tx, birth, because=event)
