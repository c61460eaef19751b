"""What services promise each other: kept in files, only ever added to, and readable by every reader."""

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from deploy.command import Refused
from deploy.contracts import FOLDER, check, generated, write
from deploy.contracts.compare import breaks
from deploy.contracts.examples import examples
from deploy.contracts.schemas import schemas
from deploy.registry import SERVICES
from services.chikaya.consumers import clocks as report_clocks
from services.civil_status.consumers import clocks as register_clocks
from services.civil_status.consumers import matching as question
from services.civil_status.events import ACT, MATCHING, SEALING_KEY
from services.deadlines.domain.loading import rulebook
from services.deadlines.events import CLOCKS
from services.rokhas.consumers.clocks import CHANGES, ELAPSED, WARNED, ClockFacts
from services.watiqa.consumers import clocks as window_clocks
from services.watiqa.consumers import register as answer
from services.watiqa.events import REQUEST
from shared.events import Envelope, Event, topic_of

PARSER = Path(__file__).parent / "asyncapi"
EVENTS = [event for service in SERVICES for stream in service.streams for event in stream.events]
SCHEMAS = schemas(SERVICES)
ELAPSED_FILE = f"{ELAPSED}.json"

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The contracts as they are kept, to be damaged."""
    return Path(shutil.copytree(FOLDER, tmp_path / "contracts"))


def edit(folder: Path, name: str, change: Change) -> None:
    schema = json.loads((folder / name).read_text(encoding="utf-8"))
    change(schema)
    (folder / name).write_text(json.dumps(schema), encoding="utf-8")


def test_the_files_are_what_the_code_says() -> None:
    check()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.TYPE)
def test_the_schema_accepts_what_the_producer_sends_and_nothing_more(event: type[Event]) -> None:
    schema = SCHEMAS[event.TYPE]
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for example in examples(event):
        validator.validate(example)
        assert json.loads(event.read(json.dumps(example).encode()).payload()) == example
        assert not validator.is_valid(example | {"unheard_of": 1})


# What a hurried producer might do; the schemas that are kept stand for what consumers rely on.
BREAKING: dict[str, tuple[Change, str]] = {
    "removed": (lambda s: s["properties"].update(gone={"type": "string"}), "gone: was removed or renamed"),
    "type": (
        lambda s: s["properties"].update(lateness_seconds={"type": "string"}),
        "lateness_seconds: was string, is integer",
    ),
    "format": (
        lambda s: s["properties"].update(effective_at={"type": "string", "format": "date"}),
        "effective_at: was date, is date-time",
    ),
    "null": (
        lambda s: s["properties"].update(rule={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "rule: was string or null, is string",
    ),
    "new and required": (
        lambda s: (s["properties"].pop("noticed_at"), s["required"].remove("noticed_at")),
        "noticed_at: is new and required; give it a default",
    ),
    "required": (
        lambda s: s["required"].remove("rule"),
        "rule: is now required, and events without it were announced",
    ),
}


@pytest.mark.parametrize("kind", BREAKING)
def test_what_is_no_addition_is_refused_with_file_and_field(kind: str, folder: Path) -> None:
    change, line = BREAKING[kind]
    edit(folder, ELAPSED_FILE, change)
    for attempt in (check, write):
        with pytest.raises(Refused) as refused:
            attempt(folder)
        assert f"contracts/{ELAPSED_FILE}: {line}" in str(refused.value).splitlines()


def test_a_narrowed_enum_is_refused(folder: Path) -> None:
    name = "ma.jamaa.rokhas.dossier.drafted.v1.json"
    edit(folder, name, lambda s: s["$defs"]["Channel"]["enum"].append("fax"))
    with pytest.raises(Refused, match="channel: may no longer be fax"):
        check(folder)


def test_a_change_inside_a_list_is_found(folder: Path) -> None:
    name = "ma.jamaa.deadlines.clock.moved.v1.json"
    edit(folder, name, lambda s: s["$defs"]["Step"]["properties"].update(law={"type": "string"}))
    with pytest.raises(Refused, match=r"explanation\[\]\.law: was removed or renamed"):
        check(folder)


def test_a_removed_event_is_refused(folder: Path) -> None:
    (folder / "ma.jamaa.rokhas.dossier.vanished.v1.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Refused, match=r"vanished\.v1\.json: the event was removed"):
        write(folder)


ADDITIONS: dict[str, Change] = {
    "a field with a default": lambda s: s["properties"].update(extra={"type": "string", "default": ""}),
    "a wider enum": lambda s: s["$defs"]["Channel"]["enum"].append("kiosk"),
    "another description": lambda s: s.update(description="said better"),
}


@pytest.mark.parametrize("kind", ADDITIONS)
def test_an_addition_passes(kind: str) -> None:
    before = SCHEMAS["ma.jamaa.rokhas.dossier.drafted.v1"]
    now = copy.deepcopy(before)
    ADDITIONS[kind](now)
    assert breaks(before, now) == []


def test_a_stale_file_is_refused_and_written(folder: Path) -> None:
    edit(folder, ELAPSED_FILE, lambda s: s.update(description="as it was"))
    (folder / f"{WARNED}.json").unlink()
    with pytest.raises(Refused) as refused:
        check(folder)
    assert str(refused.value).splitlines() == [
        f"contracts/{name} is stale: run 'make contracts' and commit it"
        for name in sorted([ELAPSED_FILE, f"{WARNED}.json"])
    ]
    assert sorted(write(folder)) == sorted([ELAPSED_FILE, f"{WARNED}.json"])
    check(folder)


# -- readers


def envelope(event: type[Event], data: dict[str, Any]) -> Envelope:
    """One event of a clock, as it arrives."""
    return Envelope(
        id=uuid4(),
        source=CLOCKS.source,
        type=event.TYPE,
        aggregate=CLOCKS.aggregate,
        subject=str(uuid4()),
        sequence=1,
        time=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        collectivity="06.141.01.0",
        data=json.dumps(data).encode(),
    )


@pytest.mark.parametrize("event", CLOCKS.events, ids=lambda event: event.TYPE)
def test_rokhas_reads_every_clock(event: type[Event]) -> None:
    assert {*CHANGES, ELAPSED, WARNED} <= set(CLOCKS.types)
    for example in examples(event):
        facts = envelope(event, example).read(ClockFacts)
        assert facts.clock().answer_by == facts.answer_by
        assert event.TYPE != ELAPSED or facts.effective_at is not None


@pytest.mark.parametrize("event", CLOCKS.events, ids=lambda event: event.TYPE)
def test_civil_status_reads_every_clock(event: type[Event]) -> None:
    assert {*register_clocks.CHANGES, register_clocks.ELAPSED} <= set(CLOCKS.types)
    for example in examples(event):
        facts = envelope(event, example | {"aggregate_id": str(uuid4())}).read(register_clocks.ClockFacts)
        assert facts.clock().answer_by == facts.answer_by
        assert event.TYPE != register_clocks.ELAPSED or facts.effective_at is not None


@pytest.mark.parametrize("event", CLOCKS.events, ids=lambda event: event.TYPE)
def test_watiqa_reads_every_clock(event: type[Event]) -> None:
    assert {*window_clocks.CHANGES, window_clocks.ELAPSED} <= set(CLOCKS.types)
    for example in examples(event):
        facts = envelope(event, example).read(window_clocks.ClockFacts)
        assert facts.clock().answer_by == facts.answer_by
        assert event.TYPE != window_clocks.ELAPSED or facts.effective_at is not None


@pytest.mark.parametrize("event", CLOCKS.events, ids=lambda event: event.TYPE)
def test_chikaya_reads_every_clock(event: type[Event]) -> None:
    assert {*report_clocks.CHANGES, report_clocks.ELAPSED} <= set(CLOCKS.types)
    for example in examples(event):
        facts = envelope(event, example).read(report_clocks.ClockFacts)
        assert facts.clock().answer_by == facts.answer_by
        assert event.TYPE != report_clocks.ELAPSED or facts.effective_at is not None


def test_the_window_and_the_register_understand_each_other() -> None:
    """What the one asks the other reads, and the other way round."""
    [asked] = [event for event in REQUEST.events if question.ASKED == event.TYPE]
    for example in examples(asked):
        # The schema says text where the register takes one of its three outputs.
        facts = envelope(asked, example | {"output": "extract"}).read(question.AskedFacts)
        assert (facts.sealed, facts.reply_key) == (example["sealed"], example["reply_key"])
    assert set(MATCHING.types) == set(answer.ANSWERS)
    assert set(SEALING_KEY.types) == {answer.PUBLISHED, answer.DESTROYED}
    assert {answer.NOTED, answer.ANNULLED} <= set(ACT.types)
    for kind, reader in (
        *((event, answer.AnswerFacts) for event in MATCHING.events),
        (SEALING_KEY.types[answer.PUBLISHED], answer.KeyFacts),
        *((ACT.types[name], answer.ChangeFacts) for name in (answer.NOTED, answer.ANNULLED)),
    ):
        for example in examples(kind):
            read = envelope(kind, example).read(reader)
            assert kind.TYPE != answer.FOUND or (read.act, read.act_version) == (example["act"], 1)


def test_the_rules_listen_to_events_that_exist() -> None:
    rules = rulebook()
    assert rules.events <= {event.TYPE for event in EVENTS}
    assert {topic_of(service, aggregate) for service, aggregate in rules.sources} <= {
        stream.topic for service in SERVICES for stream in service.streams
    }


@pytest.mark.parametrize(
    "event", [event for event in EVENTS if event.TYPE in rulebook().events], ids=lambda event: event.TYPE
)
def test_the_rules_read_every_event_that_they_listen_to(event: type[Event]) -> None:
    """Raises Invalid for an event without the field that a rule dates it by."""
    rules = rulebook()
    for example in examples(event):
        rules.openings(event.TYPE, example, example.get("procedure"))
        for rule in rules.rules:
            rule.reactions(event.TYPE, example)
            rule.meanings(event.TYPE, example)


def test_every_topic_that_is_read_is_written() -> None:
    written = {stream.topic for service in SERVICES for stream in service.streams}
    read = {topic for service in SERVICES for consumer in service.consumers for topic in consumer.topics}
    assert read <= written


def test_consumers_are_named_after_their_service_and_once() -> None:
    names = [consumer.name for service in SERVICES for consumer in service.consumers]
    assert len(names) == len(set(names))
    for service in SERVICES:
        assert all(consumer.name.startswith(f"{service.name}.") for consumer in service.consumers)


# -- AsyncAPI


@pytest.fixture
def parse() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The AsyncAPI initiative's own parser. Without Node it is left out, but never in CI."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        assert "CI" not in os.environ, "CI has no Node.js"
        pytest.skip("no Node.js here: apt-get install -y nodejs npm")
    installed = PARSER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (PARSER / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci", "--silent"], cwd=PARSER, check=True)
        installed.touch()

    def run(*documents: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["node", PARSER / "validate.mjs", *documents], capture_output=True, text=True, check=False
        )

    return run


def test_the_asyncapi_document_is_one_and_a_misspelt_one_is_not(
    parse: Callable[..., subprocess.CompletedProcess[str]], folder: Path
) -> None:
    def misspell(document: dict[str, Any]) -> None:
        next(iter(document["operations"].values()))["action"] = "shout"

    edit(folder, "asyncapi.json", misspell)
    ours, misspelt = FOLDER / "asyncapi.json", folder / "asyncapi.json"
    done = parse(ours, misspelt)
    channels = sum(len(service.streams) + 1 for service in SERVICES)
    assert [line.partition(" channels")[0] for line in done.stdout.splitlines()] == [
        f"{ours}: AsyncAPI 3.0.0: {channels}"
    ], done.stderr
    assert done.returncode == 1
    wrong = done.stderr.splitlines()
    assert all(line.startswith(f"{misspelt}: ") for line in wrong)
    assert any("action" in line for line in wrong)


def test_the_document_names_what_the_registry_names() -> None:
    document = json.loads(generated()["asyncapi.json"])
    addresses = {channel["address"] for channel in document["channels"].values()}
    streams = {stream.topic for service in SERVICES for stream in service.streams}
    assert addresses == streams | {f"jamaa.{service.name}.repair" for service in SERVICES}
    groups = {
        operation["bindings"]["kafka"]["groupId"]["enum"][0]
        for operation in document["operations"].values()
        if "bindings" in operation
    }
    assert groups == {consumer.name for service in SERVICES for consumer in service.consumers}
