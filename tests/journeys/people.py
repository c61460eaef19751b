"""What the journeys have people do, and the words by which their personal data would be recognised."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from deploy.demo.stage import Person, Stage, instant, pdf, until

SETTAT: Final = "06.461.01.15"
DOSSIERS: Final = "/rokhas/v1/dossiers"

# Whatever people write. None of it may ever be on the wire.
NAME: Final = "Zineb-Idrissi-Alaoui"
SITE: Final = "12 derb Zitouna el-Kahla"
PURPOSE: Final = "Surélévation pour ma mère Fatna"
WORDS: Final = "Voici la pièce, merci Monsieur Ouazzani"
REASON: Final = "La façade de Madame Idrissi dépasse l'alignement"
PERSONAL: Final = (NAME, SITE, PURPOSE, WORDS, REASON)


@dataclass(slots=True)
class Applicant:
    """One citizen with one file; officers are those of its commune."""

    stage: Stage
    person: Person
    commune: str
    id: str
    required: list[str]
    digest: str

    @property
    def path(self) -> str:
        return f"{DOSSIERS}/{self.id}"

    def officer(self, persona: str) -> Person:
        return self.stage.person(persona, self.commune)

    async def do(self, what: str, body: dict[str, Any] | None = None) -> Any:
        return await self.person.post(f"{self.path}/{what}", body)

    async def attach(self, *documents: str) -> None:
        for document in documents:
            await self.do("documents", {"document": document, "file": self.digest})

    async def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = await self.person.get(self.path)
        return shown

    async def until_state(self, state: str) -> dict[str, Any]:
        """The file as it was when it was first seen in that state."""
        shown: dict[str, Any] = {}

        async def seen() -> str:
            shown.update(await self.shown())
            return str(shown["state"])

        await until(f"the state of {self.path}", seen, state)
        return shown

    async def due(self, rule: str) -> datetime:
        """When the clock of that rule runs out, once the file knows; a suspension may take the date again."""
        dates: dict[str, datetime] = {}

        async def known() -> bool:
            dates.update(await self._dates())
            return rule in dates

        await until(f"the date of {rule} on {self.path}", known, expected=True)
        return dates[rule]

    async def _dates(self) -> dict[str, datetime]:
        shown = await self.shown()
        clocks = [*shown["clocks"], shown["clock"]] if shown["clock_known"] else shown["clocks"]
        return {clock["rule"]: instant(clock["answer_by"]) for clock in clocks if clock["answer_by"]}

    async def notices(self) -> list[dict[str, Any]]:
        return [n async for n in self.person.every("/rokhas/v1/notices") if n["about"] == self.id]

    async def timeline(self) -> list[str]:
        """What happened, in order."""
        answer = await self.person.get(f"{self.path}/timeline")
        return [item["type"] for item in answer["items"]]


async def somebody(
    stage: Stage, procedure: str, *, commune: str = SETTAT, persona: str = "citizen"
) -> Applicant:
    """A person of their own with a draft of `procedure`, nothing attached yet."""
    number = uuid4().int % 10**9
    person = stage.person(f"{persona}{number}")
    recueil = await stage.anybody.get(f"/rokhas/v1/procedures/{procedure}")
    stored = await person.upload(
        "/rokhas/v1/files", f"{NAME}.pdf", pdf(f"Document {number}"), "application/pdf"
    )
    draft = await person.post(
        DOSSIERS, {"procedure": procedure, "collectivity": commune, "site": SITE, "purpose": PURPOSE}
    )
    required = [document["code"] for document in recueil["documents"] if document["required"]]
    return Applicant(stage, person, commune, draft["id"], required, stored["sha256"])


async def submitted(stage: Stage, procedure: str, **where: str) -> Applicant:
    """A complete file whose date is known."""
    applicant = await somebody(stage, procedure, **where)
    await applicant.attach(*applicant.required)
    receipt = await applicant.do("submission")
    assert receipt["status"] == "complete", receipt
    await applicant.due(procedure)
    return applicant


async def past(stage: Stage, due: datetime) -> None:
    """Legal time just after that instant, unless it is later already."""
    if await stage.legal_now() <= due:
        await stage.advance(due + timedelta(seconds=2))
