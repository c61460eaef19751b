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

from tests.faults.evidence import Evidence, Logged, Place, Sent, digest
from tests.faults.journal import Outcome
from tests.support.core import Violation, check_applied

MAKES: Final = {
    "draft": {"drafted"},
    "attach": {"document_attached", "completed"},
    "submit": {"submitted"},
    "withdraw": {"withdrawn"},
    "decide": {"granted", "refused", "decision_attempted_late"},
}
"""The event that each command must make; a command that is not named here may make any one."""

BY_PEOPLE: Final = frozenset().union(*MAKES.values())

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

CLOCK_STATES: Final = {
    "started": "running",
    "suspended": "suspended",
    "resumed": "running",
    "restarted": "running",
    "elapsed": "elapsed",
}

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
        *(timers, instants, projections, rows, outcomes),
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
    """A1: an ok command has made one event, a failed one none, an unknown one at most one. And no event of
    people on a file without a command; what an import takes over is none of theirs.
    """
    made: dict[str, list[Logged]] = defaultdict(list)
    for event in seen.log:
        if event.correlation and event.causation is None and event.aggregate != "access":
            made[event.correlation].append(event)
    asked = {command.key for command in seen.commands}
    for event in seen.log:
        theirs = event.place[:2] == ("rokhas", "dossier") and event.what in BY_PEOPLE and not event.causation
        if theirs and event.correlation not in asked and json.loads(event.payload).get("channel") != "import":
            yield Finding("A1", f"{event.what} of {event.subject} and nobody asked for it")
    for command in seen.commands:
        events = [e for e in made.get(command.key, ()) if e.aggregate == command.aggregate]
        types = [event.what for event in events]
        allowed = {Outcome.OK: {1}, Outcome.FAILED: {0}, Outcome.UNKNOWN: {0, 1}}[command.outcome]
        if len(events) not in allowed:
            yield Finding(
                "A1",
                f"{command.what} {command.key} was {command.outcome} ({command.status}) and made {types}",
            )
        elif not set(types) <= MAKES.get(command.what, set(types)):
            yield Finding("A1", f"{command.what} {command.key} made {types}")
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
    for file, shown in seen.shown.items():
        if shown != seen.files.get(file):
            yield Finding("A7", f"HTTP shows {shown} of file {file}, the table {seen.files.get(file)}")
    for place, head in seen.heads.items():
        if seen.totals.get(place, 0) != head and place[2] not in seen.declared:
            yield Finding("A7", f"the witness counted {seen.totals.get(place, 0)} of {head} of {place}")


def rows(seen: Evidence) -> Iterator[Finding]:
    """A7: rows are the fold of their events."""
    folded = _fold(seen)
    for file, (state, version) in seen.files.items():
        expected = folded.get(("rokhas", "dossier", file))
        if (state, version) != expected:
            yield Finding("A7", f"file {file} is {state} at {version}, its events say {expected}")
    for place in folded:
        if (
            place[:2] == ("rokhas", "dossier")
            and place[2] not in seen.files
            and place[2] not in seen.declared
        ):
            yield Finding("A7", f"{place} has events and no row")
    for clock in seen.clocks:
        expected = folded.get(("deadlines", "clock", clock["id"]))
        if (clock["state"], clock["version"]) != expected and clock["id"] not in seen.declared:
            yield Finding(
                "A7", f"clock {clock['id']} is {clock['state']} at {clock['version']}, not {expected}"
            )


def _fold(seen: Evidence) -> dict[Place, tuple[str, int]]:
    folded: dict[Place, tuple[str, int]] = {}
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
