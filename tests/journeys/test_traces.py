"""One permit's story, seen from a collector of traces: HTTP, outbox, broker, consumers, a timer, HTTP."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from deploy.demo.stage import instant, pdf, stage, until
from tests.support.collector import Collector, Span, collector
from tests.support.launching import Launcher, fresh_home

CORRELATION = "a-permit-and-its-silence"
TRACE = uuid4().hex
NAME = "Zineb-Idrissi-Alaoui"
DOSSIER, CLOCK = "jamaa.rokhas.dossier.events", "jamaa.deadlines.clock.events"
CHAIN = (
    ("SERVER", "POST /dossiers/{dossier_id}/submission", None),
    ("CLIENT", f"send {DOSSIER}", None),
    ("CONSUMER", f"process {DOSSIER}", "deadlines.clocks"),
    ("CONSUMER", f"process {DOSSIER}", "rokhas.notices"),
    ("CLIENT", f"send {CLOCK}", None),
    ("CONSUMER", f"process {CLOCK}", "rokhas.clocks"),
    ("INTERNAL", "announce clock", None),
    ("CLIENT", "POST", None),
)
REFERENCES = re.compile(
    r"http\.(request\.method|route|response\.status_code)|server\.address|error\.type|jamaa\.correlation_id"
    r"|messaging\.(system|operation\.name|operation\.type|destination\.name|consumer\.group\.name"
    r"|batch\.message_count)|cloudevents\.event_(id|source|type|subject)"
)


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Collector, Launcher, str]]:
    """The applicant's subject beside what the collector and the log received of the story."""
    with collector() as found, fresh_home() as home:
        more = {"JAMAA_TRACES": f"{found.url}/v1/traces", "JAMAA_NOTIFY_URL": f"{found.url}/notices"}
        more["JAMAA_TRACES_FOLLOW"] = "true"
        with Launcher(home, more=more) as running:
            asyncio.run(live(running, found))
        # The platform has ended: what it still had to send has been sent.
        yield found, running, "citizen77"


async def live(running: Launcher, found: Collector) -> None:
    async with stage(running.variables()) as on:
        citizen = on.person("citizen77")
        paper = await citizen.upload("/rokhas/v1/files", f"{NAME}.pdf", pdf("plan"), "application/pdf")
        draft = await citizen.post(
            "/rokhas/v1/dossiers", {"procedure": "repair", "collectivity": "06.461.01.15"}
        )
        path = f"/rokhas/v1/dossiers/{draft['id']}"
        recueil = await on.anybody.get("/rokhas/v1/procedures/repair")
        for document in (d["code"] for d in recueil["documents"] if d["required"]):
            await citizen.post(f"{path}/documents", {"document": document, "file": paper["sha256"]})
        on.client.headers.update(
            {
                "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
                "X-Correlation-ID": CORRELATION,
            }
        )
        await citizen.post(f"{path}/submission")
        for name in ("traceparent", "X-Correlation-ID"):
            del on.client.headers[name]

        async def known() -> bool:
            return bool((await citizen.get(path))["clock_known"])

        await until("the date", known, expected=True)
        due = instant((await citizen.get(path))["clock"]["answer_by"])
        await on.advance(due + timedelta(seconds=2))

        async def state() -> str:
            return str((await citizen.get(path))["state"])

        await until("silence", state, "approved_by_silence")

        async def notified() -> bool:
            return any(sent.get("x-correlation-id") == CORRELATION for sent in found.requests)

        await until("a notice", notified, expected=True)


def shape(span: Span) -> tuple[str, str, object]:
    return span.kind, span.name, span.attributes.get("messaging.consumer.group.name")


def test_a_permits_story_is_linked_from_the_request_to_the_notice(
    told: tuple[Collector, Launcher, str],
) -> None:
    found, _, _ = told
    story = found.story(TRACE)
    shapes = {shape(span) for span in story}
    assert set(CHAIN) <= shapes, "\n".join(sorted(map(str, shapes)))
    request = next(span for span in story if span.trace == TRACE)
    assert request.parent == "b7ad6b7169203331", "the request continues its caller's trace"
    for span in story:
        assert span.trace == TRACE or span.links or span.parent, f"{span.name} hangs in the air"


def test_everything_in_it_carries_its_correlation(told: tuple[Collector, Launcher, str]) -> None:
    found, running, _ = told
    story = [span for span in found.story(TRACE) if "messaging.batch.message_count" not in span.attributes]
    assert {span.attributes.get("jamaa.correlation_id") for span in story} == {CORRELATION}
    lines = [json.loads(line) for line in (running.home / "log/services.log").read_text().splitlines()]
    logged = {line["trace_id"]: line["correlation_id"] for line in lines if "trace_id" in line}
    ours = {trace: correlation for trace, correlation in logged.items() if correlation == CORRELATION}
    assert TRACE in ours
    assert set(ours) <= {span.trace for span in story}


def test_the_gateway_can_follow_what_it_is_sent(told: tuple[Collector, Launcher, str]) -> None:
    found, _, _ = told
    sent = [r for r in found.requests if r.get("x-correlation-id") == CORRELATION]
    traces = {span.trace for span in found.story(TRACE) if shape(span) == ("CLIENT", "POST", None)}
    followed = {request["traceparent"].split("-")[1] for request in sent}
    assert followed
    assert followed <= traces, "one more may have been under way when the platform ended"


def test_nobody_is_in_a_span(told: tuple[Collector, Launcher, str]) -> None:
    found, _, subject = told
    assert found.spans
    for span in found.spans:
        unknown = [key for key in span.attributes if not REFERENCES.fullmatch(key)]
        assert not unknown, f"{span.name}: {unknown}"
        for value in (span.name, *map(str, span.attributes.values())):
            assert subject not in value
            assert NAME not in value


def test_probes_are_not_traced(told: tuple[Collector, Launcher, str]) -> None:
    found, _, _ = told
    assert not [span for span in found.spans if "readyz" in span.name]
