"""An act of a paper register while it is worked on: keyed twice, settled, entered; one person at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from services.civil_status.domain.digitisation.states import ENTRY_ACTIONS, ENTRY_NEXT, WORK, EntryState
from services.civil_status.domain.digitisation.transcription import Transcription, differing
from services.civil_status.domain.digitisation.volume import Volume
from services.civil_status.domain.permissions import demand, not_permitted, serves
from services.civil_status.domain.states import Action, followed
from services.civil_status.events.digitisation import (
    EntryAdjudicated,
    EntryDistinguished,
    EntryDuplicate,
    EntryEvent,
    EntryKeyed,
    EntryListed,
    EntryRegistered,
    EntryRejected,
    EntryReopened,
    EntryReturned,
    EntrySuspected,
    HoldEnded,
    RejectGround,
    ReturnGround,
    TakeoverReason,
)
from shared.auth import Actor
from shared.errors import Conflict, Forbidden, Invalid

E = TypeVar("E", bound=EntryEvent)
S = EntryState


@dataclass(frozen=True, slots=True, kw_only=True)
class Keying:
    """What one operator read, before knowing of the other."""

    ordinal: int
    operator: str
    keyed_at: datetime
    said: Transcription


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Who works on it, and until when: a lease by the real clock."""

    holder: str
    until: datetime


