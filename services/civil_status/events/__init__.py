"""What `civil_status` announces: that something happened to an act or a file, and where to read it.

Events carry references. No name, no date of birth, no identifier of a person travels: whoever may know them
asks the register, which writes down who asked.
"""

from services.civil_status.events.act import (
    ACT,
    ActEvent,
    ActKind,
    ActRegistered,
    Annulled,
    DeathKnown,
    DuplicateCleared,
    DuplicateFlagged,
    HolderLinked,
    HolderUnlinked,
    MarginConfirmed,
    MentionAdded,
    MentionKind,
    Origin,
)
from services.civil_status.events.consent import CONSENT, EXCHANGE, LOOKUP
from services.civil_status.events.correction import CORRECTION
from services.civil_status.events.declaration import DECLARATION
from services.civil_status.events.digitisation import ENTRY, VOLUME
from services.civil_status.events.imports import IMPORT
from services.civil_status.events.matching import MATCHING, SEALING_KEY

__all__ = [
    "ACT",
    "CONSENT",
    "CORRECTION",
    "DECLARATION",
    "ENTRY",
    "EXCHANGE",
    "IMPORT",
    "LOOKUP",
    "MATCHING",
    "SEALING_KEY",
    "VOLUME",
    "ActEvent",
    "ActKind",
    "ActRegistered",
    "Annulled",
    "DeathKnown",
    "DuplicateCleared",
    "DuplicateFlagged",
    "HolderLinked",
    "HolderUnlinked",
    "MarginConfirmed",
    "MentionAdded",
    "MentionKind",
    "Origin",
]
