"""What the register answers to the window, and the keys with which it may be asked.

Nothing here says who anybody is. What is asked and what is read comes sealed (JWE, RFC 7516): decision 0050.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from services.civil_status.events.act import ActKind
from shared.events import Event, Stream


class Unread(StrEnum):
    """Why a question could not be read: it was sealed for a key that is gone, or damaged, or says nothing
    that the register can search. Ask again, under the present key.
    """

    KEY_GONE = "key_gone"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingEvent(Event):
    """The aggregate is the request of the window: its id is the subject."""

    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(MatchingEvent):
    """One act, at this version. `sealed` is what was asked to be read of it (an output of this
    version), for the key that the request brought; None when nothing was. `linked`: the register knows that
    the act is of whoever asks. Without `margin_known` the act was taken over from a file, and what stands in
    its margin on paper nobody has looked at: an officer does, before anything is issued.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.matching.found.v1"
    act: str
    act_version: int
    kind: ActKind
    office: str
    collectivity: str
    output: str | None = None
    sealed: str | None = None
    linked: bool = False
    margin_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguous(MatchingEvent):
    """Several acts fit, or the one that does is disputed: a person looks. `versions` are those of `acts`, in
    their order.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.matching.ambiguous.v1"
    acts: tuple[str, ...]
    versions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing(MatchingEvent):
    """No act fits, or the one that did was annulled."""

    TYPE: ClassVar = "ma.jamaa.civil_status.matching.not_found.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable(MatchingEvent):
    TYPE: ClassVar = "ma.jamaa.civil_status.matching.unreadable.v1"
    reason: Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPublished(Event):
    """Seal for the register with this public key (a JWK, P-256) until `retires_at`; the aggregate is its
    `kid`.
    """

    TYPE: ClassVar = "ma.jamaa.civil_status.sealing_key.published.v1"
    public: dict[str, str]
    published_at: datetime
    retires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDestroyed(Event):
    """Nobody can read any more what was sealed for it, wherever a copy is kept."""

    TYPE: ClassVar = "ma.jamaa.civil_status.sealing_key.destroyed.v1"
    destroyed_at: datetime


MATCHING: Final = Stream("civil_status", "matching", (Found, Ambiguous, Missing, Unreadable))
SEALING_KEY: Final = Stream("civil_status", "sealing_key", (KeyPublished, KeyDestroyed))
