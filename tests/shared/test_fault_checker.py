"""The checker of `make faults` bites: evidence that is sound passes, each promise broken once is caught."""

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx
import pytest

from tests.faults.checker import REOPENING, Finding, findings
from tests.faults.evidence import Evidence, Logged, Place, Sent, digest
from tests.faults.journal import Command, Outcome
from tests.faults.registry import scenarios
from tests.faults.run import Result, judged, lived
from tests.faults.seeds import Batch

DUE = datetime(2026, 12, 7, tzinfo=UTC)
FILE: Place = ("rokhas", "dossier", "5f0c1c7e-0000-4000-8000-000000000001")
CLOCK: Place = ("deadlines", "clock", "5f0c1c7e-0000-4000-8000-000000000002")
REPORT: Place = ("chikaya", "report", "5f0c1c7e-0000-4000-8000-000000000003")
READS = {
    "witness.all": frozenset({FILE[:2], CLOCK[:2], REPORT[:2]}),
    "deadlines.clocks": frozenset({FILE[:2]}),
    "rokhas.clocks": frozenset({CLOCK[:2]}),
}


def event(place: Place, seq: int, what: str, *, by: str | None = None, cause: str | None = None) -> Logged:
    told: dict[str, Any] = {"complete": True, "answered": True, "generation": 0, "channel": "portal"}
    told |= {"rule": REOPENING}
    told |= {"effective_at": DUE.isoformat(), "answer_by": DUE.isoformat()}
    return Logged(
        id=uuid5(UUID(int=1), f"{place} {seq}"),
        service=place[0],
        aggregate=place[1],
        subject=place[2],
        seq=seq,
        type=f"ma.jamaa.{place[0]}.{place[1]}.{what}.v1",
        occurred_at=DUE + timedelta(seconds=1),
        correlation=by,
        causation=cause,
        payload=json.dumps(told),
    )


def command(what: str, outcome: Outcome = Outcome.OK) -> Command:
    return Command(
        service="rokhas",
        aggregate="dossier",
        what=what,
        by="citizen1",
        path="",
        body={},
        subject=FILE[2],
        key=what,
        outcome=outcome,
    )


LOG = [
    event(FILE, 1, "drafted", by="draft"),
    event(FILE, 2, "submitted", by="submit"),
    event(CLOCK, 1, "started", by="submit", cause="e2"),
    event(CLOCK, 2, "elapsed"),
    event(FILE, 3, "approved_by_silence", cause="e4"),
]


def sent(of: Logged, offset: int) -> Sent:
    topic = f"jamaa.{of.service}.{of.aggregate}.events"
    return Sent(topic, 3, offset, of.id, of.place, of.seq, key=of.subject, told=digest(of.type, of.payload))


def sound(**changes: Any) -> Evidence:
    seen = Evidence(
        commands=[command("draft"), command("submit"), command("withdraw", Outcome.FAILED)],
        log=LOG,
        heads={FILE: 3, CLOCK: 2},
        inbox={
            (consumer, place): (head, "open")
            for consumer, wanted in READS.items()
            for place, head in ((FILE, 3), (CLOCK, 2))
            if place[:2] in wanted
        },
        counts={"rokhas": Counter(pending=0), "deadlines": Counter(parked=0)},
        sent=[sent(one, offset) for offset, one in enumerate([*LOG, LOG[0]])],  # one of them twice
        trace=[(one.place, one.seq) for one in LOG],
        totals={FILE: 3, CLOCK: 2},
        rows={FILE: ("approved_by_silence", 3)},
        clocks=[
            {
                "id": CLOCK[2],
                "rule": "repair",
                "state": "elapsed",
                "version": 2,
                "due": False,
                "elapsed_at": DUE,
            }
        ],
        numbers=[("06.141.01.0", 2026, 1), ("06.141.01.0", 2026, 2)],
        shown={FILE: ("approved_by_silence", 3)},
        reads=READS,
    )
    return replace(seen, **changes)


def test_sound_evidence_passes() -> None:
    assert findings(sound()) == []


