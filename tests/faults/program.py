"""A service in a process of its own, as `jamaa serve` starts it, with places where it can be made to fail.

`python -m tests.faults.program serve NAME --port N`, or `auditor`. Four variables change it:

- `FAULTS_POINTS`: a directory. A file in it named `<service>.<point>` arms that point: the process removes
  the file and kills itself there, with -9, as often as the file is put back; if the file says `stop`, it
  stands still instead.
- `FAULTS_SCALE`: the waits of a minute and more (gaps, retries, audits) are multiplied by it.
- `FAULTS_NEWER`: a release to come: its events have a field that nobody here knows.
- `FAULTS_BREAK`: a broken variant of `tests.faults.broken`, to show that the checker catches it.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final

import uvloop

from deploy.auditor import workers
from deploy.registry import SERVICES
from deploy.serve import serve
from shared import log, runtime
from shared.auditor import EVERY, Auditor, watches
from shared.auditor import PATIENCE as AUDITOR_PATIENCE
from shared.bus import Subscription
from shared.events import Event
from shared.inbox import Inbox
from shared.inbox.reader import GAP_AGE, LATER
from shared.outbox import Relay
from shared.service import Service
from tests.faults import witness

POINTS: Final = {
    "relay.sent": "acknowledged by the broker, not yet deleted",
    "relay.forgotten": "deleted, nothing else done",
    "inbox.handled": "applied, the head not yet moved",
    "inbox.applied": "applied and the head moved, not yet committed in the database",
    "inbox.committed": "committed in the database, the offset not yet",
}
"""Where a process can be made to die."""

LISTED: Final = {service.name: service for service in (*SERVICES, witness.SERVICE)}


def _fail_here(service: str, point: str) -> None:
    armed = Path(os.environ["FAULTS_POINTS"]) / f"{service}.{point}"
    try:
        told = armed.read_text()
        armed.unlink()
    except FileNotFoundError:  # not armed, or another process of this service was first
        return
    os.kill(os.getpid(), signal.SIGSTOP if told == "stop" else signal.SIGKILL)


def _around(
    work: Callable[..., Awaitable[Any]], service: str, *, before: str | None = None, after: str | None = None
) -> Callable[..., Awaitable[Any]]:
    @wraps(work)
    async def run(*arguments: Any, **more: Any) -> Any:
        if before:
            _fail_here(service, before)
        result = await work(*arguments, **more)
        if after:
            _fail_here(service, after)
        return result

    return run


def points(service: str) -> None:
    """Wraps the four places of the kernel at which it hurts most to die."""
    patched: Sequence[tuple[Any, str, dict[str, str]]] = (
        (Relay, "_forget", {"before": "relay.sent", "after": "relay.forgotten"}),
        (Inbox, "_advance", {"before": "inbox.handled", "after": "inbox.applied"}),
        (Subscription, "commit", {"before": "inbox.committed"}),
    )
    for kind, name, where in patched:
        setattr(kind, name, _around(getattr(kind, name), service, **where))


def scaled(scale: float) -> None:
    """A minute's patience in a minute's run would show nothing: quick tries shorten it."""
    later = tuple(delay * scale for delay in LATER)
    patient = partial(runtime.__dict__["Inbox"], gap_age=GAP_AGE * scale, later=later)
    vars(runtime)["Inbox"] = patient  # the name by which the runtime makes its readers


def newer() -> None:
    payload = Event.payload

    def with_more(event: Event) -> bytes:
        return payload(event)[:-1] + b',"faults_newer":{"since":2}}'

    setattr(Event, "payload", with_more)  # noqa: B010  # what a next release would have in its class


async def _serve(service: Service, port: int) -> None:
    async with serve([service], os.environ, port=port):
        await _told_to_stop()


async def _audit(scale: float) -> None:
    async with workers(os.environ, tuple(LISTED.values()), purpose="auditor") as databases:
        watched = watches(tuple(LISTED.values()), databases)
        watch = Auditor(watched, every=EVERY * scale, patience=AUDITOR_PATIENCE * scale)
        looking = asyncio.create_task(watch.run())
        await _told_to_stop()
        looking.cancel()


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["serve", "auditor"])
    parser.add_argument("service", nargs="?", default="auditor")
    parser.add_argument("--port", type=int, default=0)
    told = parser.parse_args()
    log.configure(level="INFO")
    scale = float(os.environ.get("FAULTS_SCALE", "1"))
    points(told.service)
    scaled(scale)
    if os.environ.get("FAULTS_NEWER"):
        newer()
    if name := os.environ.get("FAULTS_BREAK"):
        from tests.faults.broken import BROKEN  # a third of a second at every other start

        BROKEN[name].apply()
    work = _audit(scale) if told.what == "auditor" else _serve(LISTED[told.service], told.port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


if __name__ == "__main__":
    main()
