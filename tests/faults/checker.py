"""The promises A1 to A7 of docs/decisions/0001, asked of what can be seen from outside.

Pure: `findings` looks at an `Evidence` and says what does not hold. An empty list is the proof that counts.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from tests.faults.evidence import ROWS, Evidence, Logged, Place, Sent, digest
from tests.faults.journal import Outcome
from tests.support.core import Violation, check_applied

MAKES: Final[dict[tuple[str, str], dict[str, set[tuple[str, ...]]]]] = {
    ("rokhas", "dossier"): {
        "draft": {("drafted",)},
        "attach": {("document_attached",), ("completed",)},
        "submit": {("submitted",)},
        "withdraw": {("withdrawn",)},
        "decide": {("granted",), ("refused",), ("decision_attempted_late",)},
    },
    ("chikaya", "report"): {
        "report": {("received", "acknowledged")},
        "assign": {("assigned",)},
        "start": {("started",)},
        "answer": {("answered",)},
        "reopen": {("reopened",)},
        "rate": {("rated",)},
    },
}
"""The events that each command must make, all or none; a command that is not named here may make any one."""

BY_PEOPLE: Final = {
    place: frozenset(what for ways in made.values() for way in ways for what in way)
    for place, made in MAKES.items()
}

STATES: Final = {
    "drafted": "draft",
    "completed": "under_review",
    "withdrawn": "withdrawn",
    "granted": "granted",
    "refused": "refused",
    "approved_by_silence": "approved_by_silence",
    "returned": "returned",
    "delivered": "delivered",
    "silence_invoked": "silence_invoked",
    "attested": "attested",
}
"""The fold of a file's events, where its type alone says the state."""

REPORT_STATES: Final = {
    "received": "received",
    "acknowledged": "acknowledged",
    "declared_defective": "defective",
    "completed": "completed",
    "assigned": "assigned",
    "started": "in_progress",
    "merged": "merged",
    "answered": "answered",
    "reopened": "reopened",
    "rated": "closed",
    "closed": "closed",
    "declared_inadmissible": "inadmissible",
    "redirected": "redirected",
}
"""The same of a report. Parted from another one, or routed away from whoever had it, it waits again."""

TAKEN: Final = frozenset({"assigned", "in_progress"})

CLOCK_STATES: Final = {
    "started": "running",
    "suspended": "suspended",
    "resumed": "running",
    "restarted": "running",
    "elapsed": "elapsed",
}

REOPENING: Final = "chikaya.reopening"
"""The rule by which an answer may be contested."""

LEGAL: Final = frozenset({"granted", "refused", "approved_by_silence", "silence_no_effect"})
"""What ends the wait of an applicant. Of these a file has one, unless a grant follows a silence."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that was not kept."""

    promise: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


def findings(seen: Evidence) -> list[Finding]:
    """At most a few of each kind: the first ones tell enough."""
    checks = (
        *(commands, sequences, broker, consumers, witnessed, effects, leftovers),
        *(timers, instants, projections, rows, outcomes, replies),
    )
    return [finding for check in checks for finding in _few(check(seen))]


def _few(found: Iterable[Finding], most: int = 5) -> Iterator[Finding]:
    count = 0
    for count, finding in enumerate(found, 1):
        if count <= most:
            yield finding
    if count > most:
        yield Finding(finding.promise, f"… and {count - most} more like these")


def commands(seen: Evidence) -> Iterator[Finding]:
    """A1: an ok command has made all of its events, a failed one none, an unknown one either. And no event of
    people on a file or a report without a command; what an import takes over is none of theirs.
    """
    made: dict[str, list[Logged]] = defaultdict(list)
    for event in seen.log:
        if event.correlation and event.causation is None and event.aggregate != "access":
            made[event.correlation].append(event)
    asked = {command.key for command in seen.commands}
    for event in seen.log:
        theirs = event.what in BY_PEOPLE.get(event.place[:2], ()) and not event.causation
        if theirs and event.correlation not in asked and json.loads(event.payload).get("channel") != "import":
            yield Finding("A1", f"{event.what} of {event.subject} and nobody asked for it")
    for command in seen.commands:
        events = [e for e in made.get(command.key, ()) if e.aggregate == command.aggregate]
        types = tuple(event.what for event in events)
        known = MAKES.get((command.service, command.aggregate), {})
        whole = types in known.get(command.what, {types[:1]}) and bool(types)
        must = {Outcome.OK: whole, Outcome.FAILED: not types, Outcome.UNKNOWN: whole or not types}
        if not must[command.outcome]:
            yield Finding(
                "A1",
                f"{command.what} {command.key} was {command.outcome} ({command.status}) and made {types}",
            )
        elif command.subject and any(event.subject != command.subject for event in events):
            yield Finding("A1", f"{command.what} {command.key} changed another file than {command.subject}")


