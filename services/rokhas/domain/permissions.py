"""Who may do what: role by action, territory, ownership, and the separation of duties."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from services.rokhas.domain.states import Action
from services.rokhas.events import DelegationGiven, DelegationRevoked
from shared.auth import OFFICERS, Actor, Role
from shared.errors import Conflict, Forbidden, Invalid

A = Action

_APPLICANT: Final = frozenset({Role.CITIZEN, Role.ARCHITECT})
_DEPOSIT: Final = _APPLICANT | {Role.AGENT}
_OFFICE: Final = frozenset({Role.AGENT, Role.INSTRUCTOR})
_PRESIDENT: Final = frozenset({Role.PRESIDENT})
_GOVERNOR: Final = frozenset({Role.GOVERNOR})
_READERS: Final = _DEPOSIT | OFFICERS | {Role.GOVERNOR, Role.AUDITOR}

MAY: Final[dict[Action, frozenset[Role]]] = {
    A.READ_RECUEIL: frozenset(Role),
    A.DRAFT: _DEPOSIT,
    A.LIST: _READERS,
    A.READ: _READERS,
    A.EXPORT: _OFFICE | _PRESIDENT | _GOVERNOR,
    A.UPLOAD: _DEPOSIT | _OFFICE | _PRESIDENT | _GOVERNOR,
    A.IMPORT: _PRESIDENT | {Role.AGENT},  # an agent only to try: see `Dossier.imported`
    A.DELEGATE: _PRESIDENT,
    A.ATTACH: _DEPOSIT,
    A.SUBMIT: _DEPOSIT,
    A.ANSWER: _DEPOSIT,
    A.WITHDRAW: _DEPOSIT,
    A.RENOUNCE: _DEPOSIT,
    A.TRANSFER: _DEPOSIT,
    A.GRANT_PROXY: _DEPOSIT,
    A.REVOKE_PROXY: _DEPOSIT,
    A.PAY: _DEPOSIT,
    A.START_WORKS: _DEPOSIT,
    A.INVOKE: _DEPOSIT,
    A.REQUEST_ATTESTATION: _DEPOSIT,
    A.APPEAL: _DEPOSIT,
    A.ESCALATE_APPEAL: _DEPOSIT,
    A.MESSAGE: _APPLICANT | _OFFICE | _PRESIDENT,
    A.ASSIGN: _PRESIDENT | _OFFICE,
    A.RETURN: _OFFICE,
    A.REQUEST_REPLACEMENT: _OFFICE,
    A.REQUEST_INFORMATION: _OFFICE,
    A.REQUEST_MODIFICATION: _OFFICE,
    A.REMIND: _OFFICE,
    A.EXTEND: _OFFICE,
    A.CLOSE_AS_REPEAT: _OFFICE,
    A.REQUEST_OPINION: _OFFICE,
    A.GIVE_OPINION: _OFFICE | _GOVERNOR,
    A.FORWARD: _OFFICE,
    A.CONVENE: _OFFICE,
    A.SIGN_MINUTES: _OFFICE,
    A.ASSESS_FEE: _OFFICE,
    A.GRANT: _PRESIDENT,
    A.REFUSE: _PRESIDENT,
    A.RECORD_HANDOVER: frozenset({Role.AGENT, Role.PRESIDENT}),
    A.CONFIRM_HANDOVER: _OFFICE | _PRESIDENT,
    A.REJECT_HANDOVER: _OFFICE | _PRESIDENT,
    A.ANSWER_APPEAL: _PRESIDENT,
    A.DELIVER: _PRESIDENT,
    A.TRANSMIT: _OFFICE | _PRESIDENT,
    A.LAPSE: _OFFICE | _PRESIDENT,
    A.ASK_EXPLANATIONS: _GOVERNOR,
    A.ATTEST: _GOVERNOR,
    A.INVITE_PRESIDENT: _GOVERNOR,
    A.ANNUL: _GOVERNOR,
}

APPLICANTS: Final = frozenset(action for action, roles in MAY.items() if roles == _DEPOSIT) - {A.DRAFT}
"""What the applicant does; an agent does it for them at the counter, naming the unit (55-19 art. 30)."""

NOT_BY_PROXY: Final = frozenset({A.GRANT_PROXY, A.REVOKE_PROXY, A.TRANSFER})
"""A proxy holder cannot give the file away."""

INSTRUCTING: Final = frozenset(
    {
        A.RETURN,
        A.REQUEST_REPLACEMENT,
        A.REQUEST_INFORMATION,
        A.REQUEST_MODIFICATION,
        A.REMIND,
        A.EXTEND,
        A.CLOSE_AS_REPEAT,
        A.REQUEST_OPINION,
        A.GIVE_OPINION,
        A.FORWARD,
        A.CONVENE,
        A.SIGN_MINUTES,
    }
)
DECIDING: Final = frozenset({A.GRANT, A.REFUSE, A.RECORD_HANDOVER, A.ANSWER_APPEAL, A.DELIVER})
"""Who instructs does not decide: nobody does both on one file."""


class DelegationKind(StrEnum):
    """The president's signature, or another officer's work while they are absent."""

    SIGNATURE = "signature"
    ABSENCE = "absence"


DELEGABLE: Final[dict[DelegationKind, frozenset[Action]]] = {
    DelegationKind.SIGNATURE: DECIDING | {A.ASSIGN, A.TRANSMIT, A.IMPORT},
    DelegationKind.ABSENCE: INSTRUCTING | {A.ASSESS_FEE, A.MESSAGE, A.CONFIRM_HANDOVER, A.REJECT_HANDOVER},
}


@dataclass(kw_only=True)
class Delegation:
    """An aggregate of its own: `holder` acts for `giver` in one commune from `starts_at` until `ends_at`."""

    id: UUID
    collectivity: str
    kind: DelegationKind
    giver: str
    holder: str
    starts_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None
    version: int = 0

    @classmethod
    def give(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        *,
        collectivity: str,
        kind: DelegationKind,
        giver: str,
        holder: str,
        starts_at: datetime,
        ends_at: datetime,
        by: Actor,
        now: datetime,
    ) -> tuple[Self, DelegationGiven]:
        """The signature is the president's own to delegate; an absence is covered for any officer.

        Raises Forbidden outside the commune, Invalid for an empty or past period or for the giver as holder.
        """
        if not by.holds(Role.PRESIDENT) or not by.covers(collectivity):
            raise Forbidden("delegation_forbidden", "Only the president of the commune delegates.")
        if kind is DelegationKind.SIGNATURE and giver != by.subject:
            raise Forbidden("delegation_forbidden", "The president delegates their own signature only.")
        if giver == holder:
            raise Invalid("delegation_to_self", "The holder is another person than the giver.")
        if not starts_at < ends_at or ends_at <= now:
            raise Invalid("delegation_period", "The period ends after it starts, and after now.")
        self = cls(
            id=id,
            collectivity=collectivity,
            kind=kind,
            giver=giver,
            holder=holder,
            starts_at=starts_at,
            ends_at=ends_at,
            version=1,
        )
        return self, DelegationGiven(
            collectivity=collectivity,
            kind=kind,
            giver=giver,
            holder=holder,
            starts_at=starts_at,
            ends_at=ends_at,
        )

    def revoke(self, *, by: Actor, now: datetime) -> DelegationRevoked:
        """Raises Conflict when it is revoked already, Forbidden outside the commune."""
        if not by.holds(Role.PRESIDENT) or not by.covers(self.collectivity):
            raise Forbidden("delegation_forbidden", "Only the president of the commune revokes.")
        if self.revoked_at is not None:
            raise Conflict("delegation_revoked", "It is revoked already.")
        self.revoked_at = now
        self.version += 1
        return DelegationRevoked(collectivity=self.collectivity, revoked_at=now)

    def lends(self, action: Action, holder: str, collectivity: str, now: datetime) -> bool:
        return (
            action in DELEGABLE[self.kind]
            and holder == self.holder
            and collectivity == self.collectivity
            and self.starts_at <= now < self.ends_at
            and (self.revoked_at is None or now < self.revoked_at)
        )


@dataclass(frozen=True, slots=True)
class Parties:
    """Who is who on one file."""

    collectivity: str
    applicant: str
    proxies: frozenset[str]
    instructors: frozenset[str]
    """Everybody who ever instructed the file."""
    deciders: frozenset[str]
    assigned: str | None = None
    """Who has the file on their table."""


def allowed(
    action: Action,
    by: Actor,
    parties: Parties,
    *,
    now: datetime,
    unit: str | None = None,
    delegations: Iterable[Delegation] = (),
) -> Forbidden | None:
    """Why `by` may not do it, or nothing. `unit` is the counter's, for an agent acting for the applicant."""
    if action in APPLICANTS:
        return _as_applicant(action, by, parties, unit)
    if action is A.MESSAGE and by.subject in parties.proxies | {parties.applicant}:
        return None
    lent = any(d.lends(action, by.subject, parties.collectivity, now) for d in delegations)
    if not lent and not (by.holds(*MAY[action] - _APPLICANT) and by.covers(parties.collectivity)):
        return Forbidden("not_allowed", "Your role or your territory does not allow this.")
    # Nobody locks the president out of a file by assigning it to them: that takes an act of instruction.
    entrusted = by.subject == parties.assigned and not by.holds(Role.PRESIDENT)
    both = (action in DECIDING and (by.subject in parties.instructors or entrusted)) or (
        action in INSTRUCTING and by.subject in parties.deciders
    )
    if both:
        return _separation()
    if action not in {A.READ, A.MESSAGE} and by.subject in parties.proxies | {parties.applicant}:
        return Forbidden("own_file", "Nobody instructs or decides their own application.")
    return None


