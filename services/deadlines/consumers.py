"""What the events of other services do to the clocks: whatever the rule files say, and nothing else."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client import Counter

from services.deadlines.domain.calendar import Calendar
from services.deadlines.domain.clock import Clock, File, next_ordinal
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.rules import Opening, Role
from services.deadlines.events import ClockStarted
from services.deadlines.store import calendar
from services.deadlines.store.clocks import Clocks
from shared.db import Tx
from shared.errors import Invalid
from shared.events import Envelope, topic_of
from shared.service import Consumer, Handler
from shared.territory import territory

log = structlog.get_logger()

NOT_OPENED = Counter("jamaa_clocks_not_opened_total", "Clocks left out: their instant cannot be counted from")


@asynccontextmanager
async def together(tx: Tx, envelopes: Sequence[Envelope]) -> AsyncIterator[Handler]:
    """Changes the clocks that run on each event's file, then opens those that the event starts.

    A clock whose instant cannot be counted from is left out with an alarm: it holds up no other period of the
    file. Raises `Invalid` when that is the period of the file itself, or when the event lacks a field that a
    rule dates it by.
    """
    rules = rulebook()
    heard: dict[UUID, tuple[File, dict[str, Any]]] = {}
    for envelope in envelopes:
        if envelope.type in rules.events:
            data = json.loads(envelope.data)
            heard[envelope.id] = _file(envelope, data), data
    revision, days = await calendar.current(tx)
    clocks = Clocks(tx, revision)
    await clocks.hold([file for file, _ in heard.values()])

    async def one(_: Tx, envelope: Envelope) -> None:
        if envelope.id in heard:
            await _happened(clocks, days, envelope.type, *heard[envelope.id])

    yield one
    await clocks.write()


async def hear(tx: Tx, envelope: Envelope) -> None:
    async with together(tx, [envelope]) as handle:
        await handle(tx, envelope)


async def _happened(clocks: Clocks, days: Calendar, kind: str, file: File, data: dict[str, Any]) -> None:
    known = clocks.of_file(file)
    for clock in known:
        if not clock.concerns(data):
            continue
        for reaction in clock.rule.reactions(kind, data):
            await clocks.recount(clock, days)  # first: what comes after has no floor against a late change
            if event := clock.react(reaction, days):
                clocks.save(clock, because=event)
        for meaning, at in clock.rule.meanings(kind, data):
            clocks.milestone(clock, meaning, at)
    for opening in rulebook().openings(kind, data, file.procedure, _kind(file)):
        ordinal = next_ordinal(opening, known)
        if ordinal is None:
            continue
        parent = next((clock.id for clock in known if clock.rule.role is Role.DECISION), None)
        if begun := _begin(opening, file, days, ordinal, parent):
            clock, started = begun
            clocks.save(clock, because=started)
            known.append(clock)


def _begin(
    opening: Opening, file: File, days: Calendar, ordinal: int, parent: UUID | None
) -> tuple[Clock, ClockStarted] | None:
    try:
        return Clock.start(opening, file, days, ordinal=ordinal, parent=parent)
    except Invalid:
        if opening.rule.role is Role.DECISION:
            raise  # without its own period the file would never fall due: its events wait for a person
        NOT_OPENED.inc()
        log.exception("clocks.not_opened", rule=opening.rule.code, file=file.id, at=opening.at.isoformat())
        return None


def _kind(file: File) -> str | None:
    """None for a code that an update of the territory withdrew: a rule for some kinds of territory opens no
    clock then, and every other goes on.
    """
    if file.collectivity in territory():
        return territory().get(file.collectivity).kind
    log.warning("clocks.unknown_collectivity", file=file.id, collectivity=file.collectivity)
    return None


def _file(envelope: Envelope, data: dict[str, Any]) -> File:
    """An event of a clock is about the file that the clock times; any other about its own aggregate."""
    service = envelope.source.removeprefix("/")
    about_clock = (service, envelope.aggregate) == ("deadlines", "clock")
    return File(
        service=data["service"] if about_clock else service,
        aggregate=data["aggregate"] if about_clock else envelope.aggregate,
        id=str(data["aggregate_id"]) if about_clock else envelope.subject,
        procedure=data.get("procedure"),
        collectivity=data["collectivity"],
    )


CONSUMERS: Final = (
    Consumer(
        name="deadlines.clocks",
        topics=tuple(sorted(topic_of(service, aggregate) for service, aggregate in rulebook().sources)),
        handle=hear,
        together=together,
    ),
)
