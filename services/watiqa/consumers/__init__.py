"""What `watiqa` hears, and what it does without being asked."""

from typing import Final

from services.watiqa.consumers.clocks import keep_time
from services.watiqa.consumers.documents import hand_out
from services.watiqa.consumers.notices import send, tell
from services.watiqa.consumers.offices import follow_offices
from services.watiqa.consumers.payments import reconcile
from services.watiqa.consumers.questions import ask_register, forget_keys, write_papers
from services.watiqa.consumers.register import hear_register
from services.watiqa.events import OFFICE, REQUEST
from shared.documents import document_stream, seal_documents
from shared.events import topic_of
from shared.service import Consumer, Task

CONSUMERS: Final = (
    Consumer(
        name="watiqa.register",
        topics=tuple(topic_of("civil_status", aggregate) for aggregate in ("act", "matching", "sealing_key")),
        handle=hear_register,
    ),
    Consumer(name="watiqa.clocks", topics=(topic_of("deadlines", "clock"),), handle=keep_time),
    Consumer(
        name="watiqa.documents", topics=(document_stream("watiqa").topic, REQUEST.topic), handle=hand_out
    ),
    Consumer(name="watiqa.offices", topics=(OFFICE.topic,), handle=follow_offices),
    Consumer(name="watiqa.notices", topics=(REQUEST.topic,), handle=tell),
)
TASKS: Final[tuple[Task, ...]] = (ask_register, write_papers, forget_keys, reconcile, seal_documents, send)
