"""The officer enters settled acts of accepted lots in the register."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID, uuid4, uuid5

from pydantic import BaseModel, Field

from services.civil_status.api.common import authorize, read_by_another
from services.civil_status.domain import Act
from services.civil_status.domain.digitisation.entry import Entry
from services.civil_status.domain.digitisation.states import EntryState
from services.civil_status.domain.digitisation.volume import Volume
from services.civil_status.domain.permissions import demand
from services.civil_status.domain.states import Action
from services.civil_status.events import ActKind
from services.civil_status.store import acts
from services.civil_status.store.digitisation import entries, volumes
from shared.db import Tx
from shared.http import Body, Router

router = Router(prefix="/volumes")


class RegistrationIn(Body):
    """How many acts at most in one go."""

    most: Annotated[int, Field(ge=1, le=100)] = 50


class EnteredOut(BaseModel):
    entry: UUID
    number: int
    act: UUID


class RegistrationOut(BaseModel):
    """`suspected` resemble acts of the register and wait for the officer; `left` may still be entered."""

    registered: list[EnteredOut]
    suspected: list[int]
    left: int


@router.post("/{volume_id}/registration")
async def register(
    tx: Annotated[Tx, authorize(Action.ENTER_ACT)], volume_id: UUID, body: RegistrationIn
) -> RegistrationOut:
    """The officer enters settled acts of accepted lots in the register, each under its own number. Asked
    again it goes on where it was: what is entered is not entered twice.
    """
    volume = await volumes.get(tx, volume_id)
    demand(Action.ENTER_ACT, tx.actor, volume.collectivity)
    found = await entries.states(tx, volume.id)
    ready = [n for n, state in found.items() if state is EntryState.SETTLED and volume.cleared(n)]
    made: list[tuple[Entry, Act]] = []
    suspected: list[int] = []
    for entry in await entries.numbered(tx, volume.id, ready[: body.most], EntryState.SETTLED):
        act = await enter(tx, volume, entry)
        if act is None:
            suspected.append(entry.number)
        else:
            made.append((entry, act))
    await read_by_another(tx, Action.ENTER_ACT, *(act for _, act in made))
    return RegistrationOut(
        registered=sorted(
            (EnteredOut(entry=entry.id, number=entry.number, act=act.id) for entry, act in made),
            key=lambda one: one.number,
        ),
        suspected=sorted(suspected),
        left=max(len(ready) - body.most, 0),
    )


async def enter(tx: Tx, volume: Volume, entry: Entry) -> Act | None:
    """As every act enters: drawn up, then its margin, each with its event. None when it resembles an act, or
    another bears its number: then a person decides.
    """
    assert entry.settled is not None
    said = entry.settled
    numbered = await acts.numbered(tx, volume.kind, volume.office, volume.year, entry.number)
    alike = [] if entry.distinguished else await entries.resembling(tx, volume.kind, said.blocks)
    if numbered is not None or alike:
        same = [numbered.id] if numbered is not None else []
        candidates = [*same, *(one for one in alike if one not in same)]
        suspected = entry.suspect(candidates, number_taken=bool(same), by=tx.actor, now=tx.now)
        await entries.save(tx, entry, because=suspected)
        return None
    birth = volume.kind is ActKind.BIRTH
    annexed = tuple(await volumes.digests(tx, volume.id, entry.pages))
    act, registered = Act.transcribe(
        uuid5(entry.id, str(entry.round)),
        kind=volume.kind,
        collectivity=volume.collectivity,
        office=volume.office,
        year=volume.year,
        number=entry.number,
        identifier=await acts.identifier(tx) if birth else said.blocks.subject.identifier,
        blocks=replace(said.blocks, annexed=annexed),
        by=tx.actor,
        now=tx.now,
    )
    await acts.save(tx, act, because=registered)
    for note in said.margin:
        noted = act.note(
            uuid4(),
            note.kind,
            reference=note.reference,
            on=note.on,
            changes=note.changes,
            spouse=note.spouse,
            by=tx.actor,
            now=tx.now,
        )
        await acts.save(tx, act, because=noted)
    await entries.save(tx, entry, because=entry.entered(act.id, by=tx.actor, now=tx.now))
    return act
