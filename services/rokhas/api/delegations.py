"""The president's signature lent, and absences covered, inside one commune."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Response
from pydantic import BaseModel

from services.rokhas.api.common import Commune, Nothing, Reference, authorize
from services.rokhas.domain import Action, Delegation, DelegationKind
from services.rokhas.store import delegations
from shared.db import Tx
from shared.errors import Stale
from shared.http import Body, IfRead, Instant, Listing, Page, Router, etag

router = Router(prefix="/delegations")


class DelegationIn(Body):
    """`signature`: the president lends their own. `absence`: an officer covers another one's instruction."""

    collectivity: Commune
    kind: DelegationKind
    giver: Reference
    holder: Reference
    starts_at: Instant
    ends_at: Instant


class DelegationOut(BaseModel):
    id: UUID
    collectivity: str
    kind: DelegationKind
    giver: str
    holder: str
    starts_at: Instant
    ends_at: Instant
    revoked_at: Instant | None
    version: int

    @classmethod
    def of(cls, delegation: Delegation) -> "DelegationOut":
        return cls(**{name: getattr(delegation, name) for name in cls.model_fields})


@router.post("", status_code=201)
async def give(
    tx: Annotated[Tx, authorize(Action.DELEGATE)], body: DelegationIn, response: Response
) -> DelegationOut:
    """By the president of that commune (113-14 art. 103)."""
    delegation, given = Delegation.give(
        uuid4(),
        collectivity=body.collectivity,
        kind=body.kind,
        giver=body.giver,
        holder=body.holder,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        by=tx.actor,
        now=tx.now,
    )
    await delegations.save(tx, delegation, because=given)
    etag(response, delegation.version)
    return DelegationOut.of(delegation)


@router.get("")
async def list_delegations(tx: Annotated[Tx, authorize(Action.LIST)], paging: Listing) -> Page[DelegationOut]:
    """Those of one's communes, and those that one holds."""
    after = paging.after(UUID)
    found = await delegations.find(tx, after=after[0] if after else None, limit=paging.fetch)
    return paging.page(found, key=lambda delegation: (delegation.id,), to=DelegationOut.of)


@router.post("/{delegation_id}/revocation")
async def revoke(
    tx: Annotated[Tx, authorize(Action.DELEGATE)],
    delegation_id: UUID,
    body: Nothing,
    response: Response,
    version: IfRead,
) -> DelegationOut:
    """At once."""
    delegation = await delegations.locked(tx, delegation_id)
    if version is not None and version != delegation.version:
        raise Stale("delegation_changed", version=delegation.version)
    await delegations.save(tx, delegation, because=delegation.revoke(by=tx.actor, now=tx.now))
    etag(response, delegation.version)
    return DelegationOut.of(delegation)
