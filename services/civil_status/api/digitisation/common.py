"""What the routes of digitisation share: how volumes and acts in work are sent and shown, and the one way to
change one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Response
from pydantic import BaseModel, Field

from services.civil_status.api.common import BlocksIn, By, Changes, PersonIn, authorize
from services.civil_status.domain.digitisation.entry import Entry
from services.civil_status.domain.digitisation.rules import Obstacle, rules
from services.civil_status.domain.digitisation.states import EntryState, VolumeState
from services.civil_status.domain.digitisation.transcription import Note, Transcription
from services.civil_status.domain.digitisation.volume import Volume
from services.civil_status.domain.permissions import serves
from services.civil_status.domain.states import Action
from services.civil_status.events import ActKind, MentionKind
from services.civil_status.events.digitisation import Damage, EntryEvent, RejectGround, VolumeEvent
from services.civil_status.store.digitisation import entries, volumes
from shared.access import recorded
from shared.auth import Actor
from shared.db import Tx
from shared.http import Body, Day, IfRead, Instant, Texts, etag

PageNumber = Annotated[int, Field(ge=1, le=5000)]
FieldName = Annotated[str, Field(min_length=2, max_length=80, examples=["subject.given.ar"])]


class NoteIn(Body):
    """A mention that stands in the margin of the page."""

    kind: Literal[MentionKind.MARRIAGE, MentionKind.DISSOLUTION, MentionKind.DEATH, MentionKind.JUDGMENT]
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./ -]{0,63}$")]
    on: Day
    spouse: PersonIn | None = None
    changes: Changes | None = None

    def value(self) -> Note:
        return Note(
            kind=self.kind,
            reference=self.reference,
            on=self.on,
            spouse=self.spouse.value() if self.spouse else None,
            changes=self.changes,
        )


class TranscriptionIn(Body):
    """What the page says: the blocks of the act, and its margin from top to bottom."""

    blocks: BlocksIn
    margin: Annotated[list[NoteIn], Field(max_length=20)] = Field(default_factory=list)

    def value(self, volume: Volume) -> Transcription:
        said = Transcription(blocks=self.blocks.value(), margin=tuple(note.value() for note in self.margin))
        return said.checked(volume.kind, volume.year)


class ObstacleOut(BaseModel):
    """What stands in the way, and what to do next."""

    code: str
    label: Texts
    next_step: Texts

    @classmethod
    def of(cls, code: RejectGround | Damage | None) -> "ObstacleOut | None":
        if code is None:
            return None
        known: Mapping[str, Obstacle] = rules().rejects if isinstance(code, RejectGround) else rules().damages
        one = known[code]
        return cls(code=code, label=Texts(**one.label), next_step=Texts(**one.next_step))


class LotOut(BaseModel):
    """A sample: `left` are its acts that nobody has checked yet. `accepted` is null until it is concluded."""

    ordinal: int
    seed: str
    numbers: list[int]
    sample: list[int]
    accept: int
    drawn_at: Instant
    defective: int
    left: list[int]
    accepted: bool | None


class VolumeOut(BaseModel):
    """`acts`: how many are in each state, once they are listed."""

    id: UUID
    kind: ActKind
    collectivity: str
    office: str
    year: int
    volume: int
    first: int
    last: int
    pages: int
    opened_at: Instant
    state: VolumeState
    damage: ObstacleOut | None
    lot: LotOut | None
    acts: dict[EntryState, int]
    actions: list[Action]
    version: int


class HoldOut(BaseModel):
    """Who works on it, and until when unless it is prolonged."""

    holder: str
    until: Instant


class KeyingOut(BaseModel):
    ordinal: int
    operator: str
    keyed_at: Instant
    said: Transcription


class EntryOut(BaseModel):
    """`keyings` are shown to who adjudicates and to the officer, once there are two; `settled` to the quality
    controller too. `differing`: the fields to be decided.
    """

    id: UUID
    volume: UUID
    number: int
    collectivity: str
    pages: list[int]
    state: EntryState
    hold: HoldOut | None
    differing: list[str]
    keyings: list[KeyingOut] | None
    settled: Transcription | None
    reject: ObstacleOut | None
    candidates: list[UUID]
    act: UUID | None
    actions: list[Action]
    version: int


class EntryLine(BaseModel):
    """A line of a list: no name stands in it."""

    id: UUID
    number: int
    pages: list[int]
    state: EntryState
    hold: HoldOut | None
    reject: ObstacleOut | None
    act: UUID | None
    actions: list[Action]
    version: int


def hold_of(entry: Entry) -> HoldOut | None:
    return None if entry.hold is None else HoldOut(holder=entry.hold.holder, until=entry.hold.until)


def show_entry(tx: Tx, response: Response, entry: Entry) -> EntryOut:
    etag(response, entry.version)
    done = len(entry.keyings) == 2  # in whatever state: who may key the second has not seen the first
    compares = done and _may(Action.ADJUDICATE, tx.actor, entry)
    checks = compares or (done and _may(Action.CHECK_ACT, tx.actor, entry))
    return EntryOut(
        id=entry.id,
        volume=entry.volume,
        number=entry.number,
        collectivity=entry.collectivity,
        pages=list(entry.pages),
        state=entry.state,
        hold=hold_of(entry),
        differing=list(entry.differing) if compares else [],
        keyings=[
            KeyingOut(ordinal=one.ordinal, operator=one.operator, keyed_at=one.keyed_at, said=one.said)
            for one in entry.keyings
        ]
        if compares
        else None,
        settled=entry.settled if checks else None,
        reject=ObstacleOut.of(entry.ground),
        candidates=list(entry.candidates),
        act=entry.act,
        actions=entry.actions(tx.actor),
        version=entry.version,
    )


def _may(action: Action, by: Actor, entry: Entry) -> bool:
    """The officer compares too, for duplicates."""
    return serves(action, by, entry.collectivity) or serves(Action.DECIDE_DUPLICATE, by, entry.collectivity)


async def show_volume(tx: Tx, response: Response, volume: Volume) -> VolumeOut:
    etag(response, volume.version)
    lot = None
    if volume.lots:
        last = volume.newest
        lot = LotOut(
            ordinal=last.ordinal,
            seed=last.seed,
            numbers=list(last.numbers),
            sample=list(last.sample),
            accept=last.accept,
            drawn_at=last.drawn_at,
            defective=last.defective,
            left=list(last.left),
            accepted=last.accepted,
        )
    found = await entries.states(tx, volume.id)
    fields = {name: getattr(volume, name) for name in VolumeOut.model_fields if hasattr(volume, name)}
    return VolumeOut(
        **fields
        | {
            "damage": ObstacleOut.of(volume.damage),
            "lot": lot,
            "acts": {state: list(found.values()).count(state) for state in EntryState},
            "actions": volume.actions(tx.actor),
        }
    )


async def looked_at(tx: Tx, action: Action, *looked: Entry) -> None:
    """The register of reads: whoever works on an act reads it."""
    for collectivity in sorted({entry.collectivity for entry in looked}):
        ids = {str(entry.id): "" for entry in looked if entry.collectivity == collectivity}
        await recorded(
            tx, "civil_status", action=action, aggregate="entry", owners=ids, collectivity=collectivity
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeStep:
    """One volume, locked, to be changed once in the transaction of this request: decision 0032."""

    tx: Tx
    response: Response
    volume: Volume

    @property
    def officer(self) -> By:
        return By(by=self.tx.actor, now=self.tx.now)

    async def answer(self, event: VolumeEvent) -> VolumeOut:
        await volumes.save(self.tx, self.volume, because=event)
        return await show_volume(self.tx, self.response, self.volume)


def changing_volume(action: Action) -> Any:
    """The dependency of every route that changes a volume."""

    async def load(
        tx: Annotated[Tx, authorize(action)], volume_id: UUID, response: Response, version: IfRead
    ) -> VolumeStep:
        return VolumeStep(
            tx=tx, response=response, volume=await volumes.locked(tx, volume_id, version=version)
        )

    return Depends(load)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryStep:
    """One act in work, locked, with its volume, which is locked too where the route changes both."""

    tx: Tx
    response: Response
    action: Action
    entry: Entry
    volume: Volume

    @property
    def clerk(self) -> By:
        return By(by=self.tx.actor, now=self.tx.now)

    async def answer(self, event: EntryEvent | None) -> EntryOut:
        """Saves the act, writes down who has read it, and shows it as it now stands."""
        if event is not None:
            await entries.save(self.tx, self.entry, because=event)
        await looked_at(self.tx, self.action, self.entry)
        return show_entry(self.tx, self.response, self.entry)


def working(action: Action, *, with_volume: bool = False) -> Any:
    """The dependency of every route that changes an act in work. A volume is locked before its acts, always:
    two who change both never wait for each other.
    """

    async def load(
        tx: Annotated[Tx, authorize(action)], paper_id: UUID, response: Response, version: IfRead
    ) -> EntryStep:
        of = (await entries.get(tx, paper_id)).volume
        volume = await (volumes.locked if with_volume else volumes.get)(tx, of)
        entry = await entries.locked(tx, paper_id, version=version)
        return EntryStep(tx=tx, response=response, action=action, entry=entry, volume=volume)

    return Depends(load)
