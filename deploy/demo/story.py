"""The story, act by act. Whatever does not hold raises StepFailed."""

from collections.abc import Sequence
from typing import Any

from deploy.auditor import workers
from deploy.demo import seasons
from deploy.demo.cast import REGION
from deploy.demo.ground import STATISTICS
from deploy.demo.reports import Reports
from deploy.demo.show import both
from deploy.demo.stage import Person, StepFailed, expect, until
from deploy.operator import status
from shared.territory import territory


class Story(Reports):
    """`play` it once."""

    async def play(self) -> None:
        await self.choose_the_first_day()
        await self.file()
        await self.complete_suspend_withdraw()
        await self.decide_in_time()
        await self.announce_a_holiday()
        await self.decide_on_the_last_evening()
        await self.refuse_too_late()
        await self.let_silence_speak()
        await self.invoke()
        await self.explain_one()
        await self.bring_along_two_seasons()
        await self.digitise_a_page()
        await self.issue_at_night()
        await self.report_a_hole()
        await self.be_at_rest()

    async def bring_along_two_seasons(self) -> None:
        self.show.act(
            "شتنبر–نونبر 2022 و2023", "Deux saisons reprises", "Two seasons of fictitious files are imported"
        )
        commune = territory().get(await self._untouched())
        agent = self.officer("agent", commune.code)
        president = self.officer("president", commune.code)
        now = await self.stage.legal_now()
        content = [row for season in seasons.SEASONS for row in seasons.rows(season, commune)]
        slips = seasons.slips(commune, now)
        tried = await self._import(agent, [*content, *slips], dry_run=True)
        wrong = [one["line"] for one in tried["refused"]]
        expect(
            "lines refused by the dry run",
            wrong,
            list(range(len(content) + 2, len(content) + len(slips) + 2)),
        )
        self.show.done(f"dry run: {len(slips)} bad lines, each reported, nothing imported")
        for one in tried["refused"]:
            self.show.note(f"line {one['line']}: {one['code']}")
        tried = await self._import(agent, content, dry_run=True)
        expect("lines refused once corrected", tried["refused"], [])
        imported = await self._import(president, content, dry_run=False)
        expect("imported lines", imported["imported"], len(content))
        before, after = seasons.SEASONS
        query = {
            "commune": commune.code,
            "since": after.since.isoformat(),
            "until": after.until.isoformat(),
            "compare_since": before.since.isoformat(),
            "compare_until": before.until.isoformat(),
        }

        async def counted() -> list[int]:
            answer = await self.stage.anybody.get(STATISTICS, **query)
            totals = (answer["compared"]["total"], answer["period"]["total"])
            return [total[name] for total in totals for name in ("files", "overdue")]

        await until(
            "files and overdue files of both seasons",
            counted,
            [before.files, before.overdue, after.files, after.overdue],
        )
        answer = await self.stage.anybody.get(STATISTICS, **query)
        change = answer["overdue_change_percent"]
        if change > seasons.FALL:
            raise StepFailed("change of overdue files", f"{seasons.FALL} % or less", f"{change} %")
        lines = [
            answer["compared"]["total"] | {"group": f"{before.since} – {before.until}"},
            answer["period"]["total"] | {"group": f"{after.since} – {after.until}"},
        ]
        self.show.figures(
            both(commune.name), lines, ("files", "decided", "overdue", "median_days_to_decision")
        )
        self.show.done(f"{imported['imported']} files imported; overdue files: {change} %")

    async def _untouched(self) -> str:
        """A commune of the region without files in those seasons: earlier runs brought theirs elsewhere."""
        answer = await self.stage.anybody.get(
            STATISTICS,
            province=REGION,
            by="commune",
            since=seasons.SEASONS[0].since.isoformat(),
            until=seasons.SEASONS[-1].until.isoformat(),
        )
        taken = {group["group"] for group in answer["period"]["groups"]}
        communes = sorted(
            code for code in territory().within(REGION) if territory().get(code).kind == "commune"
        )
        for code in communes:
            if code not in taken:
                return code
        raise StepFailed("choosing a commune to import for", "one without files", "none")

    async def _import(self, officer: Person, content: Sequence[seasons.Row], *, dry_run: bool) -> Any:
        return await officer.upload(
            "/rokhas/v1/imports",
            "files.csv",
            seasons.table(content),
            "text/csv",
            dry_run=str(dry_run).lower(),
        )

    async def be_at_rest(self) -> None:
        self.show.act("لا شيء معلق", "Rien en attente", "Nothing waits, nothing is stuck")
        variables = self.stage.variables
        async with workers(variables) as databases:

            async def waiting() -> int:
                services = (await status.look(databases)).services.values()
                readings = [reading for service in services for reading in service.consumers.values()]
                parked = sum(reading.parked + reading.lag for reading in readings)
                return parked + sum(service.pending for service in services)

            await until("events on their way", waiting, 0)
        expect("the exit status of jamaa status", await status.show(variables, as_json=False), 0)
        self.show.done("jamaa status: zero lag, zero blocked, no dead letter, all heads equal")
