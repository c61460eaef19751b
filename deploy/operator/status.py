"""How every service stands, and whether each consumer has what each producer announced."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.auditor import workers
from deploy.operator import operate
from deploy.registry import SERVICES
from shared.auditor import Mismatch, mismatches, watches
from shared.db import Database
from shared.time import format_instant

LATE: Final = timedelta(seconds=30)  # an event that waited longer for the relay is worth a warning
SAME_TIME: Final = 1.0  # second between the legal times of two databases that were set one after the other
ON_ITS_WAY: Final = 1.5  # seconds that an event may take before its absence counts as a mismatch


@dataclass(slots=True, kw_only=True)
class Reading:
    """One consumer. `lag` counts events announced and not yet applied, `unequal` the aggregates whose heads
    stay apart although nothing is on its way.
    """

    lag: int = 0
    unequal: int = 0
    heads: int = 0
    blocked: int = 0
    dead: int = 0
    parked: int = 0
    dead_letters: int = 0

    @property
    def wrong(self) -> bool:
        return bool(self.unequal or self.blocked or self.dead or self.dead_letters)


@dataclass(slots=True, kw_only=True)
class Standing:
    """One service."""

    pending: int
    oldest_pending_seconds: float
    relay_leads: bool
    relay_epoch: int | None
    profile: str
    clock_shift_seconds: float
    consumers: dict[str, Reading] = field(default_factory=dict)

    @property
    def late(self) -> bool:
        return self.oldest_pending_seconds > LATE.total_seconds()


@dataclass(slots=True, kw_only=True)
class Report:
    """`legal_now` is the instant by which the law's clocks run here."""

    checked_at: datetime
    legal_now: datetime
    services: dict[str, Standing]

    def wrong(self) -> list[str]:
        """What somebody should look at, one line each; empty when all is well."""
        found = []
        for name, service in self.services.items():
            if not service.relay_leads:
                found.append(f"{name}: no relay sends its events")
            if service.late:
                found.append(f"{name}: an event has waited {service.oldest_pending_seconds:.0f} s to be sent")
            for consumer, reading in service.consumers.items():
                held = {
                    "aggregates blocked (jamaa stuck)": reading.blocked,
                    "aggregates given up (jamaa stuck)": reading.dead,
                    "dead letters (jamaa dead-letters)": reading.dead_letters,
                    "aggregates behind or ahead of their producer": reading.unequal,
                }
                found += [f"{consumer}: {count} {what}" for what, count in held.items() if count]
        shifts = [service.clock_shift_seconds for service in self.services.values()]
        if max(shifts) - min(shifts) > SAME_TIME:
            found.append(
                "the databases live at different legal times: 'jamaa clock set' or 'jamaa clock reset'"
            )
        return found

    def document(self) -> dict[str, Any]:
        return {
            "checked_at": format_instant(self.checked_at),
            "legal_now": format_instant(self.legal_now),
            "well": not self.wrong(),
            "wrong": self.wrong(),
            "services": {name: asdict(service) for name, service in self.services.items()},
        }


async def look(databases: Mapping[str, Database]) -> Report:
    """Everything twice when heads differ: what arrives within a moment was only on its way."""
    report = await _services(databases)
    watched = watches(SERVICES, databases)
    first = [await mismatches(watch) for watch in watched]
    if any(first):
        await asyncio.sleep(ON_ITS_WAY)
        report = await _services(databases)
    for watch, before in zip(watched, first, strict=True):
        now = await mismatches(watch, [m.key[1:] for m in before]) if before else []
        reading = report.services[watch.service].consumers[watch.consumer]
        reading.lag += sum(max(0, m.produced - m.applied) for m in now)
        reading.unequal += len(_stayed(before, now))
    return report


def _stayed(before: Sequence[Mismatch], now: Sequence[Mismatch]) -> list[Mismatch]:
    """Those that made no step meanwhile; a blocked or dead one has a column of its own."""
    earlier = {m.key: m.applied for m in before}
    return [m for m in now if earlier.get(m.key) == m.applied and m.state == "open"]


async def _services(databases: Mapping[str, Database]) -> Report:
    services = {}
    legal_now = datetime.now(UTC)
    for service in SERVICES:
        found = await operate.status(databases[service.name])
        legal_now = datetime.now(UTC) + found.clock_shift
        consumers = {consumer.name: Reading() for consumer in service.consumers}
        for known in found.consumers:
            consumers[known.name] = Reading(
                heads=known.heads,
                blocked=known.blocked,
                dead=known.dead,
                parked=known.parked,
                dead_letters=known.dead_letters,
            )
        services[service.name] = Standing(
            pending=found.pending,
            oldest_pending_seconds=found.oldest_pending.total_seconds(),
            relay_leads=found.relay_leads,
            relay_epoch=found.relay_epoch,
            profile=found.profile,
            clock_shift_seconds=found.clock_shift.total_seconds(),
            consumers=consumers,
        )
    return Report(checked_at=datetime.now(UTC), legal_now=legal_now, services=services)


async def show(variables: Mapping[str, str], *, as_json: bool) -> int:
    """The exit status: 1 when something is wrong."""
    async with workers(variables) as databases:
        report = await look(databases)
    if as_json:
        print(json.dumps(report.document(), indent=2))
    else:
        _print(report)
    return 1 if report.wrong() else 0


def _print(report: Report) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 110
    producing = Table("service", "relay", title="Announced", title_justify="left")
    for heading in ("pending", "oldest waits"):
        producing.add_column(heading, justify="right")
    producing.add_column("profile")
    for name, service in report.services.items():
        producing.add_row(
            name,
            f"leads (epoch {service.relay_epoch})" if service.relay_leads else Text("none", style="bold red"),
            str(service.pending),
            Text(f"{service.oldest_pending_seconds:.1f} s", style="bold red" if service.late else ""),
            service.profile,
        )
    consuming = Table("consumer", title="Applied", title_justify="left")
    for heading in ("aggregates", "lag", "heads unequal", "blocked", "dead", "parked", "dead letters"):
        consuming.add_column(heading, justify="right")
    for service in report.services.values():
        for name, reading in service.consumers.items():
            consuming.add_row(
                name,
                str(reading.heads),
                str(reading.lag),
                *(
                    Text(str(count), style="bold red" if count else "")
                    for count in (reading.unequal, reading.blocked, reading.dead)
                ),
                str(reading.parked),
                Text(str(reading.dead_letters), style="bold red" if reading.dead_letters else ""),
            )
    console.print(producing)
    console.print(consuming)
    shift = timedelta(seconds=max(s.clock_shift_seconds for s in report.services.values()))
    ahead = f" (moved by {shift})" if shift else ""
    console.print(f"Legal time {format_instant(report.legal_now.replace(microsecond=0))}{ahead}")
    readings = [reading for service in report.services.values() for reading in service.consumers.values()]
    totals = {
        "pending": sum(service.pending for service in report.services.values()),
        "lag": sum(reading.lag for reading in readings),
        "blocked": sum(reading.blocked + reading.dead for reading in readings),
        "dead letters": sum(reading.dead_letters for reading in readings),
    }
    equal = "heads unequal" if any(reading.unequal or reading.lag for reading in readings) else "heads equal"
    console.print(", ".join(f"{what} {count}" for what, count in totals.items()) + f", {equal}")
    for line in report.wrong():
        console.print(Text(f"! {line}", style="bold red"))
