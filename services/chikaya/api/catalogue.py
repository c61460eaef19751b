"""The catalogue, for everybody: what may be reported, and whose it is."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from services.chikaya.api.common import authorize
from services.chikaya.domain.catalogue import Confidence, Datatype, Question, catalogue
from services.chikaya.events.report import Competence
from shared.db import Tx
from shared.http import PUBLIC, Collectivity, Router, Texts

router = Router(prefix="")


class ChoiceOut(BaseModel):
    key: str
    name: Texts


class QuestionOut(BaseModel):
    code: str
    datatype: Datatype
    required: bool
    text: Texts
    choices: list[ChoiceOut]

    @classmethod
    def of(cls, one: Question) -> "QuestionOut":
        choices = [ChoiceOut(key=choice.key, name=Texts(**choice.name)) for choice in one.choices]
        return cls(
            code=one.code,
            datatype=one.datatype,
            required=one.required,
            text=Texts(**one.text),
            choices=choices,
        )


class CategoryOut(BaseModel):
    """`public`: its reports are shown to everybody, without who reported. `body`: who must act, in the place
    that was asked for. Each fact has its source, and how well it is known: `C` text read, `P` secondary
    source, `B` general knowledge, `U` uncertain.
    """

    code: str
    group: str
    group_name: Texts
    name: Texts
    description: Texts
    competence: Competence
    body: Texts | None
    public: bool
    keywords: list[str]
    questions: list[QuestionOut]
    source: str
    confidence: Confidence


class CategoriesOut(BaseModel):
    items: list[CategoryOut]


@router.get("/categories")
async def categories(
    tx: Annotated[Tx, authorize(PUBLIC)], collectivity: Annotated[Collectivity | None, Query()] = None
) -> CategoriesOut:
    """With `collectivity`, also who must act there."""
    known = catalogue()
    items = []
    for one in known.categories.values():
        route = known.route(one.code, collectivity) if collectivity else None
        items.append(
            CategoryOut(
                code=one.code,
                group=one.group,
                group_name=Texts(**known.groups[one.group].name),
                name=Texts(**one.name),
                description=Texts(**one.description),
                competence=route.competence if route else one.competence,
                body=Texts(**known.body_name(route.body)) if route else None,
                public=one.public,
                keywords=list(one.keywords),
                questions=[QuestionOut.of(question) for question in one.questions],
                source=one.source,
                confidence=one.confidence,
            )
        )
    return CategoriesOut(items=items)


class BodyOut(BaseModel):
    """`territories` are empty where it serves the whole country."""

    code: str
    kind: str
    name: Texts
    territories: list[str]
    source: str
    confidence: Confidence


class BodiesOut(BaseModel):
    items: list[BodyOut]


@router.get("/bodies")
async def bodies(tx: Annotated[Tx, authorize(PUBLIC)]) -> BodiesOut:
    """Operators and administrations that are not on this platform, to which a report may be directed."""
    return BodiesOut(
        items=[
            BodyOut(
                code=one.code,
                kind=one.kind,
                name=Texts(**one.name),
                territories=list(one.territories),
                source=one.source,
                confidence=one.confidence,
            )
            for one in catalogue().bodies.values()
        ]
    )
