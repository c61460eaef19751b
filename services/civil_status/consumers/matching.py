"""The window asks which act a person means; the register answers. Decision 0050.

The question arrives as an event and is only put down: opening its seal takes a key, which a transaction
of the inbox does not have. A task opens it, matches, answers, and forgets it.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal
from uuid import uuid4

import structlog
from pydantic import TypeAdapter, ValidationError

from services.civil_status.domain.act import Act
from services.civil_status.domain.identifier import checked
from services.civil_status.domain.matching import Criteria, answer
from services.civil_status.domain.outputs import Output, fold
from services.civil_status.events.matching import Found, MatchingEvent, Unread, Unreadable
from services.civil_status.store import acts, margins, matching
from services.civil_status.store.matching import LIFE, Question
from shared.access import PURPOSE, recorded
from shared.db import Database, Tx
from shared.errors import Problem
from shared.events import Envelope
from shared.sealing import Damaged, KeyGone, Keys, keys_of, sealed_for
from shared.settings import Settings

log = structlog.get_logger(__name__)

ASKED: Final = "ma.jamaa.watiqa.request.matching_asked.v1"
EVERY: Final = 0.5  # seconds between two looks for a question
RENEW: Final = LIFE / 2
"""A new key is published when the present one has this much left: whoever seals always knows a fresh one."""
KEYS_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFacts:
    """What is read of a request of the window; the rest is its own. `sealed`: a compact JWE of
    `Criteria` as JSON,
    for a published key. `reply_key`: a public JWK of this request alone, for which `output` of the act
    is sealed.
    """

    collectivity: str
    sealed: str
    reply_key: dict[str, Any] | None = None
    output: Literal["copy", "full_copy", "extract"] | None = None


_CRITERIA: Final = TypeAdapter(Criteria)


async def take_questions(tx: Tx, envelope: Envelope) -> None:
    """Puts a question down. Asked twice, it is answered as it was asked last."""
    if envelope.type != ASKED:
        return
    facts = envelope.read(AskedFacts)
    await matching.ask(
        tx,
        Question(
            request=envelope.subject,
            collectivity=facts.collectivity,
            sealed=facts.sealed,
            reply_key=facts.reply_key,
            output=facts.output,
        ),
    )


async def answer_questions(database: Database, settings: Settings) -> None:
    """Runs until cancelled."""
    keys = keys_of(settings)
    while True:
        if not await answer_once(database, keys):
            await asyncio.sleep(EVERY)


async def answer_once(database: Database, keys: Keys) -> bool:
    """Answers one question, if there is one. A question that cannot be read is answered so, and holds up
    none.
    """
    async with database.transaction() as tx:
        question = await matching.next_question(tx)
        if question is None:
            return False
        await matching.answered(tx, question, await _answer(tx, question, keys))
        return True


async def _answer(tx: Tx, question: Question, keys: Keys) -> MatchingEvent:
    try:
        wanted = _CRITERIA.validate_json(keys.unseal(question.sealed))
        if wanted.identifier is not None:
            checked(wanted.identifier)
    except KeyGone:
        return Unreadable(answered_at=tx.now, reason=Unread.KEY_GONE)
    except (Damaged, ValidationError, Problem):
        return Unreadable(answered_at=tx.now, reason=Unread.DAMAGED)
    try:
        event, act = answer(await matching.candidates(tx, wanted), wanted, now=tx.now)
    except (ValidationError, Problem) as error:  # its text would say what the act says
        log.error("matching.act_unreadable", request=question.request, error=type(error).__name__)  # noqa: TRY400
        return Unreadable(answered_at=tx.now, reason=Unread.DAMAGED)
    if act is None or not isinstance(event, Found):
        return event
    if not act.margin_known:
        await margins.wanted(tx, act)
    PURPOSE.set("watiqa.request")
    await recorded(
        tx,
        "civil_status",
        action="match",
        aggregate="act",
        owners={str(act.id): ""},
        collectivity=act.collectivity,
    )
    return _told(event, act, question, await acts.died_on(tx, act))


def _told(event: Found, act: Act, question: Question, died_on: date | None) -> Found | Unreadable:
    """With what was asked to be read of the act; and whether an act of death is known, where its margin has
    no mention of it yet.
    """
    if question.output is None or question.reply_key is None:
        return event
    said = fold(act, Output(question.output)) | {"deceased": died_on is not None}
    content = json.dumps(said, ensure_ascii=False).encode()
    try:
        sealed = sealed_for(question.reply_key, content)
    except Damaged:
        return Unreadable(answered_at=event.answered_at, reason=Unread.DAMAGED)
    return Found(**{name: getattr(event, name) for name in _KEPT}, output=question.output, sealed=sealed)


_KEPT: Final = (
    *("answered_at", "act", "act_version", "kind", "office", "collectivity", "linked", "margin_known"),
)


async def keep_keys(database: Database, settings: Settings) -> None:
    """Publishes a fresh key before the present one retires, and destroys those whose time is over. Runs until
    cancelled.
    """
    keys = keys_of(settings)
    while True:
        await keep_keys_once(database, keys)
        await asyncio.sleep(KEYS_EVERY.total_seconds())


async def keep_keys_once(database: Database, keys: Keys) -> None:
    """A key is destroyed before it is announced as gone: a crash between the two destroys it again."""
    async with database.transaction() as tx:
        present = await matching.present_key(tx)
        if present is not None and not keys.holds(present[0]):  # restored elsewhere, or a disk of its own
            log.warning("matching.key_elsewhere", kid=present[0])
        if present is None or not keys.holds(present[0]) or present[1] - tx.now < RENEW:
            kid = uuid4().hex
            await matching.publish(tx, kid, keys.make(kid))
        for kid in await matching.spent(tx):
            keys.destroy(kid)
