"""What `civil_status` hears, and what it does without being asked."""

from typing import Final

from shared.service import Consumer, Task

CONSUMERS: Final[tuple[Consumer, ...]] = ()
TASKS: Final[tuple[Task, ...]] = ()
