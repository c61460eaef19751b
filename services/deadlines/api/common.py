"""What the parts of this API share."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.permissions import MAY
from services.deadlines.events import Step
from shared.errors import Invalid
from shared.http import Authorizer, Texts

authorize = Authorizer(MAY)


class StepOut(BaseModel):
    """One step from the start to the date. `date` is null where the law gives none."""

    step: str
    date: date | None
    article: str
    text: Texts

    @classmethod
    def of(cls, step: Step) -> "StepOut":
        return cls(step=step.step, date=step.date, article=step.article, text=Texts(**step.text))


def _procedure(code: str) -> str:
    if code not in rulebook().procedures:
        raise Invalid("unknown_procedure", f"There is no procedure {code}.")
    return code


def _rule(code: str) -> str:
    if all(rule.code != code for rule in rulebook().rules):
        raise Invalid("unknown_rule", f"There is no rule {code}.")
    return code


Procedure = Annotated[str, Field(max_length=64), AfterValidator(_procedure)]
RuleCode = Annotated[str, Field(max_length=64), AfterValidator(_rule)]
