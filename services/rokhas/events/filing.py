"""What the applicant did, or an agent at a counter for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.rokhas.events.common import Deposited, DossierEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted(Deposited):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.drafted.v1"
    drafted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentAttached(Deposited):
    """`document` is the code in the recueil, `file` the content's digest."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.document_attached.v1"
    attached_at: datetime
    document: str
    file: str
    declaration: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(Deposited):
    """`complete` starts the clock; otherwise `missing` lists, once and exhaustively, what must still come
    (55-19 art. 10).
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.submitted.v1"
    submitted_at: datetime
    reference: str
    complete: bool
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(Deposited):
    """The last listed document came at `completed_at`: the clock starts."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.completed.v1"
    completed_at: datetime
    document: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswered(Deposited):
    """`suspension_ends` when no other suspending request stays open; `restarts` when the applicant
    deposited a substantively modified project (RGC art. 41); `nothing_more` when they declared that nothing
    will come.
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.answered_request.v1"
    answered_at: datetime
    request: str
    suspension_ends: bool
    restarts: bool
    documents: tuple[str, ...] = ()
    nothing_more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Deposited):
    """`evidence` is the digest of the signed request, where a counter entered it."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.withdrawn.v1"
    withdrawn_at: datetime
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renounced(Deposited):
    """`evidence` as in `Withdrawn`."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.renounced.v1"
    renounced_at: datetime
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred(Deposited):
    """The file or its permit goes on with an heir or a buyer; no clock stops. `evidence` is a digest;
    `former` are the applicant until now and the holders of the proxies, which end.
    """

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.transferred.v1"
    transferred_at: datetime
    successor: str
    basis: str
    evidence: str
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyGranted(Deposited):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.proxy_granted.v1"
    granted_at: datetime
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRevoked(Deposited):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.proxy_revoked.v1"
    revoked_at: datetime
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorksStarted(Deposited):
    """Keeps the permit from lapsing (12-90 art. 49)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.works_started.v1"
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePosted(DossierEvent):
    """`message` is the reference of a text that stays in the file."""

    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.message_posted.v1"
    posted_at: datetime
    message: str
    from_applicant: bool