def test_an_unknown_command_may_have_had_its_effect_or_not() -> None:
    commands = [command("draft", Outcome.UNKNOWN), command("submit"), command("decide", Outcome.UNKNOWN)]
    assert findings(sound(commands=commands)) == []


Broken = Callable[[], Evidence]


def _clock(**changes: Any) -> list[dict[str, Any]]:
    return [{**sound().clocks[0], **changes}]


def _log(*more: Logged, without: int | None = None) -> list[Logged]:
    return [one for place, one in enumerate(LOG) if place != without] + list(more)


EARLY = replace(LOG[3], occurred_at=DUE - timedelta(seconds=1))
TWICE = replace(LOG[3], seq=3, id=UUID(int=9))


def reported(*story: str, state: str, version: int | None = None, at: datetime | None = None) -> Evidence:
    """With a report beside the file, of which this happened: its last event at that instant."""
    happened = [event(REPORT, seq, what, cause=f"r{seq}") for seq, what in enumerate(story, 1)]
    happened[-1] = replace(happened[-1], occurred_at=at or happened[-1].occurred_at)
    offsets = range(len(sound().sent), len(sound().sent) + len(happened))
    told = [*sound().trace, *((REPORT, seq) for seq in range(1, len(story) + 1))]
    return sound(
        log=[*LOG, *happened],
        heads={FILE: 3, CLOCK: 2, REPORT: len(story)},
        inbox={**sound().inbox, ("witness.all", REPORT): (len(story), "open")},
        sent=[*sound().sent, *(sent(one, offset) for one, offset in zip(happened, offsets, strict=True))],
        trace=told,
        totals={FILE: 3, CLOCK: 2, REPORT: len(story)},
        rows={**sound().rows, REPORT: (state, version or len(story))},
    )


TAKEN = ("received", "acknowledged", "assigned", "started")
ANSWERED = (*TAKEN, "answered", "deadline_known")
AFTER, BEFORE = DUE + timedelta(seconds=1), DUE - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("story", "state", "at"),
    [
        (("received", "acknowledged"), "acknowledged", AFTER),
        ((*TAKEN, "rerouted"), "acknowledged", AFTER),
        ((*TAKEN, "escalated", "answered"), "answered", AFTER),
        ((*ANSWERED, "closed"), "closed", AFTER),
        ((*ANSWERED, "rated", "limit_passed"), "closed", AFTER),
        ((*ANSWERED, "reopened"), "reopened", BEFORE),
        ((*TAKEN, "escalated", "answered", "reopened", "assigned", "rerouted"), "reopened", AFTER),
        ((*TAKEN, "answered", "reopened", "escalated"), "reopened", AFTER),
    ],
)
def test_a_report_is_the_fold_of_what_happened(story: Sequence[str], state: str, at: datetime) -> None:
    assert findings(reported(*story, state=state, at=at)) == []


