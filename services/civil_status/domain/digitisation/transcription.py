"""What one person reads on a page, and in which fields two readings differ."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from services.civil_status.domain.act import ON
from services.civil_status.domain.values import Blocks, Person, demand_named, restated, tree
from services.civil_status.events import ActKind, MentionKind
from shared.errors import Invalid

LEGACY: Final = frozenset(
    {MentionKind.MARRIAGE, MentionKind.DISSOLUTION, MentionKind.DEATH, MentionKind.JUDGMENT}
)
"""What margins of paper say. A correction by decision is of 36-21 art. 48, after paper."""
FIELD: Final = re.compile(
    r"(event|subject|father|mother|spouse|declarant\.(person|relation)|margin\.[1-9]\d?)"
    r"(\.(on|time|place|collectivity|abroad|facility|given|family|ar|latin|tifinagh|sex|born|birthplace"
    r"|nationality|occupation|address|identifier|kind|reference|spouse|changes|subject|father|mother|event))*",
    re.ASCII,
)
_DATE: Final = frozenset({"year", "month", "day", "hijri", "hijri_computed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A mention in the margin of the page; a judgment says what fields read since."""

    kind: MentionKind
    reference: str
    on: date
    spouse: Person | None = None
    changes: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    blocks: Blocks
    margin: tuple[Note, ...] = ()

    def checked(self, kind: ActKind, year: int) -> "Transcription":
        """The same, as the register writes: two ways to write one letter are no difference. `year` is that
        of the volume.

        Raises Invalid with the field, `event_after_register`, and for a margin that the act would refuse.
        """
        if self.blocks.event.on.first.year > year:
            raise Invalid("event_after_register", "The event lies after the year of the register.")
        seen = set()
        for note in self.margin:
            if note.kind not in LEGACY or kind not in ON[note.kind][0]:
                raise Invalid("mention_not_on_this_act", "Such a mention does not stand on this act.")
            if note.on < self.blocks.event.on.first:
                raise Invalid("mention_date", "A mention is later than the event of the act.")
            if (note.kind is MentionKind.JUDGMENT) is not bool(note.changes):
                raise Invalid("changes_missing", "A judgment, and nothing else, says what fields read since.")
            if note.kind is MentionKind.MARRIAGE and note.spouse is None:
                raise Invalid("spouse_missing", "A marriage names the spouse.")
            key = (note.kind, "" if note.kind is MentionKind.DEATH else note.reference)
            if key in seen:
                raise Invalid("mention_repeated", "The margin says this twice.")
            seen.add(key)
        margin = tuple(
            replace(
                note,
                spouse=None if note.spouse is None else note.spouse.checked(f"margin.{at}.spouse"),
                changes=None
                if note.changes is None
                else {field: restated(field, value) for field, value in sorted(note.changes.items())},
            )
            for at, note in enumerate(self.margin, 1)
        )
        for at, note in enumerate(margin):
            demand_named(self.blocks, (one.changes or {} for one in margin[:at]), note.changes or {})
        return Transcription(blocks=self.blocks.checked(), margin=margin)


def flat(said: Transcription) -> dict[str, str]:
    """Every field that says something, by its path: `subject.given.ar`, `margin.1.reference`."""
    found: dict[str, str] = {}
    _flatten("", tree(said.blocks), found)
    for at, note in enumerate(said.margin, 1):
        _flatten(f"margin.{at}", tree(note), found)
    return found


def _flatten(path: str, value: Any, into: dict[str, str]) -> None:
    if isinstance(value, Mapping):
        if set(value) == _DATE:
            into[path] = _day(value)
            return
        for name, part in value.items():
            _flatten(f"{path}.{name}" if path else name, part, into)
    elif isinstance(value, list):
        for at, part in enumerate(value, 1):
            _flatten(f"{path}.{at}", part, into)
    elif value is not None and value is not False:
        into[path] = str(value)


def _day(value: Mapping[str, Any]) -> str:
    """As exact as it is; with the Hijri day where the page states it."""
    parts = [f"{value['year']:04d}", *(f"{value[p]:02d}" for p in ("month", "day") if value[p] is not None)]
    stated = value["hijri"] if not value["hijri_computed"] else None
    return "-".join(parts) + (f" ({stated})" if stated else "")


def named(fields: Sequence[str]) -> tuple[str, ...]:
    """Names of fields as somebody states them: they are announced, so nothing else may hide in one. Raises
    Invalid `field_unknown`.
    """
    if any(not FIELD.fullmatch(field) for field in fields):
        raise Invalid("field_unknown", "A field is written as in `subject.given.ar`.")
    return tuple(sorted(set(fields)))


def differing(one: Transcription, other: Transcription) -> tuple[str, ...]:
    """The fields in which they differ, in order; none when they say the same."""
    first, second = flat(one), flat(other)
    return tuple(sorted(f for f in first.keys() | second.keys() if first.get(f) != second.get(f)))
