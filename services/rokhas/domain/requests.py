"""What the office may ask, when, and what the answer does to the clock (55-19 art. 10, 14)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from services.rokhas.domain.core import Core, clock_unknown, too_early, wanted
from services.rokhas.domain.permissions import Delegation
from services.rokhas.domain.states import Action, State
from services.rokhas.domain.values import (
    Attachment,
    ClockChange,
    ClockRule,
    Counter,
    Extension,
    ExtensionGround,
    Request,
    RequestKind,
)
from services.rokhas.events import (
    Assigned,
    Extended,
    InformationRequested,
    ModificationRequested,
    ReplacementRequested,
    RequestAnswered,
    RequestReminded,
    Returned,
)
from shared.auth import Actor
from shared.errors import Conflict, Forbidden, Invalid, NotFound
from shared.time import civil_day

APPLICANTS_PERIODS: Final = frozenset({ClockRule.MISSING_ITEMS, ClockRule.REPLACEMENT, ClockRule.UNANSWERED})
BETWEEN_REMINDERS: Final = timedelta(days=7)
"""Ours, no law's: a reminder a week is one that is read."""


class Requests(Core):
    def request_replacement(
        self,
        request: str,
        document: str,
        reasons: str,
        *,
        by: Actor,
        now: datetime,
        delegations: Sequence[Delegation] = (),
    ) -> ReplacementRequested:
        """One per document, in the first half: the clock is suspended until it is produced (55-19 art. 10),
        unless the document is a complementary one, which never delays (RGC art. 37).

        Raises Conflict `first_half_over` with the last day on which it was possible, `already_requested`,
        `clock_unknown`; Invalid `not_in_recueil`.
        """
        self._may(Action.REQUEST_REPLACEMENT, by, now, delegations=delegations)
        suspends = self.procedure.document(document).required
        wanted(reasons, "reasons_missing")
        if document not in self.documents:
            raise Conflict(
                "document_not_supplied", "What was not listed on the receipt is not asked for later."
            )
        if any(r.kind is RequestKind.REPLACEMENT and r.document == document for r in self.requests):
            raise Conflict("already_requested", "A replacement of this document was requested already.")
        self._in_first_half(now, or_raise=True)
        made = Request(
            id=request,
            kind=RequestKind.REPLACEMENT,
            requested_at=now,
            by=by.subject,
            reasons=reasons,
            suspends=suspends,
            document=document,
        )
        return self._announce(
            ReplacementRequested,
            self._record(made, Action.REQUEST_REPLACEMENT, by),
            requested_at=now,
            request=request,
            suspends=suspends,
            document=document,
        )

    def request_information(
        self,
        request: str,
        reasons: str,
        *,
        by: Actor,
        now: datetime,
        documents: Sequence[str] = (),
        delegations: Sequence[Delegation] = (),
    ) -> InformationRequested:
        """One per file, in the first half, of what the recueil lists (55-19 art. 3, 14); a commission's
        request for modifications takes its place. It suspends nothing when it names complementary documents
        only (RGC art. 37). Raises as `request_replacement`.
        """
        self._may(Action.REQUEST_INFORMATION, by, now, delegations=delegations)
        suspends = self._delays(documents)
        wanted(reasons, "reasons_missing")
        if self._information_used:
            raise Conflict("already_requested", "Complementary information was requested already.")
        self._in_first_half(now, or_raise=True)
        made = Request(
            id=request,
            kind=RequestKind.INFORMATION,
            requested_at=now,
            by=by.subject,
            reasons=reasons,
            suspends=suspends,
            documents=tuple(documents),
        )
        return self._announce(
            InformationRequested,
            self._record(made, Action.REQUEST_INFORMATION, by),
            requested_at=now,
            request=request,
            suspends=suspends,
            documents=tuple(documents),
        )

    def request_modification(
        self,
        request: str,
        reasons: str,
        *,
        by: Actor,
        now: datetime,
        documents: Sequence[str] = (),
        delegations: Sequence[Delegation] = (),
    ) -> ModificationRequested:
        """The commission's (RGC art. 41). It counts as the one information request: made in the first half
        and as the first it suspends, unless it names complementary documents only (RGC art. 37); later it
        may still be made and suspends nothing.
        """
        self._may(Action.REQUEST_MODIFICATION, by, now, delegations=delegations)
        delays = self._delays(documents)
        wanted(reasons, "reasons_missing")
        suspends = self._in_first_half(now) and not self._information_used and delays
        made = Request(
            id=request,
            kind=RequestKind.MODIFICATION,
            requested_at=now,
            by=by.subject,
            reasons=reasons,
            suspends=suspends,
            documents=tuple(documents),
        )
        return self._announce(
            ModificationRequested,
            self._record(made, Action.REQUEST_MODIFICATION, by),
            requested_at=now,
            request=request,
            suspends=suspends,
            documents=tuple(documents),
        )

    def answer(
        self,
        request: str,
        *,
        by: Actor,
        now: datetime,
        documents: Mapping[str, str] | None = None,
        text: str = "",
        substantive: bool = False,
        nothing_more: bool = False,
        counter: Counter | None = None,
    ) -> RequestAnswered:
        """`documents` is code → digest. Only a substantively modified project, deposited on the commission's
        request and declared `substantive` by the applicant, restarts the clock (RGC art. 41).

        `nothing_more`: the applicant declares that what was asked for will not come. The clock goes on with
        the days that remain (55-19 art. 14) and the office decides on what it has. Not for a replacement:
        without that document the file is returned (55-19 art. 10).

        Raises NotFound `request_unknown`, Conflict `request_answered`, Invalid `documents_missing`,
        `documents_not_requested`, `answer_empty`, `replacement_owed` or `answer_contradictory`.
        """
        self._may(Action.ANSWER, by, now, counter=counter)
        asked = self._asked(request)
        supplied = dict(documents or {})
        if nothing_more:
            _check_nothing_more(asked, supplied, substantive=substantive)
        else:
            self._check_answer(asked, supplied, text)
        received = self._received(by, counter)
        for code, file in supplied.items():
            self._attach(Attachment(document=code, file=file, attached_at=now, by=by.subject))
        self._replace_request(asked, answered_at=now, answer=text)
        suspension_ends = asked.suspends and not self._suspended_by
        for rule in (ClockRule.REPLACEMENT, ClockRule.UNANSWERED):
            self.clocks.pop(f"{rule}/{request}", None)
        restarts = self._restarts(asked, now, substantive=substantive)
        if restarts:
            self._await(ClockChange.RESTARTED, now)
        elif suspension_ends:
            self._await(ClockChange.RESUMED, now)
        return self._announce(
            RequestAnswered,
            State.UNDER_REVIEW if suspension_ends else None,
            answered_at=now,
            request=request,
            suspension_ends=suspension_ends,
            restarts=restarts,
            documents=tuple(supplied),
            nothing_more=nothing_more,
            **received,
        )

    def remind(
        self, request: str, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()
    ) -> RequestReminded:
        """The law gives an unanswered request no end (55-19 art. 14): the office recalls it, once a week at
        most. Raises NotFound `request_unknown`, Conflict `request_answered`, `request_runs_on` or
        `reminded_lately`.
        """
        self._may(Action.REMIND, by, now, delegations=delegations)
        asked = self._asked(request)
        if not asked.suspends:
            raise Conflict("request_runs_on", "It suspends nothing: nothing waits for its answer.")
        next_at = (asked.reminded_at or asked.requested_at) + BETWEEN_REMINDERS
        if now < next_at:
            raise Conflict(
                "reminded_lately",
                {
                    "ar": "لا يُذكَّر بطلب إلا بعد مرور أسبوع.",
                    "fr": "Une demande ne se rappelle qu'après une semaine.",
                    "en": "A request is recalled once a week at most.",
                },
                earliest=next_at.isoformat().replace("+00:00", "Z"),
            )
        self._replace_request(asked, reminded_at=now)
        self._acted(Action.REMIND, by)
        return self._announce(RequestReminded, reminded_at=now, request=request)

    def return_file(self, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()) -> Returned:
        """Once the applicant's 30 days have passed (55-19 art. 10), or those of `completion.unanswered` where
        that rule is in force. Until then what they supply counts.

        Raises Conflict `nothing_owed`, `too_early` with the instant, or `clock_unknown`.
        """
        self._may(Action.RETURN, by, now, delegations=delegations)
        owed = self._owed
        if not owed:
            raise Conflict(
                "nothing_owed",
                {
                    "ar": "لا يترتب على المرتفق أي أجل: يمكن تذكيره بالطلب.",
                    "fr": "Aucun délai ne court contre le pétitionnaire : la demande peut lui être rappelée.",
                    "en": "No period runs against the applicant: the request may be recalled to them.",
                },
            )
        periods = (clock for clock in self.clocks.values() if clock.discriminator in owed)
        dates = (clock.answer_by for clock in periods if clock.rule in APPLICANTS_PERIODS)
        due = min((date for date in dates if date), default=None)
        if due is None or now < due:
            raise too_early(due)
        self._acted(Action.RETURN, by)
        return self._returned(now)

    def extend(
        self,
        days: int,
        ground: ExtensionGround,
        *,
        by: Actor,
        now: datetime,
        delegations: Sequence[Delegation] = (),
    ) -> Extended:
        """Once, for a technical expertise or a public inquiry (55-19 art. 17), while the period runs.

        Raises Conflict `already_extended`, `deadline_passed` or `clock_unknown`; Invalid for the days.
        """
        self._may(Action.EXTEND, by, now, delegations=delegations)
        if self.extension is not None:
            raise Conflict("already_extended", "The period is extended only once (55-19 art. 17).")
        if not 1 <= days <= self.procedure.extension_max_days:
            raise Invalid("extension_days", f"From 1 to {self.procedure.extension_max_days} days.")
        if self.state is State.UNDER_REVIEW and now >= self._answer_by():
            raise Conflict("deadline_passed", "The period has passed.")
        self.extension = Extension(days=days, ground=ground, extended_at=now)
        self._await(ClockChange.EXTENDED, now)
        self._acted(Action.EXTEND, by)
        return self._announce(Extended, extended_at=now, days=days, ground=ground)

    def assign(
        self, instructor: str, *, by: Actor, now: datetime, delegations: Sequence[Delegation] = ()
    ) -> Assigned:
        """Gives the file to an instructor of the commune, or to another one. Raises Conflict, Forbidden."""
        self._may(Action.ASSIGN, by, now, delegations=delegations)
        if instructor == self.instructor:
            raise Conflict("already_assigned", "This person instructs the file already.")
        if instructor in self.decided_by or instructor in self.parties.proxies | {self.applicant}:
            raise Forbidden("separation_of_duties", "This person decides the file, or applied for it.")
        previous, self.instructor = self.instructor, instructor
        return self._announce(Assigned, assigned_at=now, instructor=instructor, previous=previous)

    def _delays(self, documents: Sequence[str]) -> bool:
        """Raises Invalid `not_in_recueil`."""
        listed = [self.procedure.document(code) for code in documents]
        return not listed or any(document.required for document in listed)

    def _check_answer(self, asked: Request, supplied: Mapping[str, str], text: str) -> None:
        for code, file in supplied.items():
            self.procedure.document(code)
            wanted(file, "file_missing")
        owed = {asked.document} if asked.kind is RequestKind.REPLACEMENT else set(asked.documents)
        missing = sorted(code for code in owed if code and code not in supplied)
        if missing:
            raise Invalid("documents_missing", "The request names other documents.", missing=missing)
        if asked.kind is RequestKind.REPLACEMENT and set(supplied) != owed:
            raise Invalid("documents_not_requested", "Only the document that was asked for is replaced.")
        if not supplied and (asked.kind is RequestKind.MODIFICATION or not text.strip()):
            raise Invalid("answer_empty", "An answer supplies documents or information.")

    @property
    def _information_used(self) -> bool:
        return any(made.kind in {RequestKind.INFORMATION, RequestKind.MODIFICATION} for made in self.requests)

    @property
    def _suspended_by(self) -> list[Request]:
        return [made for made in self.requests if made.suspends and made.open]

    @property
    def _owed(self) -> dict[str, tuple[str, ...]]:
        """What returns the file when it stays away: the receipt's list, each replacement asked for, and any
        other request that a clock times. By the discriminator of that clock.
        """
        if self.state is State.INCOMPLETE:
            return {"": tuple(f"missing:{document}" for document in self.missing)}
        if self.state is not State.SUSPENDED:
            return {}
        timed = {clock.discriminator for clock in self.clocks.values() if clock.rule == ClockRule.UNANSWERED}
        replacement = RequestKind.REPLACEMENT
        return {
            made.id: (f"missing:{made.document}" if made.kind is replacement else f"unanswered:{made.kind}",)
            for made in self._suspended_by
            if made.kind is replacement or made.id in timed
        }

    def _asked(self, request: str) -> Request:
        asked = next((made for made in self.requests if made.id == request), None)
        if asked is None:
            raise NotFound("request_unknown", "No such request on this file.")
        if not asked.open:
            raise Conflict("request_answered", "This request was answered.")
        return asked

    def _restarts(self, asked: Request, now: datetime, *, substantive: bool) -> bool:
        """A new deposit restarts the clock once nothing else suspends it, and not after the period passed."""
        self.restart_due |= substantive and asked.kind is RequestKind.MODIFICATION
        if not self.restart_due or self._suspended_by:
            return False
        self.restart_due = False
        return self.state is State.SUSPENDED or not self._is_late(now)

    def _returned(self, now: datetime) -> Returned:
        reasons = tuple(reason for owed in self._owed.values() for reason in owed)
        self.ended_at = now
        return self._announce(Returned, State.RETURNED, returned_at=now, reasons=reasons)

    def _in_first_half(self, now: datetime, *, or_raise: bool = False) -> bool:
        """While suspended no day passes: what was in the first half still is."""
        if self.state is State.SUSPENDED:
            return True
        self._answer_by()
        limit = self.clock.first_half_until if self.clock else None
        if limit is None:
            raise clock_unknown()
        if civil_day(now) <= limit:
            return True
        if or_raise:
            raise Conflict(
                "first_half_over",
                {
                    "ar": f"انصرم النصف الأول من الأجل: كان الطلب ممكنا إلى غاية {limit}.",
                    "fr": f"La première moitié du délai est passée : c'était possible jusqu'au {limit}.",
                    "en": f"The first half of the period is over: it could be asked until {limit}.",
                },
                possible_until=limit.isoformat(),
            )
        return False

    def _record(self, made: Request, action: Action, by: Actor) -> State | None:
        """The state that follows; a request made while suspended changes neither state nor clock."""
        self.requests = [*self.requests, made]
        self._acted(action, by)
        if not made.suspends or self.state is State.SUSPENDED:
            return None
        self._await(ClockChange.SUSPENDED, made.requested_at)
        return State.SUSPENDED


def _check_nothing_more(asked: Request, supplied: Mapping[str, str], *, substantive: bool) -> None:
    if asked.kind is RequestKind.REPLACEMENT:
        raise Invalid(
            "replacement_owed",
            {
                "ar": "بدون هذه الوثيقة يُرجع الملف: قدموها أو اسحبوا الطلب.",
                "fr": "Sans cette pièce le dossier est rendu : fournissez-la ou retirez la demande.",
                "en": "Without this document the file is returned: supply it, or withdraw.",
            },
        )
    if supplied or substantive:
        raise Invalid("answer_contradictory", "Either something comes with this answer or nothing does.")