def sequences(seen: Evidence) -> Iterator[Finding]:
    """A2: of every aggregate 1, 2, 3… up to its head, in the order of positions, each event once."""
    logged: dict[Place, list[int]] = defaultdict(list)
    for event in seen.log:
        logged[event.place].append(event.seq)
    for place, numbers in logged.items():
        if numbers != list(range(1, seen.heads.get(place, 0) + 1)):
            yield Finding("A2", f"{place} has {numbers}, its head is {seen.heads.get(place)}")
    for place in seen.heads.keys() - logged.keys():
        yield Finding("A2", f"{place} has a head and no event")
    repeated = [i for i, n in Counter(event.id for event in seen.log).items() if n > 1]
    for identifier in repeated:
        yield Finding("A2", f"the identifier {identifier} was given twice")
    for key, group in groupby(seen.numbers, key=lambda row: row[:2]):
        if (drawn := [row[2] for row in group]) != list(range(1, len(drawn) + 1)):
            yield Finding("A2", f"the references of {key} are not 1 to {len(drawn)}: {drawn[:20]}")


def broker(seen: Evidence) -> Iterator[Finding]:
    """A3: the distinct events on Kafka are those of the logs, on their topics, by their keys, and each says
    what the log says.
    """
    log = {event.id: event for event in seen.log}
    sent = {record.id for record in seen.sent if record.id and record.place[2] not in seen.declared}
    for identifier in log.keys() - sent:
        event = log[identifier]
        if event.subject not in seen.declared:
            yield Finding("A3", f"{event.what} {event.place} {event.seq} is not on Kafka")
    for identifier in sent - log.keys():
        yield Finding("A3", f"{identifier} is on Kafka and in no log")
    homes: dict[Place, set[tuple[str, int]]] = defaultdict(set)
    last: dict[Place, int] = {}
    for record in sorted(seen.sent, key=lambda r: (r.topic, r.partition, r.offset)):
        if record.id is None or record.place[2] in seen.declared:
            continue
        logged = log.get(record.id)
        if logged and (differs := _differs(record, logged)):
            yield Finding("A3", f"{differs} of {logged.place} {logged.seq} is another on Kafka")
        homes[record.place].add((record.topic, record.partition))
        if seen.orderly and record.seq > last.get(record.place, 0) + 1:
            yield Finding(
                "order", f"{record.place} {record.seq} is on Kafka after {last.get(record.place, 0)}"
            )
        last[record.place] = max(last.get(record.place, 0), record.seq)
    for place, where in homes.items():
        if len(where) > 1:
            yield Finding("A3", f"{place} is in several partitions: {sorted(where)}")


def _differs(record: Sent, event: Logged) -> str:
    """In what a record is not its event; empty when it is."""
    same = {
        "the topic": record.topic == f"jamaa.{event.service}.{event.aggregate}.events",
        "the key": record.key == event.subject,
        "the subject": record.place == event.place,
        "the number": record.seq == event.seq,
        "type or payload": record.told == digest(event.type, event.payload),
    }
    return next((what for what, holds in same.items() if not holds), "")


def consumers(seen: Evidence) -> Iterator[Finding]:
    """A4: every consumer stands where its producers stand."""
    for consumer, wanted in seen.reads.items():
        for place, head in seen.heads.items():
            if place[:2] not in wanted or place[2] in seen.declared:
                continue
            reached, state = seen.inbox.get((consumer, place), (0, "open"))
            if (reached, state) != (head, "open"):
                yield Finding("A4", f"{consumer} is at {reached} ({state}) of {head} of {place}")
    for (consumer, place), (reached, _) in seen.inbox.items():
        if place not in seen.heads and reached and place[2] not in seen.declared:
            yield Finding("A4", f"{consumer} is at {reached} of {place}, which nobody announced")


