"""What may be asked for and by whom: `catalogue/*.yaml`, data with its source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from services.watiqa.events.request import Channel, Delivery
from shared.auth import Role
from shared.data import Names, Source
from shared.errors import Invalid, NotFound

FOLDER: Final = Path(__file__).resolve().parents[1] / "catalogue"


class Kind(StrEnum):
    """The act of the register."""

    BIRTH = "birth"
    DEATH = "death"


class Output(StrEnum):
    """Of the three outputs of an act (2-22-04 art. 44-45), which is printed."""

    COPY = "copy"
    FULL_COPY = "full_copy"
    EXTRACT = "extract"


class Layout(StrEnum):
    """How what the register says is written on the page."""

    RECORD = "record"
    MULTILINGUAL = "multilingual"
    SHEET = "sheet"
    LIFE = "life"
    RESIDENCE = "residence"


class Confidence(StrEnum):
    """How a fact is known: text read, secondary source, general knowledge, uncertain."""

    READ = "C"
    SECONDARY = "P"
    BACKGROUND = "B"
    UNCERTAIN = "U"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What is asked of the register."""

    kind: Kind
    output: Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a document reaches people, and what that costs: `fee` in centimes."""

    delivery: Delivery
    fee: int
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A document of the catalogue. Without `register` the officer attests what the person states; `proofs`
    are wanted besides those of the capacity; empty `capacities` are all.
    """

    code: str
    title: Names
    layout: Layout
    automatic: bool
    deliveries: tuple[Way, ...]
    source: str
    confidence: Confidence
    register: Read | None = None
    channels: tuple[Channel, ...] = (Channel.PORTAL, Channel.COUNTER)
    capacities: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()

    def fee(self, delivery: Delivery) -> int:
        """Centimes. Raises Invalid `delivery_not_offered`."""
        for way in self.deliveries:
            if way.delivery is delivery:
                return way.fee
        raise Invalid(
            "delivery_not_offered",
            {
                "ar": "لا تسلم هذه الوثيقة بهذه الطريقة.",
                "fr": "Ce document n'est pas remis de cette façon.",
                "en": "This document is not delivered in this way.",
            },
            deliveries=[way.delivery for way in self.deliveries],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A paper that proves a capacity; `article` is where it is known from."""

    label: Names
    article: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """As what somebody asks, by which article. `by_register`: where the register itself knows that the act is
    of whoever asks, nothing is to be proven. `role` is who may say so, a citizen where it is empty.
    """

    label: Names
    proofs: tuple[str, ...]
    article: str
    confidence: Confidence
    by_register: bool = False
    authorisation: bool = False
    role: Role = Role.CITIZEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacities:
    source: str
    confidence: Confidence
    proofs: Mapping[str, Proof]
    capacities: Mapping[str, Capacity]

    def __post_init__(self) -> None:
        for code, capacity in self.capacities.items():
            if unknown := [proof for proof in capacity.proofs if proof not in self.proofs]:
                raise ValueError(f"{code}: no such proof: {unknown[0]}", "capacities")


@dataclass(frozen=True, slots=True)
class Catalogue:
    documents: Mapping[str, Listed] = field(default_factory=dict)
    who: Capacities = field(kw_only=True)

    def document(self, code: str) -> Listed:
        """Raises NotFound `document_unknown`."""
        if code not in self.documents:
            raise NotFound(
                "document_unknown", "The catalogue has no such document.", documents=list(self.documents)
            )
        return self.documents[code]

    def capacity(self, document: Listed, code: str) -> Capacity:
        """Raises Invalid `capacity_unknown` for who is on no list."""
        allowed = document.capacities or tuple(self.who.capacities)
        if code not in allowed:
            raise Invalid(
                "capacity_unknown",
                {
                    "ar": "هذه الصفة لا تخول طلب هذه الوثيقة (القانون 36-21، المادة 43).",
                    "fr": "Cette qualité ne permet pas de demander ce document (loi 36-21, art. 43).",
                    "en": "Nobody asks for this document in this capacity (law 36-21, art. 43).",
                },
                capacities=list(allowed),
            )
        return self.who.capacities[code]

    def wanted(self, document: Listed, code: str) -> tuple[str, ...]:
        """The proofs of that capacity for that document, by code."""
        return tuple(dict.fromkeys((*self.capacity(document, code).proofs, *document.proofs)))


def read(folder: Path = FOLDER) -> Catalogue:
    """Raises `BadData` with file and line, for anything that cannot be used."""
    who = Source(folder / "capacities.yaml", Capacities).value
    source = Source(folder / "documents.yaml", tuple[Listed, ...])
    documents: dict[str, Listed] = {}
    for one in source.value:
        if one.code in documents:
            raise source.refuse(one, f"{one.code!r} is listed twice", "code")
        if unknown := [code for code in one.capacities if code not in who.capacities]:
            raise source.refuse(one, f"no such capacity: {unknown[0]}", "capacities")
        if unknown := [code for code in one.proofs if code not in who.proofs]:
            raise source.refuse(one, f"no such proof: {unknown[0]}", "proofs")
        documents[one.code] = one
    return Catalogue(documents, who=who)


@cache
def catalogue() -> Catalogue:
    return read()


@cache
def countries() -> Mapping[str, Names]:
    """By the code of ISO 3166-1, of two letters. Raises `BadData` with file and line."""
    return Source(FOLDER / "countries.yaml", dict[str, Names]).value
