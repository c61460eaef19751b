"""Work that goes on as long as the service: it survives whatever it raises and ends only by cancellation."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from prometheus_client import Counter

log = structlog.get_logger()

BACKOFF: Final = (0.5, 30.0)  # seconds before work that failed begins again: the first time, the longest
HEALTHY: Final = 10.0  # seconds of work after which a failure counts as the first

FAILURES = Counter("jamaa_task_failures_total", "Times that lasting work had to begin again", ["task"])


async def keep_going(
    name: str, work: Callable[[], Awaitable[None]], *, backoff: tuple[float, float] = BACKOFF
) -> None:
    """Runs `work` again whenever it ends or raises, until this task is cancelled.

    A reader or a relay that died in silence is the worst failure of all, so everything is caught: also a
    CancelledError that is not ours, which the Kafka client lets escape when its inner tasks are cancelled.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    delay = backoff[0]
    while True:
        began = loop.time()
        try:
            await work()
            failure = "it ended"
        except asyncio.CancelledError:
            if task.cancelling():
                raise
            failure = "cancelled from within"
        except Exception as error:
            failure = repr(error)
            log.warning("task.failed", task=name, error=failure, exc_info=_unexpected(error))
        if loop.time() - began > HEALTHY:
            delay = backoff[0]
        FAILURES.labels(name).inc()
        log.info("task.begins_again", task=name, after=failure, seconds=delay)
        await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, not a secret
        delay = min(delay * 2, backoff[1])


def _unexpected(error: Exception) -> bool:
    """Whether the log needs the whole trace: a programming error, not a broker or database out of reach."""
    return isinstance(
        error, ArithmeticError | AttributeError | LookupError | NameError | TypeError | ValueError
    )