BROKEN: dict[str, tuple[str, Broken]] = {
    "an ok command without its event": ("A1", lambda: sound(commands=[command("decide")])),
    "an ok command with another event": (
        "A1",
        lambda: sound(commands=[replace(command("draft"), key="submit")]),
    ),
    "an ok command on another file": ("A1", lambda: sound(commands=[replace(command("draft"), subject="x")])),
    "a failed command with an event": ("A1", lambda: sound(commands=[command("draft", Outcome.FAILED)])),
    "a command carried out twice": (
        "A1",
        lambda: sound(log=_log(event(FILE, 4, "submitted", by="submit")), heads={FILE: 4, CLOCK: 2}),
    ),
    "an event without a command": ("A1", lambda: sound(commands=[command("draft")])),
    "a gap": ("A2", lambda: sound(log=_log(without=0))),
    "an order that is not that of positions": ("A2", lambda: sound(log=[LOG[1], LOG[0], *LOG[2:]])),
    "a head beyond its events": ("A2", lambda: sound(heads={FILE: 4, CLOCK: 2})),
    "a number given twice": ("A2", lambda: sound(numbers=[("06", 2026, 1), ("06", 2026, 1)])),
    "an event that never reached Kafka": ("A3", lambda: sound(sent=sound().sent[:4])),
    "a record that nobody announced": (
        "A3",
        lambda: sound(sent=[*sound().sent, replace(sound().sent[0], id=UUID(int=7))]),
    ),
    "an aggregate in two partitions": (
        "A3",
        lambda: sound(sent=[*sound().sent, replace(sound().sent[0], partition=4)]),
    ),
    "an aggregate overtaken on Kafka": (
        "order",
        lambda: sound(sent=[sent(LOG[1], 0), sent(LOG[0], 1), *sound().sent[2:5]]),
    ),
    "a consumer behind": (
        "A4",
        lambda: sound(inbox={**sound().inbox, ("deadlines.clocks", FILE): (2, "open")}),
    ),
    "a consumer that is held": (
        "A4",
        lambda: sound(inbox={**sound().inbox, ("rokhas.clocks", CLOCK): (2, "blocked")}),
    ),
    "an event applied twice": ("A4", lambda: sound(trace=[*sound().trace, (FILE, 3)])),
    "events applied out of order": (
        "A4",
        lambda: sound(trace=[(FILE, 2), (FILE, 1), (FILE, 3), (CLOCK, 1), (CLOCK, 2)]),
    ),
    "an event never applied": ("A4", lambda: sound(trace=sound().trace[:4])),
    "an effect had twice": (
        "A4",
        lambda: sound(log=_log(event(CLOCK, 3, "started", cause="e2")), heads={FILE: 3, CLOCK: 3}),
    ),
    "an event that was skipped": (
        "A5",
        lambda: sound(skipped=frozenset({("deadlines.clocks", FILE, 2)})),
    ),
    "an event still pending": ("A5", lambda: sound(counts={"rokhas": Counter(pending=1)})),
    "an event still parked": ("A5", lambda: sound(counts={"deadlines": Counter(parked=2)})),
    "a clock that is due and silent": ("A6", lambda: sound(clocks=_clock(due=True))),
    "an expiry before its instant": ("A6", lambda: sound(log=[*LOG[:3], EARLY, LOG[4]])),
    "an expiry announced twice": ("A6", lambda: sound(log=_log(TWICE), heads={FILE: 3, CLOCK: 3})),
    "a row that is not the fold of its events": ("A7", lambda: sound(rows={FILE: ("granted", 3)})),
    "a row that is not there": ("A7", lambda: sound(rows={})),
    "a clock that is not the fold of its events": ("A7", lambda: sound(clocks=_clock(state="running"))),
    "an answer over HTTP that is not the row": ("A7", lambda: sound(shown={FILE: ("granted", 3)})),
    "a count that is not that of the events": ("A7", lambda: sound(totals={FILE: 2, CLOCK: 2})),
    "a report that is not the fold of its events": ("A7", lambda: reported(*TAKEN, state="answered")),
    "a report one version off": ("A7", lambda: reported(*TAKEN, state="in_progress", version=5)),
    "a report that is not there": ("A7", lambda: replace(reported(*TAKEN, state=""), rows=sound().rows)),
    "a receipt without its report": (
        "A1",
        lambda: sound(commands=[replace(command("report"), key="submit")]),
    ),
    "a reopening after its time": (
        "legal",
        lambda: reported(*ANSWERED, "reopened", state="reopened", at=DUE),
    ),
    "a reopening of what the time closed": (
        "legal",
        lambda: reported(*ANSWERED, "closed", "reopened", state="reopened", at=BEFORE),
    ),
    "a report closed before its time": (
        "legal",
        lambda: reported(*ANSWERED, "closed", state="closed", at=BEFORE),
    ),
    "a reopened report closed by the time before": (
        "legal",
        lambda: reported(*TAKEN, "answered", "reopened", "limit_passed", state="reopened"),
    ),
    "a reply escalated twice": ("legal", lambda: reported(*TAKEN, *["escalated"] * 2, state="in_progress")),
    "a reply escalated that was given": ("legal", lambda: reported(*ANSWERED, "escalated", state="answered")),
    "a reply escalated before its instant": (
        "legal",
        lambda: reported(*TAKEN, "escalated", state="in_progress", at=BEFORE),
    ),
    "a refusal after the silence": (
        "legal",
        lambda: sound(log=_log(event(FILE, 4, "refused")), heads={FILE: 4, CLOCK: 2}),
    ),
}


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("the topic", {"topic": "jamaa.rokhas.file.events"}),
        ("the key", {"key": CLOCK[2]}),
        ("the subject", {"place": (*FILE[:2], "another")}),
        ("the number", {"seq": 2}),
        ("type or payload", {"told": digest(LOG[0].type, "{}")}),
        ("type or payload", {"told": digest(LOG[1].type, LOG[0].payload)}),
    ],
)
def test_a_record_that_is_not_its_event_is_caught(what: str, changes: dict[str, Any]) -> None:
    seen = sound(sent=[replace(sound().sent[0], **changes), *sound().sent[1:]])
    assert [finding for finding in findings(seen) if finding.promise == "A3" and what in finding.what]


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_caught(case: str) -> None:
    promise, evidence = BROKEN[case]
    assert promise in {finding.promise for finding in findings(evidence())}


