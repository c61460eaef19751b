"""Acts 11 and 12: a page of paper becomes an act of the register; an extract is issued at night."""

import asyncio
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, Final

import typst

from deploy.demo.cast import stages
from deploy.demo.show import both
from deploy.demo.silence import Silence
from deploy.demo.stage import Person, expect, pdf, until
from shared.documents import render
from shared.documents.check import check_file
from shared.documents.keys import published
from shared.time import civil_day

REGISTER: Final = "/civil_status/v1"
REQUESTS: Final = "/watiqa/v1/requests"
FONTS: Final = Path(render.__file__).with_name("fonts")
YEAR: Final = 1962
VOLUMES: Final = 90  # of one year, at most, however often the story is played
FAMILY: Final = {"ar": "الزروالي", "latin": "Zeroual"}
MOTHER: Final = {"given": {"ar": "الزوهرة", "latin": "Zohra"}, "family": FAMILY}
CHILD: Final = {"ar": "هبة", "latin": "Hiba"}
SPELLED: Final = {"subject.given.latin": "Heba"}
NAMES: Final = ("بشرى", "هدى", "جميلة", "وداد", "زينب", "سعاد", "نجاة", "ربيعة", "لطيفة", "أمينة")


def page(number: int, name: str, day: date) -> bytes:
    """A page of a register, as a scanner gives it."""
    text = f"""#set page(width: 14cm, height: 20cm, fill: rgb("#efe6d0"))
#set text(font: "Amiri", lang: "ar", size: 15pt, fill: rgb("#26305c"))
= رسم الولادة رقم {number}
في {day:%d/%m/%Y} ازدادت بالدار البيضاء {name}، والدتها الزوهرة."""
    fonts: Any = typst.Fonts(include_system_fonts=False, font_paths=[FONTS])
    return typst.compile(text.encode(), format="png", ppi=150, font_paths=fonts)


