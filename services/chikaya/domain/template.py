"""Texts for replies, with variables: `{reference}`. Values are data; one that has none is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.permissions import demand
from services.chikaya.domain.report import Report
from services.chikaya.domain.states import Action
from services.chikaya.domain.values import LONGEST, legible
from services.chikaya.events.report import Outcome
from services.chikaya.events.template import TemplateEvent, Withdrawn, Written
from shared.auth import Actor
from shared.errors import Conflict, Invalid
from shared.territory import territory
from shared.time import civil_day

VARIABLE: Final = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")
VALUE: Final = 300  # characters
KNOWN: Final = frozenset({"reference", "category", "received_on", "commune", "body"})
"""What the report itself says."""


class Language(StrEnum):
    AR = "ar"
    FR = "fr"


@dataclass(kw_only=True)
class Template:
    """`language` is that of the text, and of what the report itself says in it."""

    id: UUID
    collectivity: str
    name: str
    language: Language
    outcome: Outcome
    text: str
    withdrawn: bool = False
    version: int = 0

    @classmethod
    def write(
        cls,
        id: UUID,  # noqa: A002 -- the aggregate's field has this name
        collectivity: str,
        name: str,
        language: Language,
        outcome: Outcome,
        text: str,
        *,
        by: Actor,
        now: datetime,
    ) -> tuple[Self, TemplateEvent]:
        """Raises Forbidden, Invalid `template_malformed`."""
        made = cls(id=id, collectivity=collectivity, name="", language=language, outcome=outcome, text="")
        return made, made.rewrite(name, outcome, text, by=by, now=now)

    def rewrite(self, name: str, outcome: Outcome, text: str, *, by: Actor, now: datetime) -> TemplateEvent:
        """Raises Forbidden, Invalid `template_malformed`, Conflict `template_withdrawn`."""
        demand(Action.WRITE_TEMPLATE, by, self.collectivity)
        self._demand_kept()
        called, said = legible(name, "name", 120), legible(text, "text")
        if set("{}") & set(VARIABLE.sub("", said)):
            raise Invalid("template_malformed", "A variable is written {reference}; no other braces.")
        self.name, self.outcome, self.text = called, outcome, said
        self.version += 1
        return Written(collectivity=self.collectivity, written_at=now)

    def withdraw(self, *, by: Actor, now: datetime) -> TemplateEvent:
        """Raises Forbidden, Conflict `template_withdrawn`."""
        demand(Action.WRITE_TEMPLATE, by, self.collectivity)
        self._demand_kept()
        self.withdrawn = True
        self.version += 1
        return Withdrawn(collectivity=self.collectivity, withdrawn_at=now)

    @property
    def variables(self) -> list[str]:
        return sorted(set(VARIABLE.findall(self.text)))

    @property
    def wanted(self) -> list[str]:
        """Variables that whoever replies gives a value."""
        return [one for one in self.variables if one not in KNOWN]

    def drawn_up(self, report: Report, values: Mapping[str, str]) -> str:
        """The text of a reply. A value is put in as it is: what looks like a variable in it is none.

        Raises Conflict `template_withdrawn`, `other_office`; Invalid `value_missing`, `value_unknown`.
        """
        self._demand_kept()
        if report.collectivity != self.collectivity:
            raise Conflict("other_office", "The template is of another office than the report.")
        given = {name: value for name, value in values.items() if value.strip()}
        if missing := [one for one in self.wanted if one not in given]:
            raise Invalid(
                "value_missing",
                {
                    "ar": "متغير في النموذج بلا قيمة.",
                    "fr": "Une variable du modèle n'a pas de valeur.",
                    "en": "A variable of the template has no value.",
                },
                variables=missing,
            )
        if strange := sorted(values.keys() - set(self.wanted)):
            raise Invalid("value_unknown", "The template has no such variable.", variables=strange)
        said = {name: legible(value, name, VALUE, letters=0) for name, value in given.items()} | self._of(
            report
        )
        return legible(VARIABLE.sub(lambda found: said[found[1]], self.text), "text", LONGEST)

    def _of(self, report: Report) -> dict[str, str]:
        day = civil_day(report.received_at)
        return {
            "reference": report.reference,
            "category": report.listed.name[self.language],
            "received_on": f"{day:%d/%m/%Y}",
            "commune": territory().get(report.collectivity).name[self.language],
            "body": catalogue().body_name(report.body)[self.language],
        }

    def _demand_kept(self) -> None:
        if self.withdrawn:
            raise Conflict("template_withdrawn", "The template was withdrawn.")
