"""What may be reported, and whose it is to act: `catalogue/*.yaml`, data with its source."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from services.chikaya.domain.values import LONGEST, legible
from services.chikaya.events.report import Competence
from shared.data import Names, Source
from shared.errors import Invalid, NotFound
from shared.territory import territory

FOLDER: Final = Path(__file__).resolve().parents[1] / "catalogue"
SHORT: Final = 200  # characters of an answer on one line
NUMBER: Final = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)


class Confidence(StrEnum):
    """How a fact is known: text read, secondary source, general knowledge, uncertain."""

    READ = "C"
    SECONDARY = "P"
    BACKGROUND = "B"
    UNCERTAIN = "U"


class Datatype(StrEnum):
    """Of an answer, in the words of Open311 GeoReport v2."""

    STRING = "string"
    TEXT = "text"
    NUMBER = "number"
    ONE_OF = "singlevaluelist"
    SOME_OF = "multivaluelist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    key: str
    name: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the office wants to know of every report of a category. `choices` are those of the two lists."""

    code: str
    datatype: Datatype
    required: bool
    text: Names
    choices: tuple[Choice, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.choices) != (self.datatype in {Datatype.ONE_OF, Datatype.SOME_OF}):
            raise ValueError("choices where the answer is from a list, else none", "choices")

    def checked(self, given: Sequence[str]) -> tuple[str, ...]:
        """Raises Invalid `answer_malformed`, and what `legible` raises."""
        longest = LONGEST if self.datatype is Datatype.TEXT else SHORT
        said = tuple(dict.fromkeys(legible(one, self.code, longest, letters=0) for one in given))
        right = all(said)
        if self.choices:
            right = {choice.key for choice in self.choices}.issuperset(said)
        elif self.datatype is Datatype.NUMBER:
            right = all(NUMBER.fullmatch(one) for one in said)
        if not right or (len(said) > 1 and self.datatype is not Datatype.SOME_OF):
            raise Invalid(
                "answer_malformed",
                {
                    "ar": "هذا الجواب ليس من الأجوبة المقبولة.",
                    "fr": "Cette réponse n'est pas de celles qui sont admises.",
                    "en": "This is not an answer to the question.",
                },
                question=self.code,
                choices=[choice.key for choice in self.choices],
            )
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """`body` is a kind of body where the competence is an operator's or another administration's. `public`:
    its reports are shown to everybody, without who reported. `keywords` are for search, in any language.
    """

    code: str
    group: str
    name: Names
    description: Names
    competence: Competence
    public: bool
    source: str
    confidence: Confidence
    body: str | None = None
    keywords: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()

    def answered(self, given: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        """What was said to each question. Raises Invalid `answer_missing`, `question_unknown`, and what
        `Question.checked` raises.
        """
        known = {question.code: question for question in self.questions}
        if strange := sorted(given.keys() - known):
            raise Invalid("question_unknown", "The category asks no such thing.", questions=strange[:10])
        said = {code: known[code].checked(values) for code, values in given.items() if any(values)}
        missing = [code for code, question in known.items() if question.required and code not in said]
        if missing:
            raise Invalid(
                "answer_missing",
                {
                    "ar": "ينقص جواب عن سؤال إلزامي.",
                    "fr": "Il manque une réponse obligatoire.",
                    "en": "An answer that is required is missing.",
                },
                questions=missing,
            )
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    code: str
    name: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """An administration or a delegated operator that is not on this platform. `territories` are codes, of any
    level, that it serves; empty where it serves the whole country.
    """

    code: str
    kind: str
    name: Names
    source: str
    confidence: Confidence
    territories: tuple[str, ...] = ()

    def serves(self, collectivity: str) -> bool:
        return not self.territories or any(
            collectivity in territory().within(code) for code in self.territories
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`body` must act: a collectivity, or the code of a body."""

    competence: Competence
    body: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    groups: Mapping[str, Group]
    categories: Mapping[str, Category]
    bodies: Mapping[str, Body]

    def category(self, code: str) -> Category:
        """Raises NotFound `category_unknown`."""
        if code not in self.categories:
            raise NotFound(
                "category_unknown",
                {
                    "ar": "لا يوجد صنف بهذا الرمز.",
                    "fr": "Aucune catégorie de ce code.",
                    "en": "There is no such category.",
                },
                categories=list(self.categories),
            )
        return self.categories[code]

    def body(self, code: str) -> Body:
        """Raises Invalid `body_unknown`."""
        if code not in self.bodies:
            raise Invalid("body_unknown", "The catalogue has no such body.", bodies=list(self.bodies))
        return self.bodies[code]

    def route(self, code: str, collectivity: str) -> Route:
        """By category, competence and territory. Where no body of that kind serves the place, the commune
        acts, which knows whom to ask.
        """
        category = self.category(code)
        match category.competence:
            case Competence.COMMUNE:
                return Route(competence=Competence.COMMUNE, body=collectivity)
            case Competence.PROVINCE:
                return Route(competence=Competence.PROVINCE, body=territory().province_of(collectivity).code)
            case competence:
                for body in self.bodies.values():
                    if body.kind == category.body and body.serves(collectivity):
                        return Route(competence=competence, body=body.code)
                return Route(competence=Competence.COMMUNE, body=collectivity)

    def body_name(self, code: str) -> Names:
        return self.bodies[code].name if code in self.bodies else territory().get(code).name


def read(folder: Path = FOLDER) -> Catalogue:
    """Raises `BadData` with file and line, for anything that cannot be used."""
    groups = Source(folder / "groups.yaml", tuple[Group, ...]).value
    bodies = Source(folder / "bodies.yaml", tuple[Body, ...])
    listed: dict[str, Body] = {}
    for body in bodies.value:
        if body.code in listed:
            raise bodies.refuse(body, f"{body.code!r} is listed twice", "code")
        if unknown := [code for code in body.territories if code not in territory()]:
            raise bodies.refuse(body, f"no such collectivity: {unknown[0]}", "territories")
        listed[body.code] = body
    source = Source(folder / "categories.yaml", tuple[Category, ...])
    categories: dict[str, Category] = {}
    for one in source.value:
        if one.code in categories:
            raise source.refuse(one, f"{one.code!r} is listed twice", "code")
        if one.group not in {group.code for group in groups}:
            raise source.refuse(one, f"no such group: {one.group}", "group")
        if one.body is not None and one.body not in {body.kind for body in listed.values()}:
            raise source.refuse(one, f"no body is of the kind {one.body}", "body")
        if (one.body is not None) != (one.competence in {Competence.OPERATOR, Competence.OTHER}):
            raise source.refuse(one, "a body where it is an operator's or another's, else none", "body")
        categories[one.code] = one
    return Catalogue({group.code: group for group in groups}, categories, listed)


@cache
def catalogue() -> Catalogue:
    return read()
