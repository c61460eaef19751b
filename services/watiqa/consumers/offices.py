"""Watiqa listens to its own offices: what waits for an officer waits elsewhere, or until it opens again."""

from services.watiqa.domain import State
from services.watiqa.events import OFFICE, OfficeClosed
from services.watiqa.store import offices, requests
from shared.db import Tx
from shared.events import Envelope


async def follow_offices(tx: Tx, envelope: Envelope) -> None:
    """By what the office is now: of two changes in a row, the last one counts."""
    kind = OFFICE.types.get(envelope.type)
    if kind is None:
        return
    closed = (await offices.get(tx, envelope.subject)).closed
    if closed is not (kind is OfficeClosed):
        return
    waiting = State.UNDER_CONTROL if closed else State.OFFICE_CLOSED
    for request_id in await requests.of_office(tx, envelope.subject, waiting):
        request = await requests.locked(tx, request_id)
        event = request.hold(tx.now) if closed else request.release(tx.now)
        if event is not None:
            await requests.save(tx, request, because=event)
