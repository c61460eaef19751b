"""What `chikaya` hears, and what it does without being asked."""

from typing import Final

from services.chikaya.consumers.clocks import keep_time
from services.chikaya.consumers.followers import tell_followers
from services.chikaya.consumers.forgetting import forget
from services.chikaya.consumers.merged import share
from services.chikaya.consumers.notices import hand_over, tell
from services.chikaya.consumers.tallies import keep_count
from services.chikaya.consumers.tellings import tell_on
from services.chikaya.consumers.yearly_reports import have_sealed
from services.chikaya.events import REPORT, SUBSCRIPTION, YEARLY_REPORT
from shared.documents import seal_documents
from shared.events import topic_of
from shared.service import Consumer, Task

CONSUMERS: Final = (
    Consumer(name="chikaya.clocks", topics=(topic_of("deadlines", "clock"),), handle=keep_time),
    Consumer(name="chikaya.merged", topics=(REPORT.topic,), handle=share),
    Consumer(name="chikaya.notices", topics=(REPORT.topic,), handle=tell),
    Consumer(name="chikaya.followers", topics=(REPORT.topic, SUBSCRIPTION.topic), handle=tell_followers),
    Consumer(name="chikaya.tallies", topics=(REPORT.topic,), handle=keep_count),
    Consumer(name="chikaya.yearly_reports", topics=(YEARLY_REPORT.topic,), handle=have_sealed),
)
TASKS: Final[tuple[Task, ...]] = (hand_over, seal_documents, tell_on, forget)