@dataclass(kw_only=True)
class Entry:
    """`version` is the sequence of its last event; `keyings` are those of the present `round`. `candidates`
    are acts of the register that it resembles. A transition raises before it changes anything.
    """

    id: UUID
    volume: UUID
    number: int
    collectivity: str
    pages: tuple[int, ...]
    state: EntryState = S.WAITING
    version: int = 0
    round: int = 1
    keyings: list[Keying] = field(default_factory=list)
    settled: Transcription | None = None
    adjudicator: str | None = None
    defects: tuple[str, ...] = ()
    ground: RejectGround | None = None
    candidates: tuple[UUID, ...] = ()
    number_taken: bool = False
    distinguished: bool = False
    act: UUID | None = None
    hold: Hold | None = None

    @classmethod
    def listed(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        volume: Volume,
        number: int,
        pages: Sequence[int],
    ) -> tuple[Self, EntryListed]:
        """Without a page it is missing, and rejected from the first."""
        self = cls(
            id=id, volume=volume.id, number=number, collectivity=volume.collectivity, pages=tuple(pages)
        )
        if pages:
            return self, self._announce(EntryListed, pages=self.pages)
        self.state, self.ground = S.REJECTED, RejectGround.ACT_MISSING
        return self, self._announce(EntryListed, pages=(), ground=self.ground)

    def actions(self, by: Actor) -> list[Action]:
        """What `by` may do now; the API returns it with the act and a 409 lists it."""
        return sorted(a for a in ENTRY_ACTIONS[self.state] if self._permitted(a, by))

    @property
    def differing(self) -> tuple[str, ...]:
        """Fields that wait for a decision: where the keyings differ, or the controller found a defect."""
        if len(self.keyings) < 2:
            return ()
        return self.defects or differing(self.keyings[0].said, self.keyings[1].said)

    def may_hold(self, by: Actor) -> None:
        """Raises Forbidden, also for who had an earlier part in it (`keyed_already`, `own_keying`,
        `own_work`); Conflict.
        """
        self._may(Action.HOLD, by)
        self._apart(WORK[self.state], by)

    def releasable(self, by: Actor) -> None:
        """Raises Forbidden, Conflict `not_held`, `held_by_another`."""
        self._may(Action.RELEASE, by)
        self._holding(by)

    def taken_over(self, reason: TakeoverReason, *, by: Actor, now: datetime) -> HoldEnded:
        """Raises Conflict `not_held`."""
        self._may(Action.TAKE_OVER, by)
        if self.hold is None:
            raise not_held()
        held_by, self.hold = self.hold.holder, None
        return self._announce(HoldEnded, held_by=held_by, reason=reason, ended_at=now)

    def key(self, said: Transcription, *, by: Actor, now: datetime) -> EntryKeyed:
        """`said` was checked. After the second keying the two are compared.

        Raises Forbidden `keyed_already`; Conflict `not_held`, `held_by_another`.
        """
        self._may(Action.KEY, by)
        self._holding(by)
        self._apart(Action.KEY, by)
        ordinal = len(self.keyings) + 1
        found = differing(self.keyings[0].said, said) if self.keyings else ()
        self.keyings = [
            *self.keyings,
            Keying(ordinal=ordinal, operator=by.subject, keyed_at=now, said=said),
        ]
        self.hold = None
        if ordinal == 1:
            return self._announce(EntryKeyed, to=S.KEYED_ONCE, ordinal=1, keyed_at=now)
        self.settled = None if found else said
        to = S.DIFFERING if found else S.SETTLED
        return self._announce(EntryKeyed, to=to, ordinal=ordinal, keyed_at=now, differing=found)

    def adjudicate(self, said: Transcription, *, by: Actor, now: datetime) -> EntryAdjudicated:
        """What the page says, by a third person.

        Raises Forbidden `own_keying`; Conflict `not_held`, `held_by_another`.
        """
        self._may(Action.ADJUDICATE, by)
        self._holding(by)
        self._apart(Action.ADJUDICATE, by)
        first, second = (keying.said for keying in self.keyings)
        decided = differing(first, second)
        against = set(differing(first, said)) & set(differing(second, said))
        self.settled, self.adjudicator, self.hold, self.defects = said, by.subject, None, ()
        overruled = tuple(sorted(against - set(decided)))
        return self._announce(
            EntryAdjudicated, to=S.SETTLED, decided=decided, overruled=overruled, adjudicated_at=now
        )

    def errors(self) -> dict[str, int]:
        """By operator, how many fields of their keying are not what was settled."""
        assert self.settled is not None
        return {one.operator: len(differing(one.said, self.settled)) for one in self.keyings}

    def checkable(self, by: Actor) -> None:
        """A controller compares it with the page: has the hold, and no earlier part in it. Raises Forbidden
        `own_work`; Conflict.
        """
        demand(Action.CHECK_ACT, by, self.collectivity)
        if self.state is not S.SETTLED:
            raise self._conflict(by)
        self._holding(by)
        self._apart(Action.CHECK_ACT, by)

    def returned(self, ground: ReturnGround, *, now: datetime, defects: Sequence[str] = ()) -> EntryReturned:
        """To a third person: the volume's check or conclusion says so."""
        self.hold, self.defects = None, tuple(sorted(set(defects)))
        return self._announce(EntryReturned, to=S.DIFFERING, ground=ground, returned_at=now)

    def reject(self, ground: RejectGround, *, by: Actor, now: datetime) -> EntryRejected:
        """By who holds it. What to do next is in the rules, by ground."""
        self._may(Action.REJECT_ENTRY, by)
        self._holding(by)
        self.ground, self.hold = ground, None
        return self._announce(EntryRejected, to=S.REJECTED, ground=ground, rejected_at=now)

    def reopen(self, pages: Sequence[int], *, by: Actor, now: datetime) -> EntryReopened:
        """It can be read after all, on these pages: two keyings from the start.

        Raises Invalid `pages_missing`.
        """
        self._may(Action.REOPEN_ENTRY, by)
        if not pages:
            raise Invalid("pages_missing", "Say on which pages it stands.")
        self.pages, self.ground, self.keyings, self.round = tuple(pages), None, [], self.round + 1
        self.settled = self.adjudicator = None
        self.defects, self.candidates, self.number_taken, self.distinguished = (), (), False, False
        return self._announce(EntryReopened, to=S.WAITING, reopened_at=now)

    def suspect(
        self, candidates: Sequence[UUID], *, number_taken: bool, by: Actor, now: datetime
    ) -> EntrySuspected:
        """It resembles acts of the register, or one of them bears its number: nothing is entered."""
        self._may(Action.ENTER_ACT, by)
        self.candidates, self.number_taken = tuple(candidates), number_taken
        return self._announce(
            EntrySuspected,
            to=S.SUSPECTED,
            candidates=tuple(str(one) for one in candidates),
            suspected_at=now,
        )

    def same(self, act: UUID, *, by: Actor, now: datetime) -> EntryDuplicate:
        """The register holds it already. Raises Invalid `not_a_candidate`."""
        self._may(Action.DECIDE_DUPLICATE, by)
        self._holding(by)
        if act not in self.candidates:
            raise Invalid("not_a_candidate", "It was compared with other acts than this one.")
        self.act, self.hold = act, None
        return self._announce(EntryDuplicate, to=S.DUPLICATE, act=str(act), decided_at=now)

    def distinguish(self, *, by: Actor, now: datetime) -> EntryDistinguished:
        """It is another act. Raises Conflict `number_taken`: two acts never bear one number."""
        self._may(Action.DECIDE_DUPLICATE, by)
        self._holding(by)
        if self.number_taken:
            raise number_taken()
        self.distinguished, self.hold = True, None
        return self._announce(EntryDistinguished, to=S.SETTLED, distinguished_at=now)

    def entered(self, act: UUID, *, by: Actor, now: datetime) -> EntryRegistered:
        """The officer has entered it in the register."""
        self._may(Action.ENTER_ACT, by)
        self.act, self.hold = act, None
        return self._announce(EntryRegistered, to=S.REGISTERED, act=str(act), registered_at=now)

    def _apart(self, work: Action, by: Actor) -> None:
        """Each part in an act is another person's; who keyed twice is caught before who adjudicates."""
        keyed = by.subject in {one.operator for one in self.keyings}
        if work is Action.KEY and keyed:
            raise Forbidden(
                "keyed_already",
                {
                    "ar": "الإدخالان مستقلان: لا يُدخل الشخص الرسم نفسه مرتين.",
                    "fr": "Les deux saisies sont indépendantes : nul ne saisit deux fois le même acte.",
                    "en": "The two keyings are independent: nobody keys the same act twice.",
                },
            )
        if work is Action.ADJUDICATE and keyed:
            raise Forbidden(
                "own_keying",
                {
                    "ar": "لا يحكم أحد في ما أدخله بنفسه.",
                    "fr": "Nul n'arbitre sa propre saisie.",
                    "en": "Nobody adjudicates their own keying.",
                },
            )
        if work is Action.CHECK_ACT and (keyed or by.subject == self.adjudicator):
            raise Forbidden(
                "own_work",
                {
                    "ar": "لا يراقب أحد جودة عمله.",
                    "fr": "Nul ne contrôle son propre travail.",
                    "en": "Nobody checks the quality of their own work.",
                },
            )

    def _holding(self, by: Actor) -> None:
        if self.hold is None:
            raise not_held()
        if self.hold.holder != by.subject:
            raise held_by_another(self.hold)

    def _permitted(self, action: Action, by: Actor) -> bool:
        if not serves(action, by, self.collectivity):
            return False
        if action is Action.HOLD:
            return serves(WORK[self.state], by, self.collectivity)
        # A missing act is reported by whoever does the work of its state.
        return action is not Action.REJECT_ENTRY or serves(WORK[self.state], by, self.collectivity)

    def _may(self, action: Action, by: Actor) -> None:
        demand(action, by, self.collectivity)
        if action not in ENTRY_ACTIONS[self.state] or not self._permitted(action, by):
            raise self._conflict(by)

    def _conflict(self, by: Actor) -> Conflict:
        return not_permitted("entry", self.state, self.actions(by))

    def _announce(self, event: type[E], to: EntryState | None = None, **fields: Any) -> E:
        self.state = followed(ENTRY_NEXT, self.state, to)
        self.version += 1
        return event(collectivity=self.collectivity, volume=str(self.volume), number=self.number, **fields)


def not_held() -> Conflict:
    return Conflict(
        "not_held",
        {
            "ar": "احجزوا الرسم أولا، أو انتهت مدة الحجز.",
            "fr": "Réservez d'abord l'acte : votre réservation manque ou a expiré.",
            "en": "Hold the act first: you hold it no more, or never did.",
        },
    )


def held_by_another(hold: Hold) -> Conflict:
    return Conflict(
        "held_by_another",
        {
            "ar": "يشتغل شخص آخر على هذا الرسم.",
            "fr": "Une autre personne travaille sur cet acte.",
            "en": "Somebody else is working on this act.",
        },
        holder=hold.holder,
        until=hold.until.isoformat().replace("+00:00", "Z"),
    )


def number_taken() -> Conflict:
    return Conflict(
        "number_taken",
        {
            "ar": "يوجد في السجل رسم آخر بهذا الرقم.",
            "fr": "Un autre acte du registre porte ce numéro.",
            "en": "Another act of the register bears this number.",
        },
    )