def witnessed(seen: Evidence) -> Iterator[Finding]:
    """A4: the trace that a handler left in its transaction has each event once, in order."""
    applied: dict[Place, list[int]] = defaultdict(list)
    for place, seq in seen.trace:
        applied[place].append(seq)
    for place, numbers in applied.items():
        try:
            check_applied({str(place): numbers})
        except Violation as violation:
            if place[2] not in seen.declared:
                yield Finding(violation.promise, str(violation).removeprefix(f"{violation.promise}: "))
    for place, head in seen.heads.items():
        if place[2] not in seen.declared and len(applied[place]) != head:
            yield Finding("A4", f"the witness applied {len(applied[place])} of {head} of {place}")


def effects(seen: Evidence) -> Iterator[Finding]:
    """A4, by what consumers announced in turn: one event causes one kind of effect on one aggregate once."""
    caused = Counter((e.causation, e.place, e.type) for e in seen.log if e.causation)
    for (cause, place, kind), times in caused.items():
        if times > 1:
            yield Finding("A4", f"{cause} caused {kind} on {place} {times} times")


def leftovers(seen: Evidence) -> Iterator[Finding]:
    """A5: nothing is pending, parked, buried or skipped that no scenario declared."""
    for consumer, place, seq in seen.skipped:
        yield Finding("A5", f"{consumer} was told to skip {seq} of {place}")
    for service, counts in seen.counts.items():
        for what, count in counts.items():
            if count:
                yield Finding("A5", f"{count} {what} in {service}")


def _elapsed(seen: Evidence) -> dict[str, list[Logged]]:
    elapsed: dict[str, list[Logged]] = defaultdict(list)
    for event in seen.log:
        if (event.service, event.aggregate, event.what) == ("deadlines", "clock", "elapsed"):
            elapsed[event.subject].append(event)
    return elapsed


def timers(seen: Evidence) -> Iterator[Finding]:
    """A6: what is due has been announced."""
    elapsed = _elapsed(seen)
    for clock in seen.clocks:
        if clock["due"] and clock["id"] not in seen.declared:
            yield Finding("A6", f"clock {clock['id']} ({clock['rule']}) is due and was not announced")
        if clock["elapsed_at"] and not elapsed[clock["id"]]:
            yield Finding("A6", f"clock {clock['id']} elapsed without an event")


def instants(seen: Evidence) -> Iterator[Finding]:
    """A6: each expiry once, none before its instant, each with effect as of it."""
    for subject, events in _elapsed(seen).items():
        generations = Counter(json.loads(event.payload)["generation"] for event in events)
        if any(times > 1 for times in generations.values()):
            yield Finding("A6", f"clock {subject} elapsed several times: {dict(generations)}")
        for event in events:
            told = json.loads(event.payload)
            if event.occurred_at < datetime.fromisoformat(told["effective_at"]):
                yield Finding(
                    "A6", f"clock {subject} elapsed at {event.occurred_at}, before {told['effective_at']}"
                )
            if told["effective_at"] != told["answer_by"]:
                yield Finding(
                    "A6", f"clock {subject} took effect at {told['effective_at']}, due {told['answer_by']}"
                )


def projections(seen: Evidence) -> Iterator[Finding]:
    """A7: what HTTP shows is the row; the witness has counted every event."""
    for place, shown in seen.shown.items():
        if shown != seen.rows.get(place):
            yield Finding("A7", f"HTTP shows {shown} of {place}, the table {seen.rows.get(place)}")
    for place, head in seen.heads.items():
        if seen.totals.get(place, 0) != head and place[2] not in seen.declared:
            yield Finding("A7", f"the witness counted {seen.totals.get(place, 0)} of {head} of {place}")


