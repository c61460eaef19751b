"""The applicant's side of a file before and during instruction: draft, attach, submit, proxies, transfer."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

from services.rokhas.domain.core import Core, wanted
from services.rokhas.domain.permissions import Delegation
from services.rokhas.domain.recueil import Procedure
from services.rokhas.domain.states import Action, State
from services.rokhas.domain.values import (
    Attachment,
    ClockChange,
    ClockRule,
    Counter,
    PaperKind,
    TransferBasis,
)
from services.rokhas.events import (
    Channel,
    Completed,
    DocumentAttached,
    Drafted,
    Granted,
    MessagePosted,
    Outcome,
    ProxyGranted,
    ProxyRevoked,
    Refused,
    Submitted,
    Transferred,
    Withdrawn,
)
from shared.auth import Actor, Role
from shared.errors import Conflict, Forbidden, Invalid, NotFound

MOST_LATE_ENTRY: Final = timedelta(days=7)
"""How far back a counter may date what it received on paper: an error of entry goes to review, never back in
time, and no desk can make a period pass by writing an old date.
"""


class Filing(Core):
    @classmethod
    def draft(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        *,
        procedure: Procedure,
        collectivity: str,
        by: Actor,
        now: datetime,
        applicant: str | None = None,
        counter: Counter | None = None,
        site: str = "",
        purpose: str = "",
    ) -> tuple[Self, Drafted]:
        """A new file. `applicant` differs from the caller only at a counter. Raises Forbidden, Invalid."""
        owner = applicant or by.subject
        if owner != by.subject:
            if not (by.holds(Role.AGENT) and by.covers(collectivity)):
                raise Forbidden("not_allowed", "Only an agent of the commune files for somebody else.")
            if counter is None:
                raise Invalid("counter_unit_missing", "Name the unit that receives (55-19 art. 30).")
        channel = counter.channel if counter else Channel.PORTAL
        if channel not in procedure.channels:
            raise Invalid(
                "channel_not_open", "The procedure is not filed this way.", channels=procedure.channels
            )
        self = cls(
            id=id,
            procedure=procedure,
            collectivity=collectivity,
            applicant=owner,
            channel=channel,
            unit=counter.unit if counter else None,
            drafted_at=now,
            site=site,
            purpose=purpose,
        )
        return self, self._announce(Drafted, drafted_at=now, **self._received(by, counter))

    @classmethod
    def imported(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        *,
        procedure: Procedure,
        collectivity: str,
        applicant: str,
        reference: str,
        submitted_at: datetime,
        by: Actor,
        now: datetime,
        missing: Sequence[str] = (),
        delegations: Sequence[Delegation] = (),
        trial: bool = False,
    ) -> tuple[Self, Submitted]:
        """A running file taken over from another system, by the president or whoever holds their signature:
        its date is taken at their word. On `trial`, of which nothing is saved, an agent may too.

        Raises Forbidden, Invalid (filed in the future, a missing document that the recueil does not require).
        """
        _may_import(by, collectivity, now, delegations, trial=trial)
        _not_future(submitted_at, now)
        for code in missing:
            if not procedure.document(code).required:
                raise Invalid("document_not_required", "A complementary document never delays (RGC art. 37).")
        self = cls(
            id=id,
            procedure=procedure,
            collectivity=collectivity,
            applicant=applicant,
            channel=Channel.IMPORT,
            drafted_at=now,
        )
        return self, self._submitted(reference, submitted_at, tuple(missing), {"channel": Channel.IMPORT})

    def decided_elsewhere(
        self,
        outcome: Outcome,
        *,
        notified_at: datetime,
        by: Actor,
        now: datetime,
        delegations: Sequence[Delegation] = (),
        trial: bool = False,
    ) -> Granted | Refused:
        """The outcome that an imported file already had. Raises Conflict, Forbidden, Invalid."""
        _may_import(by, self.collectivity, now, delegations, trial=trial)
        if self.channel is not Channel.IMPORT or self.state is not State.UNDER_REVIEW or self.version != 1:
            raise Conflict("not_an_import", "Only a file just imported takes over an outcome.")
        if not self.submitted_at or not self.submitted_at <= notified_at <= now:
            raise Invalid("notified_at", "The notification lies between the filing and now.")
        if outcome is Outcome.REFUSED:
            return self._announce(Refused, State.REFUSED, notified_at=notified_at, articles=())
        self.effective_at = notified_at
        return self._announce(
            Granted,
            State.GRANTED,
            notified_at=notified_at,
            late=False,
            binding_opinion=self.binding_opinion(),
        )

    def attach(
        self,
        document: str,
        file: str,
        *,
        by: Actor,
        now: datetime,
        declaration: bool = False,
        counter: Counter | None = None,
    ) -> DocumentAttached | Completed:
        """Adds a document, or replaces it in a draft. The last missing one completes the file: the clock
        starts when it is supplied, not when somebody checks it (55-19 art. 10). After submission only a
        missing or a complementary document is taken. Raises Invalid `not_in_recueil`, Conflict.
        """
        self._may(Action.ATTACH, by, now, counter=counter)
        listed = self.procedure.document(document)
        wanted(file, "file_missing")
        if declaration and not listed.declaration:
            raise Invalid(
                "declaration_not_accepted", "A declaration on honour does not replace this document."
            )
        if self.state is not State.DRAFT and listed.required and document not in self.missing:
            raise Conflict("document_not_requested", "It was supplied; it is replaced when asked for.")
        self._attach(
            Attachment(document=document, file=file, attached_at=now, by=by.subject, declaration=declaration)
        )
        received = self._received(by, counter)
        waiting = bool(self.missing)
        self.missing = tuple(code for code in self.missing if code != document)
        if self.state is State.INCOMPLETE and waiting and not self.missing:
            self.completed_at = now
            self._await(ClockChange.STARTED, now)
            self._forget(ClockRule.MISSING_ITEMS)
            return self._announce(
                Completed, State.UNDER_REVIEW, completed_at=now, document=document, file=file, **received
            )
        return self._announce(
            DocumentAttached,
            attached_at=now,
            document=document,
            file=file,
            declaration=declaration,
            **received,
        )

    def received_at(self, deposited_at: datetime | None, *, by: Actor, now: datetime) -> datetime:
        """When the file was filed: now, or when a counter received it on paper, which only an agent of the
        commune says, of somebody else's file.

        Raises Forbidden `deposit_date_not_yours`; Invalid `filed_in_future` or `deposit_too_old`.
        """
        if deposited_at is None:
            return now
        mine = by.subject in self.parties.proxies | {self.applicant}
        if mine or not (by.holds(Role.AGENT) and by.covers(self.collectivity)):
            raise Forbidden(
                "deposit_date_not_yours",
                {
                    "ar": "لا يصرح بتاريخ الإيداع الورقي إلا شباك الجماعة الذي تسلم الملف.",
                    "fr": "Seul le guichet qui a reçu le dossier sur papier en déclare la date.",
                    "en": "Only the counter that received the file on paper states its date.",
                },
            )
        _not_future(deposited_at, now)
        if deposited_at < now - MOST_LATE_ENTRY:
            raise Invalid(
                "deposit_too_old",
                {
                    "ar": "مضى على الإيداع الورقي أكثر من 7 أيام: يُعرض الأمر على المراجعة.",
                    "fr": "Le dépôt sur papier remonte à plus de 7 jours : il passe par une révision.",
                    "en": "The deposit on paper lies more than 7 days back: it goes to review.",
                },
                earliest=(now - MOST_LATE_ENTRY).isoformat().replace("+00:00", "Z"),
            )
        return deposited_at

    def submit(
        self,
        reference: str,
        *,
        by: Actor,
        now: datetime,
        in_force: Procedure | None = None,
        deposited_at: datetime | None = None,
        circumstances: str = "",
        counter: Counter | None = None,
    ) -> Submitted:
        """The numbered receipt: «ملف مودع» when complete, else «ملف في طور الإيداع» with every missing basic
        document, once (55-19 art. 10). `in_force` is the recueil's version of the day of filing; raises as
        `received_at` for `deposited_at`.
        """
        self._may(Action.SUBMIT, by, now, counter=counter)
        at = self.received_at(deposited_at, by=by, now=now)
        if in_force is not None and in_force.code == self.procedure.code:
            self.procedure = in_force
        self.circumstances = circumstances
        missing = tuple(code for code in self.procedure.required if code not in self.documents)
        return self._submitted(reference, at, missing, self._received(by, counter))

    def _submitted(
        self, reference: str, at: datetime, missing: tuple[str, ...], received: dict[str, object]
    ) -> Submitted:
        self.reference = reference
        self.submitted_at = at
        self.missing = missing
        if not missing:
            self.completed_at = at
            self._await(ClockChange.STARTED, at)
        return self._announce(
            Submitted,
            State.INCOMPLETE if missing else State.UNDER_REVIEW,
            submitted_at=at,
            reference=reference,
            complete=not missing,
            missing=missing,
            **received,
        )

    def withdraw(
        self, *, by: Actor, now: datetime, counter: Counter | None = None, evidence: str | None = None
    ) -> Withdrawn:
        """At a counter, `evidence` is the digest of the signed request. Raises Invalid without it."""
        self._may(Action.WITHDRAW, by, now, counter=counter)
        proof = self._proof(PaperKind.WITHDRAWAL, by, now, evidence)
        self.ended_at = now
        return self._announce(
            Withdrawn, State.WITHDRAWN, withdrawn_at=now, evidence=proof, **self._received(by, counter)
        )

    def transfer(
        self,
        successor: str,
        basis: TransferBasis,
        evidence: str,
        *,
        by: Actor,
        now: datetime,
        counter: Counter | None = None,
    ) -> Transferred:
        """The file or permit goes on with an heir or a buyer, clocks unchanged; proxies end. `evidence` is
        the digest of the deed. Raises Invalid for the same person.
        """
        self._may(Action.TRANSFER, by, now, counter=counter)
        if successor == self.applicant:
            raise Invalid("successor_same", "The successor is another person.")
        wanted(evidence, "evidence_missing")
        received = self._received(by, counter)
        former = (self.applicant, *sorted(self.proxies))
        self._keep(PaperKind.TRANSFER, evidence, by, now)
        self.applicant = successor
        self.proxies = {}
        return self._announce(
            Transferred,
            transferred_at=now,
            successor=successor,
            basis=basis,
            evidence=evidence,
            former=former,
            **received,
        )

    def grant_proxy(
        self, holder: str, *, by: Actor, now: datetime, counter: Counter | None = None
    ) -> ProxyGranted:
        self._may(Action.GRANT_PROXY, by, now, counter=counter)
        if holder == self.applicant:
            raise Invalid("proxy_to_self", "The applicant needs no proxy.")
        if holder in self.proxies:
            raise Conflict("proxy_exists", "This person holds a proxy already.")
        if holder in self.parties.instructors | self.parties.deciders | {self.instructor}:
            raise Conflict("proxy_officer", "Who instructs or decides the file holds no proxy on it.")
        self.proxies = self.proxies | {holder: now}
        return self._announce(ProxyGranted, granted_at=now, holder=holder, **self._received(by, counter))

    def revoke_proxy(
        self, holder: str, *, by: Actor, now: datetime, counter: Counter | None = None
    ) -> ProxyRevoked:
        self._may(Action.REVOKE_PROXY, by, now, counter=counter)
        if holder not in self.proxies:
            raise NotFound("proxy_unknown", "This person holds no proxy.")
        self.proxies = {kept: since for kept, since in self.proxies.items() if kept != holder}
        return self._announce(ProxyRevoked, revoked_at=now, holder=holder, **self._received(by, counter))

    def post_message(
        self, message: str, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()
    ) -> MessagePosted:
        """`message` is the reference of a text kept beside the file."""
        self._may(Action.MESSAGE, by, now, delegations=delegations)
        mine = by.subject in self.parties.proxies | {self.applicant}
        return self._announce(MessagePosted, posted_at=now, message=message, from_applicant=mine)


def _may_import(
    by: Actor, collectivity: str, now: datetime, delegations: Iterable[Delegation], *, trial: bool
) -> None:
    """Raises Forbidden."""
    who = {Role.PRESIDENT, Role.AGENT} if trial else {Role.PRESIDENT}
    if by.holds(*who) and by.covers(collectivity):
        return
    if not any(lent.lends(Action.IMPORT, by.subject, collectivity, now) for lent in delegations):
        raise Forbidden(
            "not_allowed",
            {
                "ar": "لا يستورد الملفات إلا رئيس مجلس الجماعة أو من فُوض له الإمضاء؛ وللعون أن يجرب فقط.",
                "fr": "Seul le président, ou qui a sa signature, importe ; un agent peut essayer.",
                "en": "Only the president, or who holds their signature, imports; an agent may try.",
            },
        )


def _not_future(at: datetime, now: datetime) -> None:
    if at > now:
        raise Invalid(
            "filed_in_future",
            {
                "ar": "لا يمكن أن يكون تاريخ الإيداع في المستقبل.",
                "fr": "La date de dépôt ne peut être dans le futur.",
                "en": "The filing date lies in the future.",
            },
        )