def test_a_grant_after_the_silence_is_lawful() -> None:
    late = event(FILE, 4, "granted", by="decide")
    seen = sound(log=_log(late), heads={FILE: 4, CLOCK: 2})
    assert "legal" not in {finding.promise for finding in findings(seen)}


def test_what_a_scenario_declared_is_expected() -> None:
    stray = replace(sound().sent[0], id=UUID(int=7), place=("rokhas", "dossier", "stray"))
    assert findings(sound(sent=[*sound().sent, stray], declared=frozenset({"stray"}))) == []


@pytest.mark.parametrize(
    ("name", "trouble", "found", "verdict"),
    [
        ("relay_killed", [], [], "passed"),
        ("relay_killed", [], ["A3"], "failed"),
        ("relay_killed", ["Toothless: nothing was felt"], [], "failed"),
        ("relay_by_cursor", [], ["A3"], "passed"),
        ("relay_by_cursor", [], [], "failed"),
        ("relay_by_cursor", [], ["A1"], "failed"),
        ("relay_by_cursor", ["Stuck: it was never arranged"], ["A3"], "failed"),
        ("decision_slow", [], ["legal"], "failed"),
    ],
)
def test_a_verdict(name: str, trouble: list[str], found: list[str], verdict: str) -> None:
    """A broken variant has passed when the promise that it breaks was found, and nothing else went wrong."""
    (scenario,) = [one for one in scenarios() if one.name == name]
    result = Result(scenario, "passed", 0, list(trouble))
    judged(result, [Finding(promise, "seen") for promise in found])
    assert result.verdict == verdict


def test_a_connection_that_is_reset_is_an_error_of_transport_however_busy_the_harness_is() -> None:
    """A process that is killed resets what it accepted: else one such answer ends the whole trial."""

    async def busy() -> None:
        while True:
            time.sleep(0.005)  # noqa: ASYNC251  # the loop looks at a connection later than it is reset
            await asyncio.sleep(0)

    async def asked(port: int) -> list[BaseException]:
        working = asyncio.create_task(busy())
        async with httpx.AsyncClient(trust_env=False) as client:
            tries = (client.post(f"http://127.0.0.1:{port}") for _ in range(20))
            failed = await asyncio.gather(*tries, return_exceptions=True)
        working.cancel()
        return [one for one in failed if isinstance(one, BaseException)]

    with socket.create_server(("127.0.0.1", 0)) as server:

        def reset() -> None:
            with contextlib.suppress(OSError):  # closed: the test is over
                while True:
                    connection, _ = server.accept()
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()

        threading.Thread(target=reset, daemon=True).start()
        failed = lived(asked(server.getsockname()[1]))
    assert len(failed) == 20
    assert [one for one in failed if not isinstance(one, httpx.TransportError)] == []


def test_the_names_of_ten_thousand_files_are_written_out_once() -> None:
    """Else who takes them one by one, as the race does, stands still for minutes and midnight passes."""
    batch = Batch(files=[UUID(int=n) for n in range(3)], commune="06.141.01.0", answer_by=DUE, certain=DUE)
    assert batch.ids[2] == str(UUID(int=2))
    assert batch.ids is batch.ids
