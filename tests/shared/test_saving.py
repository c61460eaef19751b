"""A row and its event, sent together when the transaction next needs an answer or ends."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db import Database, Tx
from shared.errors import Stale
from tests.support.core import COMMUNE, CONSUMER, THING, TOTAL, TRACE, Echoed, Made, rows
from tests.support.databases import ServiceDatabase

SUM = text("SELECT amount FROM toy.total WHERE subject = :subject")
EVENTS = "SELECT aggregateid, seq FROM msg.event_log ORDER BY pos"
TRACES = "SELECT subject, seq FROM toy.trace ORDER BY seq"


async def save(tx: Tx, subject: str, sequence: int) -> None:
    row = {"subject": subject, "n": 10, "collectivity": COMMUNE}
    await tx.save(THING, subject, Made(n=sequence), sequence, TOTAL, row)


def note(tx: Tx, subject: str, seq: int) -> None:
    tx.later(TRACE, {"consumer": CONSUMER, "subject": subject, "seq": seq})


async def test_what_waits_is_there_after_the_commit_and_the_relay_is_woken(database: ServiceDatabase) -> None:
    woken: list[bool] = []
    database.worker.on_emit.append(lambda: woken.append(True))
    async with database.worker.transaction() as tx:
        await save(tx, "a", 1)
        note(tx, "a", 1)
        assert (tx.emitted, woken) == ([], [])
    assert (tx.emitted, woken) == ([1], [True])
    assert await rows(database.worker, EVENTS) == [("a", 1)]
    assert await rows(database.worker, TRACES) == [("a", 1)]
    assert await rows(database.worker, "SELECT pos FROM msg.outbox_pending") != []


async def test_whoever_reads_finds_what_was_saved(database: ServiceDatabase) -> None:
    async with database.worker.transaction() as tx:
        await save(tx, "a", 1)
        assert (await tx.execute(SUM, {"subject": "a"})).scalar_one() == 10
        await save(tx, "a", 2)
        await save(tx, "b", 1)
        assert await tx.emit(THING, "b", COMMUNE, Made(n=2)) == 2
        assert (await tx.execute(SUM, {"subject": "a"})).scalar_one() == 20
    assert await rows(database.worker, EVENTS) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


async def test_writes_without_an_event_are_sent_too(database: ServiceDatabase) -> None:
    async with database.worker.transaction() as tx:
        note(tx, "a", 1)
        note(tx, "a", 2)
    assert tx.emitted == []
    assert await rows(database.worker, TRACES) == [("a", 1), ("a", 2)]


async def unwanted(database: Database, event: Any, sequence: int, write: Any = TOTAL) -> None:
    async with database.transaction() as tx:
        note(tx, "a", 1)
        row = {"subject": "a", "n": 10, "collectivity": COMMUNE}
        await tx.save(THING, "a", event, sequence, write, row)


@pytest.mark.parametrize(
    ("event", "sequence", "write", "refusal"),
    [
        (Made(n=1), 2, TOTAL, Stale),
        (Made(n=1), 1, text("UPDATE toy.total SET amount = 1 / (10 - :n)"), DBAPIError),
        (Echoed(n=1), 1, TOTAL, TypeError),
    ],
)
async def test_nothing_remains_of_what_cannot_be_saved(
    database: ServiceDatabase, event: Any, sequence: int, write: Any, refusal: type[Exception]
) -> None:
    async with database.worker.transaction() as tx:
        await tx.execute(TOTAL, {"subject": "before", "n": 1})
    with pytest.raises(refusal) as refused:
        await unwanted(database.worker, event, sequence, write)
    if isinstance(refused.value, Stale):
        assert (refused.value.code, refused.value.extra) == ("thing_changed", {"version": 0})
    assert await rows(database.worker, EVENTS) == await rows(database.worker, TRACES) == []