class Window(Silence):
    async def digitise_a_page(self) -> None:
        """Scanned, keyed twice, settled by a third person, sampled by a fourth, entered by the officer."""
        self.show.act("رقمنة صفحة من سجل ورقي", "Une page numérisée", "A page of a paper register")
        await self._opens()
        officer = self._at_office("civil_status_officer")
        first, second = self._at_office("keying_operator"), self._at_office("keying_operator2")
        volumes = [one async for one in officer.every(f"{REGISTER}/volumes", office=self.office)]
        year, number = YEAR + len(volumes) // VOLUMES, len(volumes) % VOLUMES + 1
        name, day = NAMES[number % len(NAMES)], date(year, 1, 1) + timedelta(days=number)
        opened = {"kind": "birth", "office": self.office, "year": year, "volume": number}
        volume = await officer.post(f"{REGISTER}/volumes", opened | {"first": number, "last": number})
        path = f"{REGISTER}/volumes/{volume['id']}"
        await first.upload(f"{path}/pages/1", "page.png", page(number, name, day), "image/png")
        await officer.post(f"{path}/listing", {"acts": [{"number": number, "pages": [1]}]})
        [entry] = [one async for one in officer.every(f"{path}/entries")]
        work = f"{REGISTER}/entries/{entry['id']}"

        async def hold(who: Person, step: str, said: Any) -> Any:
            await who.post(f"{work}/hold")
            return await who.post(f"{work}/{step}", said)

        said = _said(name, day)
        await hold(first, "keying", said)
        locked = await second.post(f"{work}/hold")
        busy = await self._at_office("keying_operator3").refused(f"{work}/hold", None, 409, "held_by_another")
        expect("who works on the act", busy["holder"], locked["hold"]["holder"])
        differing = await hold(second, "keying", _said(name, day + timedelta(days=1)))
        expect("the act after two keyings", differing["state"], "differing")
        self.show.done("keyed twice, unseen by each other; held by one person at a time, for all to see")
        settled = await hold(self._at_office("adjudicator"), "adjudication", said)
        expect("the act after adjudication", settled["state"], "settled")
        controller = self._at_office("quality_controller")
        await controller.post(f"{path}/sample")
        await hold(controller, "check", {"defects": []})
        lot = (await controller.post(f"{path}/conclusion"))["lot"]
        expect("the lot", lot["accepted"], True)
        entered = await officer.post(f"{path}/registration")
        expect("acts entered", len(entered["registered"]), 1)
        self.show.done(f"a third person settles the day, a fourth samples; act {number} of {year} is entered")
        progress = await officer.get(f"{REGISTER}/digitisation/progress")
        self.show.note(f"{progress['done']:,} of {progress['target']:,} acts of the country")

    async def issue_at_night(self) -> None:
        """A birth is declared by day; by night the mother asks for the extract and has it, sealed."""
        self.show.act("موجز من رسم الولادة، ليلا", "Un extrait, la nuit", "An extract of birth, at night")
        parent, (act, born) = self._at_office("citizen201"), await self._declared()
        await self.go_to(civil_day(await self.stage.legal_now()), time(23, 40))
        asked = {
            "document": "birth_extract",
            "office": self.office,
            "capacity": "ascendant",
            "delivery": "download",
            "act": {"given": CHILD["ar"], "event_on": born.isoformat()},
        }
        request = f"{REQUESTS}/{(await parent.post(REQUESTS, asked))['id']}"

        async def state() -> str:
            return str((await parent.get(request))["state"])

        await until("the extract", state, "issued")
        [document] = (await parent.get(f"{request}/documents"))["items"]
        sealed = await parent.get(document["href"])
        home = Path(self.stage.variables["JAMAA_HOME"])
        kept = home / "demo-extract.pdf"
        await asyncio.to_thread(kept.write_bytes, sealed)
        self.show.done(
            "issued without an officer: the register knows that the act is the mother's to ask for"
        )

        keys = published(home / "documents")
        seen = [
            str((await asyncio.to_thread(check_file, content, keys)).verdict)
            for content in (sealed, sealed.replace(b"Hiba", b"Heba"))
        ]
        expect("the extract, and one with another name, checked offline", seen, ["valid", "altered"])
        self.show.done("verified without asking any server; with one name altered, it is not")
        self.show.note(f"{kept}: give it to {self.stage.variables['JAMAA_DOCUMENTS_URL']}, network off")

        await self._opens()
        spelled = {"judgment": "TPI 12/2026", "judged_on": born.isoformat(), "changes": SPELLED}
        await self._at_office("civil_status_officer").post(f"{REGISTER}/acts/{act}/judgments", spelled)
        await until("the extract after a judgment in the margin", state, "superseded")
        self.show.done("a court has the name spelled otherwise: the extract is superseded, to be issued anew")

    async def _declared(self) -> tuple[str, date]:
        """The act, and the day of the birth."""
        now = await self._opens()
        born = now - timedelta(days=1)
        parent, agent = self._at_office("citizen201"), self._at_office("agent")
        officer = self._at_office("civil_status_officer")
        blocks = _said(CHILD["ar"], born)["blocks"]
        opened = {"kind": "birth", "office": self.office, "blocks": blocks}
        announced = await parent.post(f"{REGISTER}/declarations", opened)
        file = f"{REGISTER}/declarations/{announced['id']}"
        proof = await agent.upload(f"{REGISTER}/files", "avis.pdf", pdf("Avis"), "application/pdf")
        seen = {"annexed": [proof["sha256"]], "declarant": {"person": MOTHER, "relation": "mother"}}
        said = {"blocks": blocks | seen, "announced_by_declarant": True}
        completed = await agent.post(f"{file}/completion", said)
        expect("the declaration", completed["state"], "completed")
        act = await officer.post(f"{file}/act")
        self.show.done(f"a birth announced online is declared at the office of {both(stages()[0].name)}")
        return str(act["id"]), born

    @property
    def office(self) -> str:
        return f"{stages()[0].code}-01"

    def _at_office(self, persona: str) -> Person:
        """Who reads the register says why."""
        person = self.officer(persona, stages()[0].code)
        return replace(person, headers=person.headers | {"Access-Purpose": "demonstration"})

    async def _opens(self) -> date:
        """The next morning on which the office is open."""
        day = await self.calendar.after(civil_day(await self.stage.legal_now()))
        await self.go_to(day, time(10))
        return day


def _said(name: str, day: date) -> dict[str, Any]:
    blocks = {
        "event": {"on": {"on": day.isoformat()}, "time": "06:40", "place": "الدار البيضاء"},
        "subject": {
            "given": CHILD if name == CHILD["ar"] else {"ar": name},
            "family": FAMILY,
            "sex": "female",
        },
        "mother": MOTHER,
    }
    return {"blocks": blocks, "margin": []}
