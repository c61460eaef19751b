"""What a report says and holds: where, by whom, with what, until when, and what was answered."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.chikaya.events.report import Defect, InadmissibleGround, Outcome
from shared.errors import Invalid

LONGEST: Final = 5_000  # characters of what people write
LINES: Final = re.compile(r"\n{3,}")
SPACES: Final = re.compile(r"[^\S\n]+")
JOINERS: Final = frozenset("\u200c\u200d")  # Arabic script and emoji need them
EMAIL: Final = re.compile(
    r"[^@\s\x00-\x1f%?&#,;:<>()\[\]\\\"]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII
)
"""One address: what would be two, or a header, in `mailto:` (RFC 6068) is none."""
PHONE: Final = re.compile(r"\+[1-9]\d{7,14}", re.ASCII)


def legible(text: str, field: str, longest: int = LONGEST, *, letters: int = 2) -> str:
    """What people write, composed, its lines kept; marks that turn a line around are dropped. It is text: no
    markup is read anywhere. Raises Invalid `text_characters`, `text_too_long`, and `text_says_nothing` where
    there is no word: fewer than `letters` letters.
    """
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    kept = "".join(one for one in composed if one in JOINERS or unicodedata.category(one) != "Cf")
    said = LINES.sub("\n\n", SPACES.sub(" ", kept)).strip()
    if len(said) > longest:
        raise Invalid("text_too_long", f"At most {longest} characters.", field=field, most=longest)
    if any(one != "\n" and unicodedata.category(one) in {"Cc", "Co", "Cn", "Cs"} for one in said):
        raise Invalid(
            "text_characters",
            {
                "ar": "يتضمن النص علامات غير مقبولة.",
                "fr": "Le texte contient des caractères non admis.",
                "en": "The text holds characters that are not accepted.",
            },
            field=field,
        )
    if sum(one.isalpha() for one in said) < letters:  # one is no word
        raise Invalid(
            "text_says_nothing",
            {
                "ar": "اشرحوا ذلك بكلمات: النص خال منها.",
                "fr": "Expliquez-le avec des mots : le texte n'en contient pas.",
                "en": "Say it in words: the text holds none.",
            },
            field=field,
        )
    return said


class Method(StrEnum):
    """How the commune of a report was found, weakest last. `nearest`: by the centres of communes, never by a
    boundary; where several may have the point, whoever reads the report sees the others.
    """

    STATED = "stated"
    NEAREST = "nearest"
    NEAREST_OF_SEVERAL = "nearest_of_several"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Degrees, WGS 84."""

    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it is. `candidates` are other communes in which the point may lie."""

    method: Method
    point: Point | None = None
    address: str | None = None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Of whoever reports without an account, or through an agent: never public, and no event holds it."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None

    def checked(self) -> "Contact":
        """Raises Invalid `email_malformed`, `phone_malformed`."""
        if self.email is not None and not EMAIL.fullmatch(self.email):
            raise Invalid("email_malformed", "An address such as name@example.ma.")
        if self.phone is not None and not PHONE.fullmatch(self.phone):
            raise Invalid("phone_malformed", "A number such as +212612345678.")
        name = legible(self.name, "contact.name", 120) if self.name is not None else None
        return Contact(name=name, email=self.email, phone=self.phone)

    @property
    def address(self) -> str | None:
        """Where to write."""
        return f"mailto:{self.email}" if self.email else f"tel:{self.phone}" if self.phone else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A content by its digest, in the object store. `public` once a person has said that everybody sees it:
    not this content, which stays as it came, but the picture alone, by its digest `shown_as`.
    """

    file: str
    media_type: str
    public: bool = False
    shown_as: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A period of the report as `deadlines` counts it. `ordinal` counts the clocks of the rule, from 1."""

    rule: str
    answer_by: datetime | None
    last_day: date | None
    provisional: bool
    elapsed_at: datetime | None = None
    ordinal: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every reply says of the administration (2-17-265 art. 10)."""

    collectivity: str
    address: str
    phone: str
    web: str
    fax: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the office said, and why; `attachments` are digests."""

    text: str
    outcome: Outcome
    desk: Desk
    answered_at: datetime
    by: str
    round: int
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Why a report waits for whoever reported, was turned away, or is another administration's."""

    reasons: str
    desk: Desk
    at: datetime
    by: str
    defect: Defect | None = None
    ground: InadmissibleGround | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    satisfied: bool
    at: datetime
    round: int
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a person decided that everybody may see: `text` and `reply` as they are shown, null where they are
    not. `replies` had been given by then; a later one is not shown before somebody looked at it too.
    """

    shown: bool
    by: str
    at: datetime
    text: str | None = None
    reply: str | None = None
    replies: int = 0
    reasons: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismissed:
    """A person said that it is no duplicate of `other`: they are not proposed again."""

    other: UUID
    by: str
    at: datetime
    reasons: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Where a report lay before, and why it was routed elsewhere."""

    collectivity: str
    category: str
    body: str
    until: datetime
    reasons: str
    by: str
