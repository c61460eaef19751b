"""The officer, who looks before anything is issued."""

from datetime import datetime
from typing import Final

from services.watiqa.domain.request.core import A, Core, S
from services.watiqa.events import request as told
from services.watiqa.events.request import RefusalGround
from shared.auth import Actor
from shared.errors import Conflict, Invalid

CHECK: Final = "POST /civil_status/v1/acts/{}/margin-check"
MARGIN_UNKNOWN: Final = {
    "ar": "لم يقابل هامش الرسم بعد بالسجل الورقي: يقابله ضابط المكتب الذي يمسك الرسم،"
    " ثم يستأنف الطلب من تلقاء نفسه.",
    "fr": "La marge de l'acte n'a pas été comparée au registre papier : l'officier du bureau qui tient l'acte"
    " la compare, puis la demande reprend d'elle-même.",
    "en": "The margin of the act was not compared with the paper register: the officer of the office that"
    " holds the act compares it, then the request goes on by itself.",
}


class Control(Core):
    def add_proof(self, proof: str, digest: str, *, by: Actor, now: datetime) -> told.ProofAdded:
        self._may(A.ADD_PROOF, by)
        if proof not in self.proofs_wanted:
            raise Invalid("proof_not_wanted", "This proof is not wanted.", proofs=list(self.proofs_wanted))
        self.proofs[proof] = digest
        return self._announce(told.ProofAdded, added_at=now, proof=proof)

    def approve(self, *, by: Actor, now: datetime) -> told.Approved:
        """Raises Invalid `proof_missing` while what proves the capacity is not there, Conflict
        `margin_unknown` with the next step, of an act whose margin nobody has compared with the paper.
        """
        if self.waits_for_margin and self._refusal(A.APPROVE, by) is None:
            assert self.match is not None  # it waits for the margin of an act
            check = CHECK.format(self.match.act)
            detail = {language: f"{said} {check}" for language, said in MARGIN_UNKNOWN.items()}
            raise Conflict("margin_unknown", detail, act=self.match.act)
        self._may(A.APPROVE, by)
        if not (self.match and self.match.linked):
            self._proven()
        self.approved_act = self.match.act if self.match else None
        self.approved_by, self.decided_at, self.control = by.subject, now, None
        return self._announce(told.Approved, to=self._after_match, approved_at=now)

    def refuse(self, ground: RefusalGround, *, by: Actor, now: datetime) -> told.Refused:
        self._may(A.REFUSE, by)
        self.ground, self.decided_at, self.answer = ground, now, None
        return self._announce(told.Refused, to=S.REFUSED, refused_at=now, ground=ground)
