"""What `chikaya` hears, and what it does without being asked."""

from typing import Final

from services.chikaya.consumers.clocks import keep_time
from services.chikaya.consumers.merged import share
from services.chikaya.consumers.notices import hand_over, tell
from services.chikaya.events import REPORT
from shared.events import topic_of
from shared.service import Consumer, Task

CONSUMERS: Final = (
    Consumer(name="chikaya.clocks", topics=(topic_of("deadlines", "clock"),), handle=keep_time),
    Consumer(name="chikaya.merged", topics=(REPORT.topic,), handle=share),
    Consumer(name="chikaya.notices", topics=(REPORT.topic,), handle=tell),
)
TASKS: Final[tuple[Task, ...]] = (hand_over,)
