"""What happens to an act of the register: it is drawn up once, and then only added to."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Final

from shared.events import Event, Stream


class ActKind(StrEnum):
    """Marriage and its dissolution are mentions on an act of birth (36-21), no acts of their own."""

    BIRTH = "birth"
    DEATH = "death"


class Origin(StrEnum):
    """How an act came into the register. The last two hold what a paper register says."""

    DECLARATION = "declaration"
    JUDGMENT = "judgment"
    DIGITISED = "digitised"
    IMPORTED = "imported"


class MentionKind(StrEnum):
    """What a margin may say (legacy registers: 2-99-665 art. 12-18; summaries: 2-22-04 art. 15)."""

    MARRIAGE = "marriage"
    DISSOLUTION = "dissolution"
    DEATH = "death"
    CORRECTION = "correction"
    JUDGMENT = "judgment"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActEvent(Event):
    collectivity: str
    kind: ActKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRegistered(ActEvent):
    """`office`, `year` and `number` name the act as its copies do."""

    TYPE: ClassVar = "ma.jamaa.civil_status.act.registered.v1"
    office: str
    year: int
    number: int
    origin: Origin
    registered_at: datetime
    declaration: str | None = None
    judgment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionAdded(ActEvent):
    """A note in the margin. A document issued of an earlier `version` of the act is superseded when
    `supersedes`; `changes` names the fields that read differently now, never their values.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.act.mention_added.v1"
    mention: str
    mention_kind: MentionKind
    ordinal: int
    version: int
    entered_at: datetime
    basis: str
    changes: tuple[str, ...] = ()
    supersedes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginConfirmed(ActEvent):
    """An officer has looked at the paper register: the margin says all that it says there. What was issued of
    an earlier version stands; what waited for this is asked for again.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.act.margin_confirmed.v1"
    confirmed_at: datetime
    version: int
    mentions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeathKnown(ActEvent):
    """On an act of birth: the register holds an act of death of the same identifier, of whatever office, that
    nobody has entered in this margin yet. A certificate of life of an earlier `version` stands no more.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.act.death_known.v1"
    known_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderLinked(ActEvent):
    """An officer has seen the person concerned: the register knows from now on when they ask. Whose account
    it is stays here.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.act.holder_linked.v1"
    linked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderUnlinked(ActEvent):
    """It was a mistake, or the account is theirs no more."""

    TYPE: ClassVar = "ma.jamaa.civil_status.act.holder_unlinked.v1"
    unlinked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFlagged(ActEvent):
    """Two acts seem to say the same; nothing is issued of this one until a person has decided."""

    TYPE: ClassVar = "ma.jamaa.civil_status.act.duplicate_flagged.v1"
    other: str
    flagged_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateCleared(ActEvent):
    """They are two persons."""

    TYPE: ClassVar = "ma.jamaa.civil_status.act.duplicate_cleared.v1"
    other: str
    cleared_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Annulled(ActEvent):
    """By a judgment: the act stays in the register and nothing is issued of it any more."""

    TYPE: ClassVar = "ma.jamaa.civil_status.act.annulled.v1"
    judgment: str
    judged_on: date
    annulled_at: datetime
    version: int


ACT: Final = Stream(
    "civil_status",
    "act",
    (
        ActRegistered,
        MentionAdded,
        MarginConfirmed,
        HolderLinked,
        HolderUnlinked,
        DuplicateFlagged,
        DuplicateCleared,
        Annulled,
        DeathKnown,
    ),
)
