"""Acts 4 to 6: a date moves, a decision in time wins over it, one after it has no effect."""

from datetime import date, time, timedelta
from typing import Final

from deploy.demo.cast import SMALL, Fate
from deploy.demo.filing import ARTICLE, Filing
from deploy.demo.ground import File
from deploy.demo.stage import expect, instant, until

CLOSURE: Final = {
    "ar": "عطلة استثنائية بالإدارات العمومية",
    "fr": "Congé exceptionnel dans les administrations",
    "en": "Exceptional day off in public offices",
}


class Dates(Filing):
    async def announce_a_holiday(self) -> None:
        """Two days before the last day of the small projects, that day becomes a day off."""
        self.show.act("عطلة معلنة متأخرة", "Congé annoncé tardivement", "A holiday announced late")
        small = next(iter(self.of(Fate.SILENT)))
        before = await self.book()
        day = date.fromisoformat(before[small.id]["last_day"])
        now = await self.go_to(day - timedelta(days=2), time(16))
        concerned = {
            identifier
            for identifier, line in before.items()
            if line["last_day"] == day.isoformat() and line["state"] == "under_review"
        }
        first, second = self.stage.person("operator"), self.stage.person("operator2")
        proposed = await first.post(
            "/deadlines/v1/calendar/days",
            {
                "date": day.isoformat(),
                "kind": "closure",
                "status": "confirmed",
                "name": CLOSURE,
                "source": "Demonstration: a fictitious announcement",
                "announced_at": (now - timedelta(hours=1)).isoformat(),
            },
        )
        confirmation = f"/deadlines/v1/calendar/days/{proposed['id']}/confirmation"
        alone = await first.attempt(confirmation)
        expect("one operator alone confirming", alone.status in {403, 409}, True)
        await second.post(confirmation)
        self.show.done(f"{day:%A %d %B} becomes a day off: one operator proposed it, another confirmed it")
        moved = (day + timedelta(days=1)).isoformat()

        async def moved_files() -> set[str]:
            lines = await self.book()
            return {identifier for identifier in concerned if lines[identifier]["last_day"] == moved}

        await until(f"files moved from {day} to {moved}", moved_files, concerned)
        self.show.done(f"{len(concerned)} open files moved by a day, from {day} to {moved}")
        await self._told(small, moved)

    async def _told(self, file: File, moved: str) -> None:
        """The clock, the file and the applicant's notices say the new date, and why."""
        clocks = self.officer("instructor", file.part.commune.code).every(
            "/deadlines/v1/clocks", aggregate_id=file.id, rule=SMALL
        )
        expect("the clock's last day", [clock["last_day"] async for clock in clocks], [moved])
        shown = await file.citizen.get(file.path)
        expect("the file's last day", shown["clock"]["last_day"], moved)

        said = await self.notice(file.citizen, file, "deadline_moved")
        expect("the reason in the notice", CLOSURE["fr"] in said["text"]["fr"], expected=True)
        self.show.done("the clock, the file and the applicant's notices say it, with the reason:")
        self.show.note(said["text"]["ar"])
        self.show.note(said["text"]["fr"])

    async def decide_on_the_last_evening(self) -> None:
        self.show.act(
            "القرار داخل الأجل يسبق السكوت", "Décision de dernière heure", "A decision in time wins"
        )
        file = self.of(Fate.REFUSED_ON_THE_LAST_EVENING)[0]
        line = (await self.book())[file.id]
        last = date.fromisoformat(line["last_day"])
        await self.go_to(last, time(23, 30))
        await self.decide(file, "refused")
        await self.stage.advance(instant(line["answer_by"]) + timedelta(seconds=5))
        small = {one.id for one in self.of(Fate.SILENT) if one.part.procedure == SMALL}

        async def approved() -> int:
            lines = await self.book()
            return sum(lines[identifier]["state"] == "approved_by_silence" for identifier in small)

        await until("small projects approved by the silence of that midnight", approved, len(small))
        shown = await file.citizen.get(file.path)
        expect("the file refused half an hour before midnight", shown["state"], "refused")
        self.show.done("refused at 23:30 on the last day: it stays refused")
        self.show.done(f"at midnight, {len(small)} unanswered files of that date are approved by silence")

    async def refuse_too_late(self) -> None:
        self.show.act("رفض بعد فوات الأجل", "Refus hors délai", "A refusal after the date")
        file = self.of(Fate.SILENT)[1]
        president = self.officer("president", file.part.commune.code)
        body = {"outcome": "refused", "reasons": [{"article": ARTICLE, "text": "Recul insuffisant."}]}
        problem = await president.refused(f"{file.path}/decision", body, 409, "late_refusal")
        shown = await file.citizen.get(file.path)
        expect("the state of the file", shown["state"], "approved_by_silence")
        expect("attempts recorded on the file", shown["late_attempts"], 1)
        timeline = await file.citizen.get(f"{file.path}/timeline")
        recorded = [item for item in timeline["items"] if "attempted_late" in item["type"]]
        expect("the attempt in the timeline", len(recorded), 1)
        province = file.part.province
        told = await self.notice(self.governor(file), file, "decision_attempted_late", office=province)
        self.show.done("409 late_refusal: no effect, recorded, and the governor is told:")
        self.show.note(f"{told['text']['ar']}")
        self.show.note(problem["detail"])
