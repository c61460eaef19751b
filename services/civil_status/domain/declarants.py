"""Who may declare a birth or a death: data with its source, `rules/declarants.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from services.civil_status.events import ActKind
from shared.data import Names, Source
from shared.errors import Invalid

FILE: Final = Path(__file__).resolve().parents[1] / "rules" / "declarants.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarants:
    """By the code of the relation, in the order of the law."""

    source: str
    confidence: str
    birth: Mapping[str, Names]
    death: Mapping[str, Names]

    def of(self, kind: ActKind) -> Mapping[str, Names]:
        return self.birth if kind is ActKind.BIRTH else self.death


@cache
def declarants() -> Declarants:
    """Raises `BadData` with file and line."""
    return Source(FILE, Declarants).value


def may_declare(kind: ActKind, relation: str) -> None:
    """Raises Invalid `not_a_declarant`, with those who may."""
    known = declarants().of(kind)
    if relation not in known:
        raise Invalid(
            "not_a_declarant",
            {
                "ar": "هذه الصفة لا تخول التصريح بهذه الواقعة.",
                "fr": "Cette qualité ne permet pas de déclarer cet événement.",
                "en": "Who has this relation may not declare this event.",
            },
            relations=list(known),
        )
