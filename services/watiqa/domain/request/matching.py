"""What the register is asked, and what its answers and its changes do."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.watiqa.domain.request.core import A, Core, S
from services.watiqa.domain.states import STANDING, UNDER_WAY
from services.watiqa.domain.values import Match, Wanted
from services.watiqa.events import RequestEvent
from services.watiqa.events import request as told
from services.watiqa.events.request import ControlReason
from shared.auth import Actor


class Matching(Core):
    @property
    def to_ask(self) -> bool:
        return self.state is S.MATCHING and self.asked_at is None

    @property
    def key(self) -> str:
        """The name of the key that the register answers to: one for each question."""
        return f"{self.id}-{self.asked}"

    @property
    def key_in_use(self) -> str | None:
        """None once nothing is to be opened any more: the key is destroyed."""
        return self.key if self._awaited or self.answer is not None else None

    def ask(self, sealed: str, reply_key: Mapping[str, str], now: datetime) -> told.MatchingAsked:
        assert self.to_ask  # the row was locked when it was looked at
        assert self.listed.register is not None
        self.asked_at = now
        return self._announce(
            told.MatchingAsked,
            asked_at=now,
            sealed=sealed,
            reply_key=dict(reply_key),
            output=self.listed.register.output.value,
        )

    def found(self, match: Match, sealed: str, now: datetime) -> RequestEvent | None:
        """Issued without an officer where policy allows it: the register knows whose the act is, or a
        counter saw who asks, or an officer has approved this very act before; and what stands in its margin
        is known.
        """
        if not self._awaited:
            return None
        self.match, self.answer = match, sealed
        if not match.margin_known:
            return self._control(ControlReason.MARGIN_UNKNOWN, now)
        at_counter = self.counter is not None and self.capacity == "self"
        automatic = self.listed.automatic and self.known.by_register and (match.linked or at_counter)
        if automatic or self.approved_act == match.act:
            return self._announce(
                told.Matched,
                to=self._after_match,
                matched_at=now,
                act=match.act,
                act_version=match.act_version,
            )
        if not self.listed.automatic:
            return self._control(ControlReason.POLICY, now)
        return self._control(
            ControlReason.NOT_LINKED if self.known.by_register else ControlReason.PROOFS, now
        )

    def ambiguous(self, now: datetime, candidates: Sequence[str] = ()) -> told.MatchAmbiguous | None:
        """`candidates` are the acts that fit, or the one that is disputed."""
        if not self._awaited:
            return None
        self.candidates = tuple(candidates)
        self._miss(now)
        return self._announce(told.MatchAmbiguous, to=S.AMBIGUOUS, answered_at=now)

    def missing(self, now: datetime) -> told.MatchMissing | None:
        if not self._awaited:
            return None
        self._miss(now)
        return self._announce(told.MatchMissing, to=S.NOT_FOUND, answered_at=now)

    def unreadable(self, reason: str, now: datetime) -> RequestEvent | None:
        """Asked again where the key was gone; a question that says nothing finds nothing."""
        if not self._awaited:
            return None
        if reason != "key_gone":
            return self.missing(now)
        self._ask_again()
        return self._announce(told.MatchUnreadable, answered_at=now, reason=reason)

    def unopened(self, now: datetime) -> told.MatchUnreadable:
        """What the register sealed cannot be opened any more: it is asked again."""
        self._ask_again()
        return self._announce(told.MatchUnreadable, to=S.MATCHING, answered_at=now, reason="key_gone")

    def clarify(self, wanted: Wanted, *, by: Actor, now: datetime) -> told.Clarified:
        self._may(A.CLARIFY, by)
        self.wanted = wanted.checked()
        self._ask_again(by)
        return self._announce(told.Clarified, to=S.MATCHING, clarified_at=now)

    def overtaken(
        self, act: str, version: int, now: datetime, *, annulled: bool = False
    ) -> told.Overtaken | told.Revoked | None:
        """The act changed. Nothing for a request that was answered of this version already."""
        if under_way := self.disputed(act, version, now):
            return under_way
        if not self._is_of(act, version):
            return None
        if annulled and self.state in STANDING | {S.SUPERSEDED}:
            assert self.match is not None  # it is of this act
            self.revoked_for = "act_annulled"
            self.match = replace(self.match, act_version=version)
            return self._announce(told.Revoked, to=S.REVOKED, revoked_at=now, reason="act_annulled")
        if self.state in STANDING:
            to = S.SUPERSEDED
        else:
            return None
        return self._announce(told.Overtaken, to=to, overtaken_at=now, act=act, act_version=version)

    def disputed(self, act: str, version: int, now: datetime) -> told.Overtaken | None:
        """The act seems to be a duplicate, or changed: what is not issued yet is asked for again."""
        if not self._is_of(act, version) or self.state not in UNDER_WAY | {S.OFFICE_CLOSED}:
            return None
        self._ask_again()
        self.retried = True
        to = None if self.state is S.OFFICE_CLOSED else S.MATCHING
        return self._announce(told.Overtaken, to=to, overtaken_at=now, act=act, act_version=version)

    def decided(self, act: str, version: int, now: datetime) -> told.Overtaken | None:
        """A person, or a court, has decided about one of the acts that it waits for."""
        if self.state is not S.AMBIGUOUS or act not in self.candidates:
            return None
        self._ask_again()
        self.retried = True
        return self._announce(told.Overtaken, to=S.MATCHING, overtaken_at=now, act=act, act_version=version)

    def _is_of(self, act: str, version: int) -> bool:
        """Whether it was answered of an earlier version of this act."""
        return self.match is not None and self.match.act == act and self.match.act_version < version

    def margin_known(self, act: str, version: int, now: datetime) -> told.Overtaken | None:
        """Somebody has compared the margin with the paper: what waited for that is asked again. What was
        issued stands, for a mention that was missing supersedes it by itself.
        """
        waits = self.state in {S.UNDER_CONTROL, S.OFFICE_CLOSED} and self.match is not None
        if not waits or self.match is None or self.match.act != act or self.match.margin_known:
            return None
        self._ask_again()
        self.retried = True
        to = S.MATCHING if self.state is S.UNDER_CONTROL else None
        return self._announce(told.Overtaken, to=to, overtaken_at=now, act=act, act_version=version)

    def outdated(self, match: Match, now: datetime) -> told.Overtaken | None:
        """The answer is of an act that changed since it was read: asked again."""
        if not self._awaited:
            return None
        self._ask_again()
        return self._announce(told.Overtaken, overtaken_at=now, act=match.act, act_version=match.act_version)