def rows(seen: Evidence) -> Iterator[Finding]:
    """A7: rows are the fold of their events."""
    folded = _fold(seen)
    for place, row in seen.rows.items():
        if row != folded.get(place):
            yield Finding("A7", f"{place} is {row}, its events say {folded.get(place)}")
    for place in folded.keys() - seen.rows.keys():
        if place[:2] in ROWS and place[2] not in seen.declared:
            yield Finding("A7", f"{place} has events and no row")
    for clock in seen.clocks:
        expected = folded.get(("deadlines", "clock", clock["id"]))
        if (clock["state"], clock["version"]) != expected and clock["id"] not in seen.declared:
            yield Finding(
                "A7", f"clock {clock['id']} is {clock['state']} at {clock['version']}, not {expected}"
            )


def _fold(seen: Evidence) -> dict[Place, tuple[str, int]]:
    folded: dict[Place, tuple[str, int]] = {}
    again: set[Place] = set()
    for event in seen.log:
        state = folded.get(event.place, ("", 0))[0]
        if event.place[:2] == ("rokhas", "dossier"):
            state = STATES.get(event.what, state)
            if event.what == "submitted":
                state = "under_review" if json.loads(event.payload)["complete"] else "incomplete"
        elif event.place[:2] == ("deadlines", "clock"):
            state = CLOCK_STATES.get(event.what, state)
            if event.what == "stopped":
                state = "answered" if json.loads(event.payload)["answered"] else "stopped"
        elif event.place[:2] == ("chikaya", "report"):
            again |= {event.place} if event.what == "reopened" else set()
            state = REPORT_STATES.get(event.what, state)
            if event.what == "separated" or (event.what == "rerouted" and state in TAKEN):
                state = "reopened" if event.place in again else "acknowledged"
        folded[event.place] = (state, event.seq)
    return folded


def outcomes(seen: Evidence) -> Iterator[Finding]:
    """One legal outcome per file. A late grant after a silence is lawful; nothing else follows an outcome."""
    ended: dict[str, list[str]] = defaultdict(list)
    for event in seen.log:
        if (event.service, event.aggregate) == ("rokhas", "dossier") and event.what in LEGAL:
            ended[event.subject].append(event.what)
    lawful = {("approved_by_silence", "granted"), ("silence_no_effect", "granted")}
    for file, what in ended.items():
        if len(what) > 1 and tuple(what) not in lawful:
            yield Finding("legal", f"file {file} has the outcomes {what}")


def replies(seen: Evidence) -> Iterator[Finding]:
    """Of a report: a reply that is overdue is escalated once, not before its instant and never once it was
    given; what was answered is reopened before the end of the time for it, or closed by that end, not both.
    """
    stories: dict[str, list[Logged]] = defaultdict(list)
    for event in seen.log:
        if event.place[:2] == ("chikaya", "report"):
            stories[event.subject].append(event)
    for report, story in stories.items():
        for wrong in (*_escalated(story), *_contested(story)):
            yield Finding("legal", f"report {report} {wrong}: {[event.what for event in story]}")


def _escalated(story: Iterable[Logged]) -> Iterator[str]:
    due = True
    for event in story:
        if event.what == "escalated":
            if not due:
                yield "was escalated, and no reply was due that had not been"
            if event.occurred_at < datetime.fromisoformat(json.loads(event.payload)["effective_at"]):
                yield f"was escalated at {event.occurred_at}, before its instant"
        if event.what in {"escalated", "answered", "reopened"}:
            due = event.what == "reopened"


def _contested(story: Iterable[Logged]) -> Iterator[str]:
    running, until = False, None
    for event in story:
        told = json.loads(event.payload)
        if event.what == "deadline_known" and told["rule"] == REOPENING and running:
            until = datetime.fromisoformat(told["answer_by"])
        elif event.what == "closed" or (event.what == "limit_passed" and told["rule"] == REOPENING):
            if not running or (until and event.occurred_at < until):
                yield f"was closed at {event.occurred_at} by the end of a time that runs until {until}"
            running = False
        elif event.what == "reopened":
            if not running or (until and event.occurred_at >= until):
                yield f"was reopened at {event.occurred_at}, its time ran until {until}"
            running, until = False, None
        elif event.what == "answered":
            running, until = True, None
