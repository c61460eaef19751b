"""What `civil_status` hears, and what it does without being asked."""

from typing import Final

from services.civil_status.consumers.clocks import keep_time
from shared.events import topic_of
from shared.service import Consumer, Task

CONSUMERS: Final = (
    Consumer(name="civil_status.clocks", topics=(topic_of("deadlines", "clock"),), handle=keep_time),
)
TASKS: Final[tuple[Task, ...]] = ()
