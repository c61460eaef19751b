"""What `civil_status` hears, and what it does without being asked."""

from typing import Final

from services.civil_status.consumers.clocks import keep_time
from services.civil_status.consumers.deaths import hear_deaths
from services.civil_status.consumers.matching import answer_questions, keep_keys, take_questions
from services.civil_status.consumers.notices import send, tell
from services.civil_status.events import ACT, CORRECTION, DECLARATION
from shared.events import topic_of
from shared.service import Consumer, Task

CONSUMERS: Final = (
    Consumer(name="civil_status.clocks", topics=(topic_of("deadlines", "clock"),), handle=keep_time),
    Consumer(name="civil_status.window", topics=(topic_of("watiqa", "request"),), handle=take_questions),
    Consumer(name="civil_status.deaths", topics=(ACT.topic,), handle=hear_deaths),
    Consumer(name="civil_status.notices", topics=(CORRECTION.topic, DECLARATION.topic), handle=tell),
)
TASKS: Final[tuple[Task, ...]] = (answer_questions, keep_keys, send)
