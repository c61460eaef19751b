"""An act of the register. It is drawn up once; afterwards only its margin grows (36-21 art. 14, 2-22-04
art. 44).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Self, TypeVar
from uuid import UUID

from services.civil_status.domain.mentions import sentence
from services.civil_status.domain.permissions import demand, may_read, not_permitted, serves
from services.civil_status.domain.states import ACT_ACTIONS, ACT_NEXT, Action, ActState, followed
from services.civil_status.domain.values import (
    Basis,
    Blocks,
    Mention,
    Person,
    Seen,
    demand_named,
    restated,
)
from services.civil_status.events import (
    ActEvent,
    ActKind,
    ActRegistered,
    Annulled,
    DeathKnown,
    DuplicateCleared,
    DuplicateFlagged,
    HolderLinked,
    HolderUnlinked,
    MarginConfirmed,
    MentionAdded,
    MentionKind,
    Origin,
)
from shared.auth import Actor
from shared.errors import Conflict, Forbidden, Invalid
from shared.time import civil_day

E = TypeVar("E", bound=ActEvent)

ON: Final[dict[MentionKind, tuple[frozenset[ActKind], Basis]]] = {
    MentionKind.MARRIAGE: (frozenset({ActKind.BIRTH}), Basis.SUMMARY),
    MentionKind.DISSOLUTION: (frozenset({ActKind.BIRTH}), Basis.SUMMARY),
    MentionKind.DEATH: (frozenset({ActKind.BIRTH}), Basis.ACT_OF_DEATH),
    MentionKind.CORRECTION: (frozenset(ActKind), Basis.DECISION),
    MentionKind.JUDGMENT: (frozenset(ActKind), Basis.JUDGMENT),
}
"""On which acts a mention stands, and by what it is entered."""


@dataclass(kw_only=True)
class Act:
    """`version` is the sequence of its last event. `parties` are references of those whose act it is: the
    person concerned (the `holder`), and who declared it. A transition raises before it changes anything.
    """

    id: UUID
    kind: ActKind
    collectivity: str
    office: str
    year: int
    number: int
    origin: Origin
    identifier: str | None
    blocks: Blocks
    drawn_up_at: datetime
    drawn_up_by: str
    parties: frozenset[str] = frozenset()
    state: ActState = ActState.VALID
    version: int = 0
    mentions: list[Mention] = field(default_factory=list)
    disputed_with: UUID | None = None
    judgment: str | None = None
    margin_checked_at: datetime | None = None
    margin_checked_by: str | None = None
    holder: str | None = None
    holder_seen: Seen | None = None
    holder_by: str | None = None
    holder_at: datetime | None = None

    @classmethod
    def register(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        *,
        kind: ActKind,
        collectivity: str,
        office: str,
        number: int,
        identifier: str | None,
        blocks: Blocks,
        origin: Origin,
        by: Actor,
        now: datetime,
        parties: frozenset[str] = frozenset(),
        declaration: UUID | None = None,
        judgment: str | None = None,
    ) -> tuple[Self, ActRegistered]:
        """Drawn up and signed at once by the officer (36-21 art. 22); the year of the number is the
        civil year of the drafting (2-22-04 art. 19).

        Raises Forbidden outside the office's commune, and for an act of the officer's own family; Invalid
        for an event that is still to come.
        """
        action = Action.REGISTER if origin is Origin.DECLARATION else Action.REGISTER_JUDGMENT
        demand(action, by, collectivity)
        if by.subject in parties:
            raise Forbidden("own_act", "Nobody draws up an act that concerns themselves.")
        today = civil_day(now)
        if blocks.event.on.first > today:
            raise Invalid("event_in_future", "The event is still to come.")
        self = cls(
            id=id,
            kind=kind,
            collectivity=collectivity,
            office=office,
            year=today.year,
            number=number,
            origin=origin,
            identifier=identifier,
            blocks=blocks.checked(),
            drawn_up_at=now,
            drawn_up_by=by.subject,
            parties=parties,
            judgment=judgment,
        )
        return self, self._announce(
            ActRegistered,
            office=office,
            year=today.year,
            number=number,
            origin=origin,
            registered_at=now,
            declaration=None if declaration is None else str(declaration),
            judgment=judgment,
        )

    @classmethod
    def transcribe(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        *,
        kind: ActKind,
        collectivity: str,
        office: str,
        year: int,
        number: int,
        identifier: str | None,
        blocks: Blocks,
        by: Actor,
        now: datetime,
    ) -> tuple[Self, ActRegistered]:
        """What a paper register says, under its own year and number, entered by the officer. `blocks` were
        checked. Raises Forbidden outside the office's commune.
        """
        demand(Action.ENTER_ACT, by, collectivity)
        self = cls(
            id=id,
            kind=kind,
            collectivity=collectivity,
            office=office,
            year=year,
            number=number,
            origin=Origin.DIGITISED,
            identifier=identifier,
            blocks=blocks,
            drawn_up_at=now,
            drawn_up_by=by.subject,
        )
        return self, self._announce(
            ActRegistered,
            office=office,
            year=year,
            number=number,
            origin=Origin.DIGITISED,
            registered_at=now,
        )

    @property
    def reference(self) -> str:
        """As copies name it: number, year, office."""
        return f"{self.number}/{self.year}/{self.office}"

    @property
    def margin_known(self) -> bool:
        """A file that was taken over says what was drawn up, and nothing of the margin."""
        return self.origin is not Origin.IMPORTED or self.margin_checked_at is not None

    def actions(self, by: Actor) -> list[Action]:
        """What `by` may do now; the API returns it with the act and a 409 lists it."""
        moot = {Action.CONFIRM_MARGIN} if self.margin_known else set()
        return sorted(
            action
            for action in ACT_ACTIONS[self.state] - moot
            if serves(action, by, self.collectivity)
            or (action is Action.READ_ACT and may_read(by, self.collectivity, self.parties))
        )

    def note(
        self,
        id: UUID,  # noqa: A002 - the mention's field has this name
        kind: MentionKind,
        *,
        reference: str,
        on: date,
        by: Actor,
        now: datetime,
        changes: Mapping[str, str] | None = None,
        spouse: Person | None = None,
        proof: str | None = None,
    ) -> MentionAdded:
        """A mention in the margin, by the officer, or by the court for its own judgment.

        Raises Forbidden, Conflict `action_not_permitted`, `mention_repeated`, `already_dead`; Invalid
        for what such a mention does not say.
        """
        action = Action.ENTER_JUDGMENT if kind is MentionKind.JUDGMENT else Action.ADD_MENTION
        self._may(action, by)
        return self._noted(id, kind, reference, on, by.subject, now, dict(changes or {}), spouse, proof)

    def corrected(
        self,
        id: UUID,  # noqa: A002 - the mention's field has this name
        *,
        reference: str,
        changes: Mapping[str, str],
        by: Actor,
        now: datetime,
    ) -> MentionAdded:
        """A material error put right by the central authority's decision (36-21 art. 48-51). Who may decide,
        the correction has asked. Raises Conflict when the act was annulled meanwhile.
        """
        if Action.ADD_MENTION not in ACT_ACTIONS[self.state]:
            raise self._conflict(by)
        return self._noted(
            id, MentionKind.CORRECTION, reference, civil_day(now), by.subject, now, dict(changes), None, None
        )

    def _noted(
        self,
        id: UUID,  # noqa: A002
        kind: MentionKind,
        reference: str,
        on: date,
        by: str,
        now: datetime,
        changes: dict[str, str],
        spouse: Person | None,
        proof: str | None,
    ) -> MentionAdded:
        kinds, basis = ON[kind]
        if self.kind not in kinds:
            raise Invalid("mention_not_on_this_act", "Such a mention stands on an act of birth.")
        if on > civil_day(now) or on < self._happened:
            raise Invalid("mention_date", "The day lies between the event of the act and today.")
        if kind in {MentionKind.CORRECTION, MentionKind.JUDGMENT} and not changes:
            raise Invalid("changes_missing", "Say what the act reads from now on.")
        if kind not in {MentionKind.CORRECTION, MentionKind.JUDGMENT} and changes:
            raise Invalid("changes_not_expected", "Only a correction or a judgment restates fields.")
        if kind is MentionKind.MARRIAGE and spouse is None:
            raise Invalid("spouse_missing", "A marriage names the spouse.")
        if any(one.kind is kind and one.reference == reference for one in self.mentions):
            raise Conflict("mention_repeated", "The margin holds this mention already.")
        if kind is MentionKind.DEATH and any(one.kind is kind for one in self.mentions):
            raise Conflict("already_dead", "The margin holds a death already.")
        spouse = None if spouse is None else spouse.checked("spouse")
        changes = self.restatement(changes, now)
        mention = Mention(
            id=id,
            ordinal=len(self.mentions) + 1,
            kind=kind,
            basis=basis,
            reference=reference,
            on=on,
            entered_at=now,
            entered_by=by,
            text=sentence(kind, reference, on, spouse, changes),
            changes=changes,
            spouse=spouse,
            proof=proof,
        )
        self.mentions = [*self.mentions, mention]
        return self._announce(
            MentionAdded,
            mention=str(id),
            mention_kind=kind,
            ordinal=mention.ordinal,
            version=self.version + 1,
            entered_at=now,
            basis=basis.value,
            changes=tuple(mention.changes),
        )

    def restatement(self, changes: Mapping[str, str], now: datetime) -> dict[str, str]:
        """New values as the register writes them. Raises Invalid for what no mention of this act restates,
        `event_in_future`.
        """
        written = {name: restated(name, value) for name, value in sorted(changes.items())}
        demand_named(self.blocks, (one.changes for one in self.mentions), written)
        if written.get("event.on", "") > civil_day(now).isoformat():
            raise Invalid("event_in_future", "The event is still to come.")
        return written

    @property
    def _happened(self) -> date:
        """The day of the event as it now reads, the earliest that it may be."""
        said = [one.changes["event.on"] for one in self.mentions if "event.on" in one.changes]
        return date.fromisoformat(said[-1]) if said else self.blocks.event.on.first

    def death_known(self, now: datetime) -> DeathKnown | None:
        """An act of death of the same identifier was drawn up. Nothing for an act that a court annulled, nor
        where the margin says it already: the mention has announced itself.
        """
        noted = any(one.kind is MentionKind.DEATH for one in self.mentions)
        if self.kind is not ActKind.BIRTH or self.state is ActState.ANNULLED or noted:
            return None
        return self._announce(DeathKnown, known_at=now, version=self.version + 1)

    def confirm_margin(self, *, by: Actor, now: datetime) -> MarginConfirmed:
        """The officer has compared the margin with the paper register, and entered what was missing.

        Raises Forbidden, Conflict `margin_known`.
        """
        self._may(Action.CONFIRM_MARGIN, by)
        if self.margin_known:
            raise Conflict("margin_known", "What stands in the margin of this act is known.")
        self.margin_checked_at, self.margin_checked_by = now, by.subject
        return self._announce(
            MarginConfirmed, confirmed_at=now, version=self.version + 1, mentions=len(self.mentions)
        )

    def link(
        self, account: str | None, seen: Seen | None, *, by: Actor, now: datetime
    ) -> HolderLinked | HolderUnlinked:
        """The officer has seen the person concerned with their card: `account` is theirs. None takes a link
        back that was a mistake.

        Raises Forbidden, also for an account of the officer's; Conflict, Invalid.
        """
        demand(Action.LINK_HOLDER, by, self.collectivity)
        if by.subject in self.parties - {self.holder} or by.subject in {account, self.holder}:
            raise Forbidden("own_act", "Nobody enters anything on an act that concerns themselves.")
        if Action.LINK_HOLDER not in ACT_ACTIONS[self.state]:
            raise self._conflict(by)
        if account is None:
            return self._unlinked(now)
        if self.kind is not ActKind.BIRTH:
            raise Invalid(
                "not_a_birth", "An act of birth is the holder's; one of death is asked for by others."
            )
        if seen is None:
            raise Invalid("identity_missing", "Say by what you knew who stood before you.")
        if self.holder is not None:
            raise Conflict("holder_known", "This act has a holder: take a wrong link back first.")
        if account in self.parties:
            raise Conflict("party_already", "This account is of who declared the act.")
        if any(one.kind is MentionKind.DEATH for one in self.mentions):
            raise Conflict("already_dead", "The margin holds a death already.")
        self.parties = self.parties | {account}
        self.holder, self.holder_seen, self.holder_by, self.holder_at = account, seen, by.subject, now
        return self._announce(HolderLinked, linked_at=now)

    def _unlinked(self, now: datetime) -> HolderUnlinked:
        if self.holder is None:
            raise Conflict("holder_unknown", "This act has no holder yet.")
        self.parties = self.parties - {self.holder}
        self.holder = self.holder_seen = self.holder_by = self.holder_at = None
        return self._announce(HolderUnlinked, unlinked_at=now)

    def flag_duplicate(self, other: UUID, *, by: Actor, now: datetime) -> DuplicateFlagged:
        """Raises Forbidden, Conflict, Invalid `same_act`."""
        self._may(Action.FLAG_DUPLICATE, by)
        if other == self.id:
            raise Invalid("same_act", "An act is no duplicate of itself.")
        self.disputed_with = other
        return self._announce(DuplicateFlagged, to=ActState.DISPUTED, other=str(other), flagged_at=now)

    def clear_duplicate(self, *, by: Actor, now: datetime) -> DuplicateCleared:
        """They are two persons: a person has looked. That they are one, a court says: `annul`."""
        self._may(Action.CLEAR_DUPLICATE, by)
        other, self.disputed_with = self.disputed_with, None
        return self._announce(DuplicateCleared, to=ActState.VALID, other=str(other), cleared_at=now)

    def annul(self, judgment: str, judged_on: date, *, by: Actor, now: datetime) -> Annulled:
        """By a court only. The act stays, with every word that it ever said."""
        self._may(Action.ANNUL, by)
        if judged_on > civil_day(now):
            raise Invalid("mention_date", "The judgment is still to come.")
        self.judgment = judgment
        return self._announce(
            Annulled,
            to=ActState.ANNULLED,
            judgment=judgment,
            judged_on=judged_on,
            annulled_at=now,
            version=self.version + 1,
        )

    def _may(self, action: Action, by: Actor) -> None:
        demand(action, by, self.collectivity)
        if by.subject in self.parties:
            raise Forbidden("own_act", "Nobody enters anything on an act that concerns themselves.")
        if action not in ACT_ACTIONS[self.state]:
            raise self._conflict(by)

    def _conflict(self, by: Actor) -> Conflict:
        return not_permitted("act", self.state, self.actions(by))

    def _announce(self, event: type[E], to: ActState | None = None, **fields: Any) -> E:
        self.state = followed(ACT_NEXT, self.state, to)
        self.version += 1
        return event(collectivity=self.collectivity, kind=self.kind, **fields)
