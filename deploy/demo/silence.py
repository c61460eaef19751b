"""Acts 7 to 9: silence approves, some invoke it, and anybody may ask why the date was what it was."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import partial
from typing import Final

from deploy.demo.cast import DELIVERED, ELIGIBLE, INVOKED, REGION, Fate
from deploy.demo.dates import Dates
from deploy.demo.ground import STATISTICS, File
from deploy.demo.show import TOTAL, both
from deploy.demo.stage import expect, instant, until
from shared.time import civil_day

FIGURES: Final = ("files", "decided", "overdue", "eligible", "invoked", "delivered", "attested")
FEAST: Final = timedelta(days=6)  # that an estimated feast may keep an expiry waiting


class Silence(Dates):
    async def let_silence_speak(self) -> None:
        self.show.act("السكوت بمثابة موافقة", "Le silence vaut accord", "Silence means approval")
        eligible = len(self.of(*ELIGIBLE))
        while (due := await self._next_date()) is not None:
            await self.stage.advance(due + timedelta(seconds=5))
            self.show.today(due)
            await until(f"files still open after {due}", partial(self._open_at, due), 0)
        expected = Counter(
            {
                "approved_by_silence": eligible,
                "silence_no_effect": len(self.of(Fate.SILENCE_WITHOUT_EFFECT)),
                "returned": len(self.of(Fate.NEVER_COMPLETED)),
                "granted": len(self.of(Fate.GRANTED, Fate.RESUMED_THEN_GRANTED)),
                "refused": len(self.of(Fate.REFUSED, Fate.REFUSED_ON_THE_LAST_EVENING)),
                "withdrawn": len(self.of(Fate.WITHDRAWN)),
            }
        )
        await until("files by state", self.states, expected)
        await until("eligible files", lambda: self.figures("eligible", "invoked"), [eligible, 0])
        self.show.done(f"{eligible} files passed their date unanswered and are approved as of that date")
        for state, files in sorted(expected.items()):
            self.show.note(f"{state.replace('_', ' ')}: {files}")

    async def _next_date(self) -> datetime | None:
        """When the next period of an open file passes. A feast that is only estimated keeps the expiry
        waiting until both readings have passed: such a file is looked at again some days later.
        """
        now = await self.stage.legal_now()
        lines = [line for line in (await self.book()).values() if line["state"] == "under_review"]
        dates = [instant(line["answer_by"]) + FEAST * line["provisional"] for line in lines]
        return min((date for date in dates if date > now), default=None)

    async def _open_at(self, now: datetime) -> int:
        lines = [line for line in (await self.book()).values() if line["state"] == "under_review"]
        return sum(instant(line["answer_by"]) + FEAST * line["provisional"] <= now for line in lines)

    async def invoke(self) -> None:
        self.show.act("التمسك بالسكوت", "Invoquer le silence", "31 applicants invoke silence")
        await self.go_to(await self.calendar.after(civil_day(await self.stage.legal_now())), time(10))
        eligible = self.of(*ELIGIBLE)
        chosen = eligible[:: len(eligible) // INVOKED][:INVOKED]
        await self.stage.all([self._invoke(file) for file in chosen])
        self.show.done(
            f"{INVOKED} applicants follow their notice and ask for the act;"
            f" {len(eligible) - INVOKED} never do"
        )
        heard, silent = chosen[:DELIVERED], chosen[DELIVERED:]
        due = await self._delivery_due(silent)
        await self.go_to(await self.calendar.after(civil_day(await self.stage.legal_now()), 2), time(10))
        await self.stage.all(
            [
                self.officer("president", file.part.commune.code).post(f"{file.path}/delivery")
                for file in heard
            ]
        )
        self.show.done(f"{len(heard)} presidents deliver within 7 days (55-19 art. 19)")
        early = await silent[0].citizen.refused(
            f"{silent[0].path}/attestation-request", None, 409, "too_early"
        )
        self.show.note(f"too early to ask the governor before {early['earliest']}")
        await self.go_to(civil_day(due), time(10))
        await self.stage.all([file.citizen.post(f"{file.path}/attestation-request") for file in silent])
        await self.go_to(await self.calendar.after(civil_day(due)), time(10))
        await self.stage.all([self.governor(file).post(f"{file.path}/attestation") for file in silent])
        self.show.done(f"{len(silent)} presidents stay silent: the governor attests it (55-19 art. 20)")
        figures = [len(eligible), INVOKED, len(heard), len(silent)]
        await until(
            "statistics (eligible, invoked, delivered, attested)",
            lambda: self.figures("eligible", "invoked", "delivered", "attested"),
            figures,
        )
        await self._show_figures()
        self.show.done("the statistics report {} eligible and {} invoked = {} + {}".format(*figures))

    async def _invoke(self, file: File) -> None:
        """By the one action that the notice of the silence offers."""
        notice = await self.notice(file.citizen, file, "approved_by_silence")
        answer = await file.citizen.post(notice["action"]["href"])
        expect(f"{file.path} after the invocation", answer["state"], "silence_invoked")

    async def _delivery_due(self, files: Sequence[File]) -> datetime:
        """When the presidents' 7 days are over for all of them."""

        async def due(file: File) -> str | None:
            shown = await file.citizen.get(file.path)
            rules = {clock["rule"]: clock["answer_by"] for clock in shown["clocks"]}
            answer: str | None = rules.get("invocation.delivery")
            return answer

        async def known() -> int:
            return sum(one is not None for one in await self.stage.all([due(file) for file in files]))

        await until("clocks of 7 days", known, len(files))
        dates = await self.stage.all([due(file) for file in files])
        return max(instant(one) for one in dates if one)

    async def _show_figures(self) -> None:
        for grouping, title in (
            ("province", "حسب العمالات والأقاليم · par province"),
            ("procedure", "حسب المساطر · par procédure"),
        ):
            answer = await self.stage.anybody.get(
                STATISTICS, province=REGION, since=self.first.isoformat(), by=grouping
            )
            period = answer["period"]
            columns = (*FIGURES, "median_days_to_decision")
            self.show.figures(title, [*period["groups"], period["total"] | {"group": TOTAL}], columns)

    async def explain_one(self) -> None:
        self.show.act("لماذا هذا التاريخ؟", "Pourquoi cette date ?", "Why this date?")
        file = self.of(Fate.RESUMED_THEN_SILENT)[0]
        answer = await file.citizen.get(f"{file.path}/explanation")
        clocks = [clock for clock in answer["clocks"] if clock["rule"] == file.part.procedure]
        expect("explanations of the date of the file", len(clocks), 1)
        articles = [step["article"] for step in clocks[0]["explanation"]]
        expect("an article behind the suspension", any("55-19" in article for article in articles), True)
        shown = await file.citizen.get(file.path)
        self.show.explanation(
            f"{shown['reference']} · {both(file.part.commune.name)}", clocks[0]["explanation"]
        )
        self.show.done(f"{len(articles)} steps from the start to the date, each with its article")
        timeline = await file.citizen.get(f"{file.path}/timeline")
        self.show.story("السجل · chronologie", timeline["items"])
