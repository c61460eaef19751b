"""Acts 1 to 3: 200 files are submitted; some are completed, suspended, withdrawn, or decided in time."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from deploy.demo.cast import INCOMPLETE, REGION, SMALL, SUSPENDED, Fate, cast
from deploy.demo.ground import DOSSIERS, File, Ground
from deploy.demo.show import both
from deploy.demo.stage import StepFailed, expect, pdf, until
from shared.territory import territory
from shared.time import casablanca, civil_day

FILES: Final = "/rokhas/v1/files"
LOOK_AHEAD: Final = 60  # days among which the first day of the story is chosen
DECISION_DAYS: Final = 3  # presidents decide on each of so many working days
ARTICLE: Final = "loi 12-90, art. 43"


class Filing(Ground):
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
        await self.clocks_known(len(parts) - late)
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
        await self.clocks_known(len(self.files) - len(self.of(Fate.NEVER_COMPLETED)))
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
        granted, refused = self.of(Fate.GRANTED, Fate.RESUMED_THEN_GRANTED), self.of(Fate.REFUSED)
        for days in range(DECISION_DAYS):
            await self.go_to(await self.calendar.after(self.first, 5 + days), time(11))
            await self.stage.all(
                [
                    self.decide(file, outcome)
                    for files, outcome in ((granted, "granted"), (refused, "refused"))
                    for file in files
                    if file.part.number % DECISION_DAYS == days
                ]
            )
        self.show.done(
            f"{len(granted)} granted, {len(refused)} refused with reasons: presidents decide in time"
        )

    async def decide(self, file: File, outcome: str) -> None:
        body: dict[str, Any] = {"outcome": outcome}
        if outcome == "refused":
            body["reasons"] = [{"article": ARTICLE, "text": "Le projet ne respecte pas le recul imposé."}]
        answer = await self.officer("president", file.part.commune.code).post(f"{file.path}/decision", body)
        expect(f"{file.path} after the decision", answer["state"], outcome)
