"""The page: written, sealed, handed over, sent, issued again, revoked."""

from datetime import datetime

from services.watiqa.domain.request.core import A, Core, S
from services.watiqa.domain.values import Address, tracked
from services.watiqa.events import request as told
from services.watiqa.events.request import ControlReason, Delivery
from shared.auth import Actor
from shared.errors import Conflict, Invalid


class Issuing(Core):
    @property
    def to_write(self) -> bool:
        return self.state is S.ISSUING and self.ordered is None

    @property
    def cause(self) -> str:
        """What tells one page of this request from another: the same act as it reads is the same page."""
        return f"{self.match.act}/{self.match.act_version}" if self.match else "statement"

    def write(self, sealed_document: str, now: datetime) -> told.PaperOrdered:
        """What the register said is on the page: it is kept here no longer."""
        assert self.to_write  # the row was locked when it was looked at
        self.ordered, self.answer = sealed_document, None
        return self._announce(
            told.PaperOrdered,
            ordered_at=now,
            sealed_document=sealed_document,
            act=self.match.act if self.match else None,
            act_version=self.match.act_version if self.match else None,
        )

    def unwritten(self, reason: ControlReason, now: datetime) -> told.ControlRequired:
        """What is to be printed cannot be, or must not: an officer looks."""
        self.approved_act = None
        return self._control(reason, now)

    def issued(self, sealed_document: str, now: datetime) -> told.Issued | None:
        if self.state is not S.ISSUING or self.ordered != sealed_document:
            return None
        self.issued_at, self.sealed_document = now, sealed_document
        return self._announce(told.Issued, to=S.ISSUED, issued_at=now, sealed_document=sealed_document)

    def hand_over(self, *, by: Actor, now: datetime) -> told.HandedOver:
        self._may(A.HAND_OVER, by)
        return self._announce(told.HandedOver, to=S.DELIVERED, handed_over_at=now)

    def post(self, tracking: str, address: Address | None = None, *, by: Actor, now: datetime) -> told.Posted:
        """`address`: as the person had it corrected after the post brought the letter back. Raises Invalid
        `tracking_malformed`, `address_not_expected`, Conflict `not_for_the_post`.
        """
        self._may(A.POST, by)
        if self.delivery is not Delivery.POST:
            raise Conflict("not_for_the_post", "It is not delivered by post.")
        if address is not None and self.state is not S.RETURNED:
            raise Invalid("address_not_expected", "The address is corrected once the post brought it back.")
        self.tracking, self.address = tracked(tracking), address.checked() if address else self.address
        return self._announce(told.Posted, to=S.POSTED, posted_at=now)

    def return_(self, *, by: Actor, now: datetime) -> told.Returned:
        self._may(A.RETURN, by)
        return self._announce(told.Returned, to=S.RETURNED, returned_at=now)

    def reissue(self, *, by: Actor, now: datetime) -> told.ReissueRequested | None:
        """Of the act as it now reads. Nothing while what was issued still stands: it is the same document. An
        officer's approval was of one issue: what is not issued by itself is looked at again.
        """
        self._may(A.REISSUE, by)
        if self.state is not S.SUPERSEDED:
            return None
        self.paid_at = self.paid_by = self.tracking = self.approved_act = None
        self._ask_again(by)
        return self._announce(told.ReissueRequested, to=S.MATCHING, requested_at=now)

    def revoke(self, *, by: Actor, now: datetime) -> told.Revoked:
        """Issued in error."""
        self._may(A.REVOKE, by)
        self.revoked_for = "issued_in_error"
        return self._announce(told.Revoked, to=S.REVOKED, revoked_at=now, reason="issued_in_error")
