"""Acts by name, in either script, as one hears it: of the caller's territory, with a reason, written down."""

from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, Field

from services.civil_status.api.common import ActOut, Reason, authorize, read_by_another, show
from services.civil_status.api.exchanges import not_suspended
from services.civil_status.domain import Action
from services.civil_status.domain.permissions import may_read
from services.civil_status.domain.search import NARROW, Wanted
from services.civil_status.events import ActKind
from services.civil_status.store import consents
from services.civil_status.store.search import search
from shared.access import PURPOSE
from shared.db import Tx
from shared.http import Body, Collectivity, Day, Router, Texts

router = Router(prefix="/searches")

MOST = 50
Spelling = Annotated[str, Field(min_length=2, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]


class SearchIn(Body):
    """Names in Arabic, Latin or Tifinagh letters, as anybody spells them. Always two of them: the given name
    with the family's or the father's, or both parents'. `collectivity`: a commune, a province, a region. In
    the body: nobody stands in an address.
    """

    given: Spelling | None = None
    family: Spelling | None = None
    father_given: Spelling | None = None
    mother_given: Spelling | None = None
    since: Day | None = None
    until: Day | None = None
    kind: ActKind | None = None
    collectivity: Collectivity | None = None


class FoundOut(BaseModel):
    """`score`, 0 to 100: how near the names are. A person decides."""

    score: float
    act: ActOut


class SearchOut(BaseModel):
    """The nearest first. `more`: others fit as well and are not shown; `narrow` says what to do about it."""

    items: list[FoundOut]
    more: bool
    narrow: Texts | None


@router.post("", dependencies=[Reason])
async def search_acts(
    tx: Annotated[Tx, authorize(Action.LOOK_UP, idempotent=False, limit="60/minute")],
    body: SearchIn,
    response: Response,
) -> SearchOut:
    """At most 50 acts of the caller's territory. What was shown is in the register of reads; that nothing was
    found is an event too.
    """
    await not_suspended(tx)
    wanted = Wanted(
        given=body.given,
        family=body.family,
        father=body.father_given,
        mother=body.mother_given,
        since=body.since,
        until=body.until,
        kind=body.kind,
        within=body.collectivity,
    )
    answer = await search(tx, wanted, most=MOST)
    found = [one for one in answer.found if may_read(tx.actor, one[0].collectivity, one[0].parties)]
    shown = [FoundOut(score=score, act=show(tx, response, act)) for act, score in found]
    if shown:
        del response.headers["ETag"]  # a list has none
        await read_by_another(tx, Action.LOOK_UP, *(act for act, _ in found))
    else:
        await consents.searched_in_vain(tx, PURPOSE.get())
    return SearchOut(items=shown, more=answer.more, narrow=Texts(**NARROW) if answer.more else None)
