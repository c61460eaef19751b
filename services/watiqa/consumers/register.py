"""Watiqa listens to the register: which keys to ask it with, what it answers, which acts have changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.watiqa.domain.catalogue import Layout
from services.watiqa.domain.values import Match
from services.watiqa.events import RequestEvent
from services.watiqa.events.request import MatchAmbiguous, MatchMissing
from services.watiqa.store import register, requests, searches
from shared.db import Tx
from shared.documents import Standing, withdraw
from shared.events import Envelope

OF: Final = "ma.jamaa.civil_status."
PUBLISHED: Final = f"{OF}sealing_key.published.v1"
DESTROYED: Final = f"{OF}sealing_key.destroyed.v1"
FOUND: Final = f"{OF}matching.found.v1"
AMBIGUOUS: Final = f"{OF}matching.ambiguous.v1"
MISSING: Final = f"{OF}matching.not_found.v1"
UNREADABLE: Final = f"{OF}matching.unreadable.v1"
ANSWERS: Final = frozenset({FOUND, AMBIGUOUS, MISSING, UNREADABLE})
NOTED: Final = f"{OF}act.mention_added.v1"
CONFIRMED: Final = f"{OF}act.margin_confirmed.v1"
FLAGGED: Final = f"{OF}act.duplicate_flagged.v1"
CLEARED: Final = f"{OF}act.duplicate_cleared.v1"
ANNULLED: Final = f"{OF}act.annulled.v1"
DEAD: Final = f"{OF}act.death_known.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    public: dict[str, str]
    retires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFacts:
    """What is read of an answer; `reason` is why a question could not be read."""

    act: str | None = None
    act_version: int | None = None
    sealed: str | None = None
    linked: bool = False
    margin_known: bool = True
    reason: str | None = None
    acts: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFacts:
    """What is read of a change of an act: whether what was issued of it still stands."""

    version: int
    supersedes: bool = True


async def hear_register(tx: Tx, envelope: Envelope) -> None:
    """A type that this release does not know changes nothing."""
    if envelope.type == PUBLISHED:
        key = envelope.read(KeyFacts)
        await register.published(tx, envelope.subject, key.public, key.retires_at)
    elif envelope.type == DESTROYED:
        await register.destroyed(tx, envelope.subject)
    elif envelope.type in ANSWERS:
        await _answered(tx, envelope)
    elif envelope.type in {NOTED, ANNULLED, DEAD}:
        facts = envelope.read(ChangeFacts)
        if facts.supersedes:
            await _changed(tx, envelope, facts.version)
    if envelope.type in {CONFIRMED, FLAGGED, CLEARED, ANNULLED}:
        await _asked_again(tx, envelope)


async def _answered(tx: Tx, envelope: Envelope) -> None:
    """The act before the request, as `_changed` locks them."""
    facts = envelope.read(AnswerFacts)
    newest = await register.newest(tx, facts.act) if facts.act is not None else 0
    older = [
        Match(act=act, act_version=version)
        for act, version in sorted(zip(facts.acts, facts.versions, strict=False))
        if await register.newest(tx, act) > version
    ]
    request = await requests.locked(tx, UUID(envelope.subject))
    event: RequestEvent | None
    if envelope.type == FOUND:
        assert facts.act is not None  # every found event has it, and its version
        assert facts.act_version is not None
        match = Match(
            act=facts.act,
            act_version=facts.act_version,
            linked=facts.linked,
            margin_known=facts.margin_known,
        )
        if facts.sealed is None or newest > facts.act_version:
            event = request.outdated(match, tx.now)
        else:
            event = request.found(match, facts.sealed, tx.now)
    elif older:
        event = request.outdated(older[0], tx.now)
    elif envelope.type == AMBIGUOUS:
        event = request.ambiguous(tx.now, candidates=facts.acts)
    elif envelope.type == MISSING:
        event = request.missing(tx.now)
    else:
        event = request.unreadable(facts.reason or "", tx.now)
    if event is not None:
        await requests.save(tx, request, because=event)
        if isinstance(event, MatchAmbiguous | MatchMissing):
            await searches.missed(tx, request)


async def _changed(tx: Tx, envelope: Envelope, version: int) -> None:
    """Every request that was answered of an earlier version, and the pages that were issued on it; of a death
    that stands in no margin yet, what certifies a life. The version is put down first: an answer of before
    that arrives later is known to be old.
    """
    act, annulled = envelope.subject, envelope.type == ANNULLED
    await register.changed(tx, act, version)
    for request_id in await requests.of_act(tx, act, version):
        request = await requests.locked(tx, request_id)
        if envelope.type == DEAD and request.listed.layout is not Layout.LIFE:
            continue
        event = request.overtaken(act, version, tx.now, annulled=annulled)
        if event is None:
            continue
        await requests.save(tx, request, because=event)
        state, reason = (
            (Standing.REVOKED, "act_annulled") if annulled else (Standing.SUPERSEDED, "act_changed")
        )
        await withdraw(tx, "watiqa", about=request_id, state=state, reason=reason)


async def _asked_again(tx: Tx, envelope: Envelope) -> None:
    """The margin of an act was compared with the paper, or the act is disputed, or is so no longer: what
    waits for that, or is not issued yet, is asked again. Its version is the event's own sequence.
    """
    act, version = envelope.subject, envelope.sequence
    await register.changed(tx, act, version)
    if envelope.type in {ANNULLED, CLEARED}:
        waiting = await requests.among(tx, act)
    else:
        waiting = await requests.of_act(tx, act, version)
    for request_id in waiting:
        request = await requests.locked(tx, request_id)
        event = {
            CONFIRMED: request.margin_known,
            FLAGGED: request.disputed,
            CLEARED: request.decided,
            ANNULLED: request.decided,
        }[envelope.type](act, version, tx.now)
        if event is not None:
            await requests.save(tx, request, because=event)
