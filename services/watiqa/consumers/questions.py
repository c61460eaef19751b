"""What takes a key: the register is asked under seal, its answer is opened and written on a page.

The handlers of the inbox have a transaction and no key; these tasks have both. Decision 0050.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import structlog

from services.watiqa.domain import Request
from services.watiqa.domain.catalogue import Layout
from services.watiqa.domain.papers import Said, died, paper
from services.watiqa.events import RequestEvent
from services.watiqa.events.request import ControlReason
from services.watiqa.store import register, requests
from shared.db import Database, Tx
from shared.documents import order
from shared.sealing import Damaged, KeyGone, Keys, keys_of, sealed_for
from shared.settings import Settings

log = structlog.get_logger(__name__)

EVERY: Final = 0.5  # seconds between two looks
RETRY: Final = 5.0  # seconds before the next try, while the register has published no key
FORGET_EVERY: Final = 60.0


async def ask_register(database: Database, settings: Settings) -> None:
    """Runs until cancelled."""
    keys = keys_of(settings)
    while True:
        if not await ask_once(database, keys):
            await asyncio.sleep(EVERY)


async def ask_once(database: Database, keys: Keys) -> bool:
    """Asks about one request, if there is one. The key is made before the question goes out, and known to the
    database, else nobody would destroy it. What cannot be sealed now is tried again, and holds up no other.
    """
    async with database.transaction() as tx:
        request = await requests.due(tx, "ask")
        if request is None:
            return False
        public = await register.present_keys(tx)
        try:
            sealed = _sealed(public, _criteria(request))
            reply_key = None if sealed is None else keys.make(request.key)
        except Exception as bad:  # noqa: BLE001 -- whatever it is, it concerns this one
            log.warning("watiqa.question_unsealed", request=str(request.id), error=type(bad).__name__)
            sealed = reply_key = None
        if sealed is None or reply_key is None:
            await requests.later(tx, request.id, RETRY)
            return True
        await register.made(tx, request.key, request.id)
        await requests.save(tx, request, because=request.ask(sealed, reply_key, tx.now))
        return True


def _sealed(public: Sequence[Mapping[str, Any]], content: bytes) -> str | None:
    """For the newest key that is one; None while the register has published none."""
    for key in public:
        try:
            return sealed_for(key, content)
        except Damaged:
            log.warning("watiqa.register_key_damaged", kid=str(key.get("kid", "")))
    return None


def _criteria(request: Request) -> bytes:
    """What the register is to look for, as it reads it."""
    assert request.wanted is not None
    assert request.listed.register is not None
    said = {name: value for name, value in asdict(request.wanted).items() if value is not None}
    said |= {"kind": request.listed.register.kind.value}
    if request.applicant:
        said |= {"asker": request.applicant}
    return json.dumps(said, default=str).encode()


async def write_papers(database: Database, settings: Settings) -> None:
    """Runs until cancelled."""
    keys = keys_of(settings)
    while True:
        if not await write_once(database, keys):
            await asyncio.sleep(EVERY)


async def write_once(database: Database, keys: Keys) -> bool:
    """Writes one page, if one is due, and orders its seal."""
    async with database.transaction() as tx:
        request = await requests.due(tx, "write")
        if request is None:
            return False
        await requests.save(tx, request, because=await _write(tx, request, keys))
        return True


async def _write(tx: Tx, request: Request, keys: Keys) -> RequestEvent:
    said: Said | None = None
    if request.match is not None:
        try:
            said = register.opened(request, keys)
        except (KeyGone, Damaged) as gone:
            log.warning("watiqa.answer_unopened", request=str(request.id), error=type(gone).__name__)
            return request.unopened(tx.now)
    try:
        if said is not None and request.listed.layout is Layout.LIFE and died(said):
            return request.unwritten(ControlReason.DECEASED, tx.now)
        content = paper(request, said, tx.now)
        content.canonical  # noqa: B018 -- judged here: only the database's own errors are left to `order`
    except Exception as unwritable:  # noqa: BLE001 -- an officer sees it; raised, it would hold up the others
        log.warning("watiqa.page_unwritten", request=str(request.id), error=type(unwritable).__name__)
        return request.unwritten(ControlReason.NOT_PRINTABLE, tx.now)
    document = await order(
        tx,
        about=request.id,
        collectivity=request.collectivity,
        kind=request.document,
        cause=request.cause,
        content=content,
    )
    return request.write(str(document), tx.now)


async def forget_keys(database: Database, settings: Settings) -> None:
    """Destroys the keys of what was answered and written, refused or withdrawn. Runs until cancelled."""
    keys = keys_of(settings)
    while True:
        await forget_once(database, keys)
        await asyncio.sleep(FORGET_EVERY)


async def forget_once(database: Database, keys: Keys) -> None:
    """A key is destroyed before it is put down as gone: a crash between the two destroys it again."""
    async with database.transaction() as tx:
        spent = await register.spent(tx)
        for kid in spent:
            keys.destroy(kid)
        await register.gone(tx, spent)
