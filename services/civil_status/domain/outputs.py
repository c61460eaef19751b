"""The three outputs of the register (2-22-04 art. 44-45): each a fold of an act's history at an instant."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from services.civil_status.domain.act import Act
from services.civil_status.domain.dates import RegisterDate
from services.civil_status.domain.declarants import declarants
from services.civil_status.domain.values import Mention, tree
from services.civil_status.events import ActKind, MentionKind, Origin
from shared.errors import NotFound
from shared.time import civil_day


class Output(StrEnum):
    """`copy`: all data in the chronological order of changes; `full_copy`: all of it as it now reads;
    `extract`: the essential data as they now read.
    """

    COPY = "copy"
    FULL_COPY = "full_copy"
    EXTRACT = "extract"


ESSENTIAL: Final[dict[str, tuple[str, ...]]] = {
    "event": ("on", "place"),
    "subject": ("given", "family", "sex"),
    "father": ("given", "family"),
    "mother": ("given", "family"),
}
"""What an extract shows (2-99-665 art. 36, 2-22-04 art. 45): identity, event, parents, and a death."""


def fold(act: Act, output: Output, at: datetime | None = None) -> dict[str, Any]:
    """What the output says, as plain values: of the version that was loaded, or at that instant.

    The present is no instant: an imported act knows its day, not its hour, and lies at noon of a morning;
    and an act is read after its transaction has begun. Raises NotFound `act_not_yet` before the act.
    """
    if at is not None and at < act.drawn_up_at:
        raise NotFound("act_not_yet", "The register did not hold this act at that instant.")
    noted = [one for one in act.mentions if at is None or one.entered_at <= at]
    head = {
        "output": output.value,
        "kind": act.kind.value,
        "office": act.office,
        "year": act.year,
        "number": act.number,
        "identifier": act.identifier,
        "drawn_up_at": act.drawn_up_at.isoformat().replace("+00:00", "Z"),
        "drawn_up_on": _drawn_up_on(act),
    }
    original = tree(act.blocks)
    if declarant := original["declarant"]:
        declarant["relation_text"] = declarants().of(act.kind).get(declarant["relation"])
    if output is Output.COPY:
        return head | {"blocks": original, "mentions": [_entry(one) for one in noted]}
    latest = _restated(original, noted)
    if output is Output.FULL_COPY:
        standing = [one for one in noted if one.kind not in {MentionKind.CORRECTION, MentionKind.JUDGMENT}]
        return head | {"blocks": latest, "mentions": [_entry(one) for one in standing]}
    deaths = [one.on.isoformat() for one in noted if one.kind is MentionKind.DEATH]
    essential = {
        block: None if latest[block] is None else {name: latest[block].get(name) for name in names}
        for block, names in ESSENTIAL.items()
    }
    return head | {"blocks": essential} | ({"died_on": next(iter(deaths), None)} if _birth(act) else {})


def _drawn_up_on(act: Act) -> str | None:
    """The day of the drafting, which is part of the act; of one that was keyed from paper the register knows
    the day of the keying alone.
    """
    return None if act.origin is Origin.DIGITISED else civil_day(act.drawn_up_at).isoformat()


def _birth(act: Act) -> bool:
    return act.kind is ActKind.BIRTH


def _restated(latest: dict[str, Any], noted: list[Mention]) -> dict[str, Any]:
    for mention in noted:
        for field, value in mention.changes.items():
            *path, last = field.split(".")
            at = latest
            for step in path:
                if at.get(step) is None:  # a father, or a family name, that the act did not know
                    at[step] = {}
                at = at[step]
            at[last] = tree(RegisterDate.of(date.fromisoformat(value))) if field == "event.on" else value
    return latest


def _entry(mention: Mention) -> dict[str, Any]:
    return {
        "ordinal": mention.ordinal,
        "kind": mention.kind.value,
        "on": mention.on.isoformat(),
        "entered_at": mention.entered_at.isoformat().replace("+00:00", "Z"),
        "reference": mention.reference,
        "text": mention.text,
        "changes": mention.changes,
    }
