"""Administrations: the contact block that every reply carries (2-17-265 art. 10)."""

from typing import Annotated

from pydantic import BaseModel, Field

from services.chikaya.api.common import Brief, authorize
from services.chikaya.domain import Action
from services.chikaya.domain.administration import Administration
from services.chikaya.domain.values import Desk
from services.chikaya.store import administrations
from shared.db import Tx
from shared.http import PUBLIC, Body, Collectivity, Router

router = Router(prefix="/administrations")

Phone = Annotated[str, Field(max_length=16, examples=["+212522000000"])]


class ContactBlockIn(Body):
    """`fax` where it has one."""

    address: Brief
    phone: Phone
    web: Annotated[str, Field(max_length=200, examples=["https://www.casablancacity.ma"])]
    fax: Phone | None = None


class AdministrationOut(BaseModel):
    code: str
    desk: Desk | None
    version: int


def _show(one: Administration) -> AdministrationOut:
    return AdministrationOut(code=one.code, desk=one.desk, version=one.version)


@router.get("/{collectivity}")
async def read(tx: Annotated[Tx, authorize(PUBLIC)], collectivity: Collectivity) -> AdministrationOut:
    """`desk` is null where nothing was published."""
    return _show(await administrations.get(tx, collectivity))


@router.post("/{collectivity}")
async def publish(
    tx: Annotated[Tx, authorize(Action.PUBLISH_CONTACT)], collectivity: Collectivity, body: ContactBlockIn
) -> AdministrationOut:
    """Replies carry it from now on; those that left keep what they said."""
    found = await administrations.get(tx, collectivity)
    event = found.publish(body.address, body.phone, body.web, body.fax, by=tx.actor, now=tx.now)
    await administrations.save(tx, found, because=event)
    return _show(found)
