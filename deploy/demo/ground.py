"""What every act of the story stands on: people, legal time, the files and what the platform says of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from deploy.demo.cast import REGION, Fate, Part, cast
from deploy.demo.show import Show
from deploy.demo.stage import Person, Stage, instant, until
from shared.time import casablanca, midnight

DOSSIERS: Final = "/rokhas/v1/dossiers"
STATISTICS: Final = "/deadlines/v1/statistics"


@dataclass(slots=True)
class Calendar:
    """The days on which offices are open, as the platform says."""

    stage: Stage
    years: dict[int, frozenset[date]] = field(default_factory=dict)

    async def works(self, day: date) -> bool:
        if day.year not in self.years:
            answer = await self.stage.anybody.get("/deadlines/v1/calendar", year=day.year)
            self.years[day.year] = frozenset(date.fromisoformat(off["date"]) for off in answer["days"])
        return day.weekday() < 5 and day not in self.years[day.year]

    async def after(self, day: date, days: int = 1) -> date:
        """The working day `days` working days later."""
        while days:
            day += timedelta(days=1)
            days -= await self.works(day)
        return day


@dataclass(slots=True)
class File:
    """One part of the cast and what became of it."""

    part: Part
    citizen: Person
    documents: Sequence[str]
    digest: str = ""
    id: str = ""

    @property
    def path(self) -> str:
        return f"{DOSSIERS}/{self.id}"


@dataclass(slots=True)
class Ground:
    """Legal time only ever goes forward: each run has days of its own, from `first` on."""

    stage: Stage
    show: Show
    calendar: Calendar = field(init=False)
    files: list[File] = field(init=False, default_factory=list)
    first: date = field(init=False, default=date.min)
    people: dict[tuple[str, str], Person] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.calendar = Calendar(self.stage)

    def officer(self, persona: str, commune: str) -> Person:
        if (persona, commune) not in self.people:
            self.people[persona, commune] = self.stage.person(persona, commune)
        return self.people[persona, commune]

    def governor(self, file: File) -> Person:
        """Of the prefecture or province that the commune lies in: one person for all its communes."""
        province = file.part.province
        seat = min(part.commune.code for part in cast() if part.province == province)
        return self.officer("governor", seat)

    async def go_to(self, day: date, at: time = time(9)) -> datetime:
        """Legal time in Casablanca. Nothing when it is later already."""
        wanted = datetime.combine(day, at, casablanca())
        now = await self.stage.legal_now()
        if wanted > now:
            now = await self.stage.advance(wanted)
        self.show.today(now)
        return now

    def of(self, *fates: Fate) -> list[File]:
        return [file for file in self.files if file.part.fate in fates]

    async def book(self) -> dict[str, dict[str, Any]]:
        """The story's files as the governors' lists show them, by identifier."""
        mine = {file.id for file in self.files}
        governors = {file.part.province: self.governor(file) for file in self.files}
        lists = await self.stage.all(
            [self._newest(governor, province) for province, governor in governors.items()]
        )
        return {line["id"]: line for lines in lists for line in lines if line["id"] in mine}

    async def _newest(self, governor: Person, province: str) -> list[dict[str, Any]]:
        """Files drafted since the story began; the lists show the newest first."""
        lines = []
        async for line in governor.every(DOSSIERS, collectivity=province):
            if instant(line["drafted_at"]) < midnight(self.first):
                break
            lines.append(line)
        return lines

    async def states(self) -> Counter[str]:
        return Counter(line["state"] for line in (await self.book()).values())

    async def figures(self, *names: str) -> list[int]:
        answer = await self.stage.anybody.get(STATISTICS, province=REGION, since=self.first.isoformat())
        return [answer["period"]["total"][name] for name in names]

    async def clocks_known(self, files: int) -> None:
        async def known() -> int:
            return sum(line["answer_by"] is not None for line in (await self.book()).values())

        await until("files that know their date", known, files)

    async def notice(self, reader: Person, file: File, kind: str, **query: str) -> dict[str, Any]:
        """The newest notice of that kind about that file in the reader's space, once it is there."""

        async def found() -> list[dict[str, Any]]:
            every = reader.every("/rokhas/v1/notices", **query)
            return [one async for one in every if (one["about"], one["kind"]) == (file.id, kind)][:1]

        async def there() -> int:
            return len(await found())

        await until(f"a notice {kind} to {reader.name}", there, 1)
        return (await found())[0]
