"""An independent Kafka client reads all that the journeys announced off the broker: it runs last."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

import pytest

from deploy.demo.stage import until
from deploy.registry import SERVICES
from shared.time import parse_instant
from tests.journeys.broker import Record, read
from tests.journeys.conftest import Platform
from tests.journeys.people import PERSONAL, WORDS, submitted

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILES: Final = "jamaa.rokhas.dossier.events"
CLOCKS: Final = "jamaa.deadlines.clock.events"
TOPICS: Final = sorted(stream.topic for service in SERVICES for stream in service.streams)


async def test_kcat_reads_contiguous_events_without_personal_data(kcat: str, running: Platform) -> None:
    applicant = await submitted(running.stage, "repair")
    await applicant.do("messages", {"text": WORDS})
    await applicant.do("withdrawal")

    async def arrived() -> list[str]:
        whats = [r.what for r in await read(kcat, running.bootstrap, FILES) if r.key == applicant.id]
        return [what for what in dict.fromkeys(whats) if what in told]

    told = ["drafted", "message_posted", "withdrawn"]
    await until("the file on the broker", arrived, told)
    records = [record for topic in TOPICS for record in await read(kcat, running.bootstrap, topic)]
    assert {FILES, CLOCKS} <= {record.topic for record in records}
    for record in records:
        _check_cloud_event(record)
    for key, sequences in _sequences(records).items():
        assert sequences == list(range(1, len(sequences) + 1)), key
    assert [
        (r.topic, words) for r in records for words in PERSONAL if words in f"{r.headers} {r.value}"
    ] == []


def _check_cloud_event(record: Record) -> None:
    """CloudEvents 1.0, Kafka protocol binding, binary content mode."""
    headers = record.headers
    service, aggregate = record.topic.split(".")[1:3]
    assert (headers["ce_specversion"], headers["content-type"]) == ("1.0", "application/json")
    assert headers["ce_source"] == f"/{service}"
    assert headers["ce_type"].startswith(f"ma.jamaa.{service}.{aggregate}.")
    assert headers["ce_subject"] == headers["ce_partitionkey"] == record.key
    assert UUID(headers["ce_id"]).version == 8
    assert headers["ce_time"].endswith("Z")
    assert parse_instant(headers["ce_time"])
    assert isinstance(json.loads(record.value), dict)


def _sequences(records: Iterable[Record]) -> Mapping[tuple[str, str], list[int]]:
    """Of each aggregate, in the order of arrival. A relay that died may have sent an event twice: the same
    identifier and the same bytes.
    """
    seen: dict[str, Record] = {}
    sequences: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record in records:
        known = seen.setdefault(record.headers["ce_id"], record)
        if known is record:
            sequences[record.topic, record.key].append(int(record.headers["ce_sequence"]))
        else:
            assert (known.key, known.value) == (record.key, record.value)
    return sequences
