"""The story, act by act. Whatever does not hold raises StepFailed."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from deploy.demo import seasons
from deploy.demo.cast import (
    DELIVERED,
    ELIGIBLE,
    INCOMPLETE,
    INVOKED,
    REGION,
    SMALL,
    SUSPENDED,
    Fate,
    Part,
    cast,
)
from deploy.demo.health import Health, health
from deploy.demo.show import TOTAL, Show, both
from deploy.demo.stage import Person, Stage, StepFailed, expect, instant, pdf, until
from shared.territory import territory
from shared.time import casablanca, civil_day, midnight

FILES: Final = "/rokhas/v1/files"
DOSSIERS: Final = "/rokhas/v1/dossiers"
STATISTICS: Final = "/deadlines/v1/statistics"
FIGURES: Final = ("files", "decided", "overdue", "eligible", "invoked", "delivered", "attested")
OPEN: Final = frozenset({"under_review", "suspended", "incomplete"})
LOOK_AHEAD: Final = 60  # days among which the first day of the story is chosen
WAIT_FOR_MOON: Final = 6  # days that an estimated feast may keep an expiry waiting

CLOSURE: Final = {
    "ar": "عطلة استثنائية بالإدارات العمومية",
    "fr": "Congé exceptionnel dans les administrations",
    "en": "Exceptional day off in public offices",
}
ARTICLE: Final = "loi 12-90, art. 43"


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
class Story:
    """`play` it once. Legal time only ever goes forward: each run has days of its own."""

    stage: Stage
    show: Show
    calendar: Calendar = field(init=False)
    files: list[File] = field(init=False, default_factory=list)
    first: date = field(init=False, default=date.min)
    people: dict[tuple[str, str], Person] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.calendar = Calendar(self.stage)

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
        await self.be_at_rest()

    # -- people and time ---------------------------------------------------------------------------

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

    # -- what the platform shows -------------------------------------------------------------------

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

    # -- acts --------------------------------------------------------------------------------------

    async def choose_the_first_day(self) -> None:
        """A later day than any file's so far, on which the story's small projects end on a day that an
        exceptional closure moves by exactly one.
        """
        today = civil_day(await self.stage.legal_now())
        for ahead in range(1, LOOK_AHEAD):
            first = today + timedelta(days=ahead)
            answer = await self.stage.anybody.post(
                "/deadlines/v1/estimates",
                {
                    "procedure": SMALL,
                    "commune": cast()[0].commune.code,
                    "starts_at": datetime.combine(first, time(9), casablanca()).isoformat(),
                },
            )
            last = date.fromisoformat(answer["last_day"])
            following = last + timedelta(days=1)
            settled = not answer["provisional"] and await self.calendar.works(following)
            if settled and await self.calendar.works(first) and first.weekday() < 3:
                self.first = first
                return
        raise StepFailed("choosing a day to begin", f"one within {LOOK_AHEAD} days", "none")

    async def file(self) -> None:
        parts = cast()
        self.show.act("إيداع الملفات", "Dépôt des dossiers", "200 files are submitted")
        await self.go_to(self.first)
        recueil = await self._recueil({part.procedure for part in parts})
        self.files = [
            File(part, self.stage.person(part.applicant), recueil[part.procedure]) for part in parts
        ]
        with self.show.progress("drafting, attaching, submitting", len(parts)) as step:
            receipts = await self.stage.all([self._file(file) for file in self.files], step)
        complete = Counter(receipt["status"] for receipt in receipts)
        late = len(self.of(*INCOMPLETE))
        expect("receipts by status", dict(complete), {"complete": len(parts) - late, "incomplete": late})
        expect("numbers of receipts", len({receipt["reference"] for receipt in receipts}), len(parts))
        self.show.done(
            f"{len(parts)} receipts at once: {complete['complete']} «ملف مودع»,"
            f" {complete['incomplete']} «ملف في طور الإيداع» with the list of what is missing"
        )
        communes = {part.commune.code for part in parts}
        provinces = {part.province for part in parts}
        self.show.note(
            f"in {len(communes)} communes and arrondissements of {len(provinces)} provinces of"
            f" {both(territory().get(REGION).name)}, {len(recueil)} procedures"
        )
        await self._clocks_known(len(parts) - late)
        self.show.done(f"{len(parts) - late} clocks started, each date known to the file and its applicant")

    async def _recueil(self, procedures: Iterable[str]) -> dict[str, list[str]]:
        """What each procedure may ask for, and nothing else (55-19 art. 3)."""
        answers = await self.stage.all(
            [self.stage.anybody.get(f"/rokhas/v1/procedures/{code}") for code in sorted(procedures)]
        )
        return {
            answer["code"]: [document["code"] for document in answer["documents"] if document["required"]]
            for answer in answers
        }

    async def _file(self, file: File) -> Any:
        part, citizen = file.part, file.citizen
        stored = await citizen.upload(
            FILES, "document.pdf", pdf(f"Fictitious document of {part.applicant}"), "application/pdf"
        )
        file.digest = stored["sha256"]
        draft = await citizen.post(
            DOSSIERS,
            {"procedure": part.procedure, "collectivity": part.commune.code, "site": f"Lot {part.number}"},
        )
        file.id = draft["id"]
        supplied = file.documents[:-1] if part.fate in INCOMPLETE else file.documents
        for document in supplied:
            await citizen.post(f"{file.path}/documents", {"document": document, "file": file.digest})
        return await citizen.post(f"{file.path}/submission")

    async def _clocks_known(self, files: int) -> None:
        async def known() -> int:
            return sum(line["answer_by"] is not None for line in (await self.book()).values())

        await until("files that know their date", known, files)

    async def complete_suspend_withdraw(self) -> None:
        self.show.act(
            "استكمال وتوقيف وسحب",
            "Compléments, suspensions, retraits",
            "Completed, suspended, resumed, withdrawn",
        )
        await self.go_to(await self.calendar.after(self.first), time(10))
        completed = self.of(Fate.COMPLETED_THEN_SILENT)
        await self.stage.all(
            [
                file.citizen.post(
                    f"{file.path}/documents", {"document": file.documents[-1], "file": file.digest}
                )
                for file in completed
            ]
        )
        await self._clocks_known(len(self.files) - len(self.of(Fate.NEVER_COMPLETED)))
        self.show.done(f"{len(completed)} files completed: their clock starts with the last document")
        await self.go_to(await self.calendar.after(self.first, 2), time(11))
        suspended = self.of(*SUSPENDED)
        asked = await self.stage.all([self._request(file) for file in suspended])
        await until("suspended files without a date", self._undated, len(suspended))
        self.show.done(f"{len(suspended)} requests in the first half: their clocks are suspended")
        await self.go_to(await self.calendar.after(self.first, 4), time(15))
        await self.stage.all(
            [self._answer(file, request) for file, request in zip(suspended, asked, strict=True)]
        )
        withdrawn = self.of(Fate.WITHDRAWN)
        await self.stage.all([file.citizen.post(f"{file.path}/withdrawal") for file in withdrawn])
        await until("suspended files without a date", self._undated, 0)
        self.show.done(f"{len(suspended)} answered: the clocks go on with the days that remained")
        self.show.done(f"{len(withdrawn)} applicants withdrew")

    async def _request(self, file: File) -> str:
        """One request of a document's replacement, or for information; its identifier."""
        instructor = self.officer("instructor", file.part.commune.code)
        if file.part.number % 2:
            sent: dict[str, Any] = {"document": file.documents[0], "reasons": "La copie est illisible."}
            answer = await instructor.post(f"{file.path}/replacement-requests", sent)
        else:
            sent = {"reasons": "Préciser la hauteur projetée.", "documents": []}
            answer = await instructor.post(f"{file.path}/information-requests", sent)
        expect(f"{file.path} after the request", answer["state"], "suspended")
        request: str = answer["requests"][-1]["id"]
        return request

    async def _answer(self, file: File, request: str) -> None:
        documents = {file.documents[0]: file.digest} if file.part.number % 2 else {}
        answer = await file.citizen.post(
            f"{file.path}/requests/{request}/answer", {"text": "Voici.", "documents": documents}
        )
        expect(f"{file.path} after the answer", answer["state"], "under_review")

    async def _undated(self) -> int:
        fates = {file.id for file in self.of(*SUSPENDED)}
        lines = await self.book()
        return sum(line["answer_by"] is None for identifier, line in lines.items() if identifier in fates)

    async def decide_in_time(self) -> None:
        self.show.act("قرارات داخل الأجل", "Décisions dans le délai", "Decided in time")
        await self.go_to(await self.calendar.after(self.first, 6), time(11))
        granted, refused = self.of(Fate.GRANTED, Fate.RESUMED_THEN_GRANTED), self.of(Fate.REFUSED)
        with self.show.progress("deciding", len(granted) + len(refused)) as step:
            await self.stage.all(
                [self._decide(file, "granted") for file in granted]
                + [self._decide(file, "refused") for file in refused],
                step,
            )
        self.show.done(
            f"{len(granted)} granted, {len(refused)} refused with reasons: presidents decide in time"
        )

    async def _decide(self, file: File, outcome: str) -> None:
        body: dict[str, Any] = {"outcome": outcome}
        if outcome == "refused":
            body["reasons"] = [{"article": ARTICLE, "text": "Le projet ne respecte pas le recul imposé."}]
        answer = await self.officer("president", file.part.commune.code).post(f"{file.path}/decision", body)
        expect(f"{file.path} after the decision", answer["state"], outcome)

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

        async def reason() -> bool:
            return any([CLOSURE["fr"] in str(notice) async for notice in self._notices(file)])

        await until("a notice of the moved date with its reason", reason, expected=True)
        said = [notice async for notice in self._notices(file) if CLOSURE["fr"] in str(notice)].pop()
        self.show.done("the clock, the file and the applicant's notices say it, with the reason:")
        self.show.note(str(said["text"]["ar"]))
        self.show.note(str(said["text"]["fr"]))

    async def _notices(self, file: File) -> AsyncIterator[dict[str, Any]]:
        async for notice in file.citizen.every("/rokhas/v1/notices"):
            if notice["dossier"] == file.id:
                yield notice

    async def decide_on_the_last_evening(self) -> None:
        self.show.act(
            "القرار داخل الأجل يسبق السكوت", "Décision de dernière heure", "A decision in time wins"
        )
        file = self.of(Fate.REFUSED_ON_THE_LAST_EVENING)[0]
        line = (await self.book())[file.id]
        last = date.fromisoformat(line["last_day"])
        await self.go_to(last, time(23, 30))
        await self._decide(file, "refused")
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
        self.show.done("409 late_refusal: no effect, recorded, told to the governor and to audit")
        self.show.note(str(problem["title"]))

    async def let_silence_speak(self) -> None:
        self.show.act("السكوت بمثابة موافقة", "Le silence vaut accord", "Silence means approval")
        eligible = len(self.of(*ELIGIBLE))
        dates = [line["answer_by"] for line in (await self.book()).values() if line["state"] in OPEN]
        await self.go_to(civil_day(max(instant(due) for due in dates if due)), time(9))
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
        await self._await_states(expected)
        await until("eligible files", lambda: self.figures("eligible", "invoked"), [eligible, 0])
        self.show.done(f"{eligible} files passed their date unanswered and are approved as of that date")
        for state, files in sorted(expected.items()):
            self.show.note(f"{state.replace('_', ' ')}: {files}")

    async def _await_states(self, expected: Counter[str]) -> None:
        """A feast that is only estimated keeps the expiry waiting until both readings have passed."""
        for _ in range(WAIT_FOR_MOON):
            lines = await self.book()
            if not any(line["provisional"] and line["state"] == "under_review" for line in lines.values()):
                break
            now = await self.stage.legal_now()
            await self.go_to(civil_day(now) + timedelta(days=1))
        await until("files by state", self.states, expected)

    async def invoke(self) -> None:
        self.show.act("التمسك بالسكوت", "Invoquer le silence", "31 applicants invoke silence")
        await self.go_to(await self.calendar.after(civil_day(await self.stage.legal_now())), time(10))
        eligible = self.of(*ELIGIBLE)
        chosen = eligible[:: len(eligible) // INVOKED][:INVOKED]
        await self.stage.all([file.citizen.post(f"{file.path}/invocation") for file in chosen])
        self.show.done(f"{INVOKED} applicants ask for their act; {len(eligible) - INVOKED} never do")
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
            ("province", "بالعمالات والأقاليم · par province"),
            ("procedure", "par procédure"),
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
        self.show.explanation(f"{shown['reference']} · {both(file.part.commune.name)}", clocks[0])
        self.show.done(f"{len(articles)} steps from the start to the date, each with its article")
        timeline = await file.citizen.get(f"{file.path}/timeline")
        self.show.story("السجل · chronologie", timeline["items"])

    async def bring_along_two_seasons(self) -> None:
        self.show.act(
            "شتنبر–نونبر 2022 و2023", "Deux saisons reprises", "Two seasons of fictitious files are imported"
        )
        commune = territory().get(await self._untouched())
        agent = self.officer("agent", commune.code)
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
        imported = await self._import(agent, content, dry_run=False)
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

    async def be_at_rest(self) -> None:
        self.show.act("لا شيء معلق", "Rien en attente", "Nothing waits, nothing is stuck")
        variables = self.stage.variables
        await until("jamaa status", lambda: health(variables), Health(0, 0, 0, 0))
        self.show.done("jamaa status: zero lag, zero blocked, no dead letter, all heads equal")

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

    async def _import(self, agent: Person, content: Sequence[seasons.Row], *, dry_run: bool) -> Any:
        return await agent.upload(
            "/rokhas/v1/imports",
            "files.csv",
            seasons.table(content),
            "text/csv",
            dry_run=str(dry_run).lower(),
        )
