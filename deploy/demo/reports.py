"""Act 14: what people report is answered, reopened and answered again; silence is the governor's to see."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Final

from deploy.demo.cast import stages
from deploy.demo.show import both
from deploy.demo.stage import Person, expect, instant, until
from deploy.demo.window import Window
from shared.time import civil_day

CHIKAYA: Final = "/chikaya/v1"
DESK: Final = {
    "address": "Boulevard Mohammed V, Casablanca",
    "phone": "+212522000000",
    "web": "https://www.casablancacity.ma",
}
HOLE: Final = "حفرة كبيرة أمام المدرسة، سقط فيها طفل."
RUBBISH: Final = "لم تجمع النفايات في زنقتنا منذ أسبوعين."
SAND: Final = "وضع بعض الرمل في الحفرة، وعادت كما كانت."
PATIENCE: Final = timedelta(days=4)  # a feast that is only estimated: the expiry waits for both readings


class Reports(Window):
    async def report_a_hole(self) -> None:
        """Without an account; answered, reopened, answered again. A second report meets silence."""
        self.show.act("حفرة في الطريق", "Un nid-de-poule", "A hole in the road, reported from a phone")
        await self._opens()
        where = stages()[0]
        president = self.officer("president", where.code)
        await president.post(f"{CHIKAYA}/administrations/{where.code}", DESK)
        hole, silent = await self._said("pothole", HOLE), await self._said("waste", RUBBISH)
        path, reporter = hole
        report = await reporter.get(path)
        expect("the report", report["state"], "acknowledged")
        self.show.done(f"acknowledged at once, without an account: {report['reference']}, {both(where.name)}")
        due = civil_day(await self._due(*hole)) - timedelta(days=1)
        self.show.note(f"the reply is due until {due:%d %B %Y}: 60 days (decree 2-17-265, art. 8)")

        await self._replied(report["id"], "planned", "برمج الإصلاح.")
        again = await reporter.post(f"{path}/reopening", {"reasons": SAND})
        expect("the report after a poor answer", (again["state"], again["round"]), ("reopened", 2))
        self.show.done("answered with reasons and the address of the office; reopened: nothing is solved")
        await self._replied(report["id"], "resolved", "عبدت الطريق صباح اليوم.")
        rated = await reporter.post(f"{path}/rating", {"satisfied": True})
        expect("the report", rated["state"], "closed")
        self.show.done("answered again, and whoever reported is satisfied")

        path, reporter = silent
        due = await self._due(*silent)
        await self.go_to(civil_day(due + PATIENCE), time(10))

        async def escalated() -> bool:
            return (await reporter.get(path))["escalated_at"] is not None

        await until("a report that nobody answered, at the governor's", escalated, expected=True)
        number = (await reporter.get(path))["id"]
        governor = self.officer("governor", where.code)
        overdue = [one["id"] async for one in governor.every(f"{CHIKAYA}/queue", escalated=True)]
        expect("the governor's list has it", number in overdue, expected=True)
        expect(
            "its state, which silence does not change", (await reporter.get(path))["state"], "acknowledged"
        )
        self.show.done(
            "sixty days of silence approve nothing here: the governor sees it, the reply is due still"
        )
        await self._replied(number, "explained", "تأخر الجمع بسبب عطب، واستؤنف.")

    async def _said(self, category: str, text: str) -> tuple[str, Person]:
        """Where a report without an account is followed, and whoever holds its code."""
        body = {
            "kind": "complaint",
            "category": category,
            "channel": "mobile",
            "text": text,
            "place": {"collectivity": stages()[0].code, "address": "أمام مدرسة الأمل"},
        }
        anybody = self.stage.anybody
        answer = await anybody.post(f"{CHIKAYA}/anonymous-reports", body)
        holder = replace(anybody, headers={"Follow-Up-Code": answer["follow_up_code"]})
        return f"{CHIKAYA}/followed/{answer['report']['reference']}", holder

    async def _due(self, path: str, reporter: Person) -> datetime:
        async def known() -> bool:
            return (await reporter.get(path))["answer_by"] is not None

        await until("the date of the reply", known, expected=True)
        return instant((await reporter.get(path))["answer_by"])

    async def _replied(self, report: str, outcome: str, text: str) -> None:
        code = stages()[0].code
        agent, instructor = self.officer("agent", code), self.officer("instructor", code)
        at = f"{CHIKAYA}/reports/{report}"
        await agent.post(f"{at}/assignment", {"assignee": instructor.name})
        await instructor.post(f"{at}/start", {})
        await instructor.post(f"{at}/answer", {"outcome": outcome, "text": text})
