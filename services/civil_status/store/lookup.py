"""One act by its number or by an identifier, and its entry in the register of reads, in one statement: a hot
path (0053). What it does not decide is asked step by step, by `acts` and `consents`.
"""

import json
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from services.civil_status.domain import Act
from services.civil_status.domain.consent import MOST_MISSES
from services.civil_status.events import ActKind
from services.civil_status.store import acts
from shared.access import PURPOSE, access_stream
from shared.db import Arrival, Tx

READ: Final = access_stream("civil_status").events[0].TYPE
FIND: Final = text(f"""
    SELECT f.now, f.mentions, f.seq, {", ".join(f"(f.act).{name}" for name in acts.COLUMNS.split(", "))}
    FROM civil_status.look_up(:subject, :communes, :provinces, :headers, :kind, :office, :year, :number,
      :identifier, :most, :type, :read) f""").columns(body=JSONB, mentions=JSONB)


class Place(NamedTuple):
    """Of an act in the registers."""

    kind: ActKind
    office: str
    year: int
    number: int


def arrival(wanted: str | Place, action: str) -> Arrival:
    """By an identifier or a place: what a transaction begins with whose `found` gives the act."""
    place = (None,) * 4 if isinstance(wanted, str) else wanted
    said = {"action": action, "purpose": PURPOSE.get()}
    return Arrival(
        FIND,
        {
            **dict(zip(Place._fields, place, strict=True)),
            "identifier": wanted if isinstance(wanted, str) else None,
            "most": MOST_MISSES,
            "type": READ,
            "read": json.dumps(said),
        },
    )


def found(tx: Tx) -> Act | None:
    """The one act that the caller sees, whose read is written down. None: ask step by step."""
    row = tx.arrived
    if row is None or row.id is None:
        return None
    if row.seq is not None:
        tx.emitted.append(row.seq)
    return acts.from_row(row)
