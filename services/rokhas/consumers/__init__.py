"""What `rokhas` hears, and what it does without being asked."""

from typing import Final

from services.rokhas.consumers.clocks import keep_time
from services.rokhas.consumers.documents import certify
from services.rokhas.consumers.notices import hand_over, tell, together
from services.rokhas.consumers.payments import reconcile, reconcile_once
from services.rokhas.events import DOSSIER
from shared.documents import seal_documents
from shared.events import topic_of
from shared.service import Consumer, Task

CONSUMERS: Final = (
    Consumer(name="rokhas.clocks", topics=(topic_of("deadlines", "clock"),), handle=keep_time),
    Consumer(name="rokhas.notices", topics=(DOSSIER.topic,), handle=tell, together=together),
    Consumer(name="rokhas.documents", topics=(DOSSIER.topic,), handle=certify),
)
TASKS: Final[tuple[Task, ...]] = (hand_over, reconcile, seal_documents)

__all__ = ["CONSUMERS", "TASKS", "certify", "hand_over", "keep_time", "reconcile", "reconcile_once", "tell"]
