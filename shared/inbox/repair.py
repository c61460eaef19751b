"""Gap repair: the consumer asks, the producer sends again from its log."""

from collections.abc import Sequence
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError

from shared.bus import Bus, Delivery, Positions, Record
from shared.db import Database
from shared.events import repair_topic_of
from shared.inbox.faults import describe, is_infrastructure
from shared.outbox import RepairRequest, resend
from shared.tasks import keep_going

log = structlog.get_logger()

BATCH = 100
_REQUEST = TypeAdapter(RepairRequest)


async def ask(bus: Bus, consumer: str, gaps: Sequence[Any]) -> None:
    """A later event came without an earlier one: the producer still has it in its log."""
    records = []
    for gap in gaps:
        wanted = {"aggregate": gap.aggregatetype, "subject": gap.aggregateid, "first": gap.first}
        request = RepairRequest(consumer=consumer, last=gap.last, **wanted)
        topic = repair_topic_of(gap.source.removeprefix("/"))
        records.append(Record(topic, gap.aggregateid, _REQUEST.dump_json(request), ()))
    await bus.ensure_topics(sorted({record.topic for record in records}))
    async with bus.sender() as sender:
        outcomes = await sender.send(records)
    asked = sum(1 for outcome in outcomes if outcome is None)  # the others are asked for in a minute
    log.warning("inbox.repair_asked", consumer=consumer, aggregates=asked, of=len(records))


async def answer_repairs(service: str, database: Database, bus: Bus) -> None:
    """The producer's side of gap repair; runs until cancelled."""

    async def answer(delivery: Delivery) -> None:
        try:
            request = _REQUEST.validate_json(delivery.value)
            count = await resend(database, request)
        except (ValidationError, DBAPIError) as error:
            if is_infrastructure(error):
                raise
            log.error("repair.undecodable", service=service, error=describe(error))  # noqa: TRY400  # no bug
        else:
            log.info("repair.sent_again", service=service, events=count, asked_by=request.consumer)

    positions: Positions = {}

    async def listen() -> None:
        topic = repair_topic_of(service)
        async with bus.subscription(f"{service}.repair", [topic], positions, hurry=False) as subscription:
            while True:
                deliveries = await subscription.batch(BATCH, wait=1.0)
                for delivery in deliveries:
                    await answer(delivery)
                if deliveries:
                    await subscription.commit(deliveries)

    await keep_going(f"{service}.repair", listen, backoff=(0.5, 10.0))
