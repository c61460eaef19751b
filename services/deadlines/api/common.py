"""What the parts of this API share."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.permissions import MAY
from services.deadlines.events import Step
from shared.errors import Invalid
from shared.http import Authorizer
from shared.territory import territory

authorize = Authorizer(MAY)


class Texts(BaseModel):
    ar: str
    fr: str
    en: str


class StepOut(BaseModel):
    """One step from the start to the date. `date` is null where the law gives none."""

    step: str
    date: date | None
    article: str
    text: Texts

    @classmethod
    def of(cls, step: Step) -> "StepOut":
        return cls(step=step.step, date=step.date, article=step.article, text=Texts(**step.text))


def _known(code: str) -> str:
    territory().get(code)
    return code


def _procedure(code: str) -> str:
    if code not in rulebook().procedures:
        raise Invalid("unknown_procedure", f"There is no procedure {code}.")
    return code


def _rule(code: str) -> str:
    if all(rule.code != code for rule in rulebook().rules):
        raise Invalid("unknown_rule", f"There is no rule {code}.")
    return code


Collectivity = Annotated[
    str, Field(pattern=r"^\d{2}(\.\d{1,3}){0,3}$", examples=["06.141.01.0"]), AfterValidator(_known)
]
"""A code of the territory; an unknown one is a problem, not an empty answer."""

Procedure = Annotated[str, Field(max_length=64), AfterValidator(_procedure)]
RuleCode = Annotated[str, Field(max_length=64), AfterValidator(_rule)]
