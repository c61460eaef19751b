"""Consuming events exactly once: `reader` applies, `repair` asks again for what misses, `faults` judges."""

from shared.inbox.faults import HandlerFailed, describe, is_infrastructure
from shared.inbox.reader import LATER, Inbox, Key, key_of
from shared.inbox.repair import answer_repairs

__all__ = [
    "LATER",
    "HandlerFailed",
    "Inbox",
    "Key",
    "answer_repairs",
    "describe",
    "is_infrastructure",
    "key_of",
]
