"""Applications that may file over Open311, and their keys."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import BaseModel, Field

from services.chikaya.api.common import Brief, Nothing, authorize
from services.chikaya.domain import Action
from services.chikaya.domain.values import legible
from services.chikaya.store import clients, codes
from services.chikaya.store.clients import Client
from shared.db import Tx
from shared.http import Body, Instant, Listing, Page, Router

router = Router(prefix="/open311-clients")


class ClientIn(Body):
    """`contact`: where whoever runs it is reached."""

    name: Brief
    contact: Annotated[str, Field(min_length=1, max_length=300, examples=["equipe@example.ma"])]


class ClientOut(BaseModel):
    id: UUID
    name: str
    contact: str
    admitted_at: Instant
    revoked_at: Instant | None

    @classmethod
    def of(cls, one: Client) -> "ClientOut":
        return cls(**{name: getattr(one, name) for name in ClientOut.model_fields})


class AdmittedOut(BaseModel):
    """`api_key` is told this once, and again with the same Idempotency-Key for a day."""

    client: ClientOut
    api_key: str | None


@router.post("", status_code=201)
async def admit(tx: Annotated[Tx, authorize(Action.ADMIT_CLIENT)], body: ClientIn) -> AdmittedOut:
    """One key per application: what it sends bears its name, and only its own key is revoked."""
    key = codes.drawn()
    name, contact = legible(body.name, "name", 120), legible(body.contact, "contact", 300)
    return AdmittedOut(client=ClientOut.of(await clients.admit(tx, uuid4(), name, contact, key)), api_key=key)


@router.get("")
async def find(tx: Annotated[Tx, authorize(Action.ADMIT_CLIENT)], paging: Listing) -> Page[ClientOut]:
    after = paging.after(datetime, UUID)
    found = await clients.find(tx, after=after and (after[0], after[1]), limit=paging.fetch)
    return paging.page(found, key=lambda one: (one.admitted_at, one.id), to=ClientOut.of)


@router.post("/{client_id}/revocation")
async def revoke(
    tx: Annotated[Tx, authorize(Action.ADMIT_CLIENT)], client_id: UUID, body: Nothing
) -> ClientOut:
    """What it filed stays."""
    return ClientOut.of(await clients.revoke(tx, client_id))
