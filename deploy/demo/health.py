"""Whether the platform is at rest: nothing waits, nothing is stuck, every consumer has what was announced."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.auditor import workers
from deploy.registry import SERVICES
from shared.auditor import mismatches, watches
from shared.operate import status


@dataclass(frozen=True, slots=True)
class Health:
    """Events not yet sent, aggregates held, letters nobody has answered, heads that differ."""

    lag: int
    blocked: int
    dead_letters: int
    unequal_heads: int


async def health(variables: Mapping[str, str]) -> Health:
    async with workers(variables) as databases:
        seen = [await status(database) for database in databases.values()]
        consumers = [consumer for service in seen for consumer in service.consumers]
        unequal = [await mismatches(watch) for watch in watches(SERVICES, databases)]
    return Health(
        lag=sum(service.pending for service in seen) + sum(consumer.parked for consumer in consumers),
        blocked=sum(consumer.blocked + consumer.dead for consumer in consumers),
        dead_letters=sum(consumer.dead_letters for consumer in consumers),
        unequal_heads=sum(len(found) for found in unequal),
    )
