"""Which act a request of the window means: exactly one, several, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from services.civil_status.domain.act import Act
from services.civil_status.domain.outputs import Output, fold
from services.civil_status.domain.states import ActState
from services.civil_status.events import ActKind
from services.civil_status.events.matching import Ambiguous, Found, Missing
from shared.territory import fold as folded

MOST: Final = 50
"""Acts that are looked at for one request: more fit only what says too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What the window knows, from inside the seal. The names of the person in either script always; and the
    identifier, or the number, or the day of the event, by which acts are found.
    """

    kind: ActKind
    given: str
    family: str | None = None
    event_on: date | None = None
    identifier: str | None = None
    office: str | None = None
    year: int | None = None
    number: int | None = None
    mother_given: str | None = None
    father_given: str | None = None
    asker: str | None = None  # who asks, as a reference: whether the act is theirs, the answer says

    def __post_init__(self) -> None:
        """Raises ValueError for what nobody can search by: neither identifier nor number nor day."""
        if not (self.identifier or self.numbered or self.event_on):
            raise ValueError("nothing to search by")

    @property
    def numbered(self) -> bool:
        return self.office is not None and self.year is not None and self.number is not None


def fits(act: Act, wanted: Criteria) -> bool:
    """Whether all that is wanted is what the act says, as it was drawn up or as it now reads, in any
    script. A number with another name is a mistyped number, never a match.
    """
    now, then = fold(act, Output.FULL_COPY)["blocks"], fold(act, Output.COPY)["blocks"]
    named = {
        ("subject", "given"): wanted.given,
        ("subject", "family"): wanted.family,
        ("mother", "given"): wanted.mother_given,
        ("father", "given"): wanted.father_given,
    }
    for (block, part), name in named.items():
        if name is not None and not any(
            folded(name) == folded(written)
            for blocks in (now, then)
            for written in ((blocks[block] or {}).get(part) or {}).values()
            if written is not None
        ):
            return False
    days = {
        date(on["year"], on["month"], on["day"])
        for on in (now["event"]["on"], then["event"]["on"])
        if on["day"] is not None
    }
    return act.kind is wanted.kind and (wanted.event_on is None or wanted.event_on in days)


def linked(act: Act, asker: str | None) -> bool:
    """Whether the register itself knows that this is the person concerned, whom an officer has seen, or the
    parent who declared: an act that a brother or a hospital declared is not theirs to be given of (36-21
    art. 43).
    """
    if asker is not None and asker == act.holder:
        return True
    declarant = act.blocks.declarant
    return asker in act.parties and (declarant is None or declarant.relation in {"father", "mother"})


def answer(
    acts: Sequence[Act], wanted: Criteria, *, now: datetime
) -> tuple[Found | Ambiguous | Missing, Act | None]:
    """The one act that fits, or why there is none: of more than `MOST` a person chooses, whichever of them
    were read. A disputed act is nobody's to issue of.
    """
    fitting = [act for act in acts if act.state is not ActState.ANNULLED and fits(act, wanted)]
    if not fitting and len(acts) <= MOST:
        return Missing(answered_at=now), None
    if len(acts) > MOST or len(fitting) > 1 or fitting[0].state is ActState.DISPUTED:
        fitting.sort(key=lambda act: str(act.id))
        acts_ = tuple(str(act.id) for act in fitting)
        return Ambiguous(answered_at=now, acts=acts_, versions=tuple(act.version for act in fitting)), None
    [act] = fitting
    found = Found(
        answered_at=now,
        act=str(act.id),
        act_version=act.version,
        kind=act.kind,
        office=act.office,
        collectivity=act.collectivity,
        linked=linked(act, wanted.asker),
        margin_known=act.margin_known,
    )
    return found, act