def _as_applicant(action: Action, by: Actor, parties: Parties, unit: str | None) -> Forbidden | None:
    if by.subject == parties.applicant:
        return None
    if by.subject in parties.proxies and action not in NOT_BY_PROXY:
        return None
    if by.holds(Role.AGENT) and by.covers(parties.collectivity):
        if unit:
            return None
        return Forbidden(
            "counter_unit_missing", "At the counter, name the unit that receives (55-19 art. 30)."
        )
    return Forbidden("not_allowed", "Only the applicant, their proxy or an agent at the counter may do this.")


def _separation() -> Forbidden:
    return Forbidden(
        "separation_of_duties",
        {
            "ar": "من يدرس الملف لا يبت فيه.",
            "fr": "Qui instruit le dossier ne le décide pas.",
            "en": "Who instructs the file does not decide it.",
        },
    )


def may_read(by: Actor, parties: Parties) -> bool:
    """Applicants and proxies their own files; officers their commune's; a governor their province's."""
    return by.subject in parties.proxies | {parties.applicant} or (
        by.holds(*MAY[A.READ] - _APPLICANT) and by.covers(parties.collectivity)
    )


def permitted(
    actions: Iterable[Action],
    by: Actor,
    parties: Parties,
    now: datetime,
    delegations: Sequence[Delegation] = (),
) -> list[Action]:
    """Those of `actions` that `by` may take, sorted; at a counter the unit is still to be named."""
    return sorted(
        action
        for action in actions
        if allowed(action, by, parties, now=now, unit="-", delegations=delegations) is None
    )
