"""People and requests for the tests of the window: every state is reached by real transitions."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.watiqa.domain import Action, Request, State
from services.watiqa.domain.catalogue import catalogue
from services.watiqa.domain.values import Address, Counter, Identity, Match, Wanted
from services.watiqa.events.request import Delivery, RefusalGround
from shared.auth import Actor, Role

CASABLANCA: Final = "06.141.01.0"
OFFICE: Final = f"{CASABLANCA}-01"
ELSEWHERE_OFFICE: Final = "06.371.01.01-01"


def _of_office(subject: str, *roles: Role) -> Actor:
    return Actor(subject=subject, roles=frozenset(roles), communes=frozenset({CASABLANCA}))


CITIZEN: Final = Actor(subject="citizen-1", roles=frozenset({Role.CITIZEN}))
STRANGER: Final = Actor(subject="citizen-2", roles=frozenset({Role.CITIZEN}))
AGENT: Final = _of_office("agent-1", Role.AGENT)
OFFICER: Final = _of_office("officer-1", Role.CIVIL_STATUS_OFFICER)
PRESIDENT: Final = _of_office("president-1", Role.PRESIDENT)
AUTHORITY: Final = Actor(
    subject="authority-1",
    roles=frozenset({Role.CIVIL_STATUS_AUTHORITY}),
    provinces=frozenset({"06.141"}),
)
COURT: Final = Actor(subject="court-1", roles=frozenset({Role.COURT_CLERK}), provinces=frozenset({"06.141"}))
ELSEWHERE: Final = Actor(subject="else-1", roles=frozenset(Role), communes=frozenset({"06.371.01.01"}))

NOW: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
ACT: Final = str(UUID(int=7))
OTHER: Final = str(UUID(int=8))
YASSINE: Final = Wanted(given="ياسين", family="العلمي", event_on=NOW.date())
LETTER: Final = "RR123456785MA"
HOME: Final = Address(name="ياسين", street="12 زنقة مراكش", town="الدار البيضاء", postcode="20000")
FROM_THE_REGISTER: Final = [code for code, one in catalogue().documents.items() if one.register]
"""The documents that are printed from an act."""
PROOFS: Final = {"identity": "0" * 64, "kinship": "1" * 64}


def filed(by: Actor = CITIZEN, **changes: Any) -> Request:
    """Received, and nothing more."""
    said: dict[str, Any] = {
        "document": "birth_extract",
        "collectivity": CASABLANCA,
        "office": OFFICE,
        "capacity": "self",
        "delivery": Delivery.POST,
        "wanted": YASSINE,
        "address": HOME,
    } | changes
    if said["delivery"] is not Delivery.POST:
        said["address"] = None
    made, _ = Request.submit(UUID(int=1), by=by, now=NOW, **said)
    return made


def at_counter(**changes: Any) -> Request:
    counter = Counter(identity=Identity.NATIONAL_CARD)
    return filed(AGENT, counter=counter, delivery=Delivery.COUNTER, **changes)


def closed() -> Request:
    made = filed()
    made.route(NOW, closed=True)
    return made


def unauthorised() -> Request:
    made = filed(capacity="other", proofs={"identity": "0" * 64, "interest": "1" * 64})
    made.route(NOW)
    return made


def asked(**changes: Any) -> Request:
    """The register is asked, and has not answered."""
    made = filed(**changes)
    made.route(NOW)
    made.ask("sealed", {"kty": "EC"}, NOW)
    return made


def found(made: Request, *, linked: bool = False, act: str = ACT, version: int = 1) -> Request:
    made.found(Match(act=act, act_version=version, linked=linked), "answer", NOW)
    return made


def missing() -> Request:
    made = asked()
    made.missing(NOW)
    return made


def ambiguous() -> Request:
    made = asked()
    made.ambiguous(NOW)
    return made


def controlled() -> Request:
    made = found(asked(proofs={"identity": "0" * 64}))
    assert made.state is State.UNDER_CONTROL
    return made


def unpaid() -> Request:
    return found(asked(), linked=True)


def paid() -> Request:
    made = unpaid()
    made.start_payment("p1", by=CITIZEN, now=NOW)
    made.settle_payment("p1", made.fee, now=NOW)
    return made


def issued() -> Request:
    made = paid()
    made.write("d1", NOW)
    made.issued("d1", NOW)
    return made


def posted() -> Request:
    made = issued()
    made.post(LETTER, by=AGENT, now=NOW)
    return made


def returned() -> Request:
    made = posted()
    made.return_(by=AGENT, now=NOW)
    return made


def delivered() -> Request:
    made = issued()
    made.hand_over(by=AGENT, now=NOW)
    return made


def superseded() -> Request:
    made = issued()
    made.overtaken(ACT, 2, NOW)
    return made


def revoked() -> Request:
    made = issued()
    made.revoke(by=OFFICER, now=NOW)
    return made


def refused() -> Request:
    made = controlled()
    made.refuse(RefusalGround.NOT_ENTITLED, by=OFFICER, now=NOW)
    return made


def withdrawn() -> Request:
    made = asked()
    made.withdraw(by=CITIZEN, now=NOW)
    return made


S = State
REACH: Final[Mapping[State, Callable[[], Request]]] = {
    S.RECEIVED: filed,
    S.OFFICE_CLOSED: closed,
    S.AWAITING_AUTHORISATION: unauthorised,
    S.MATCHING: asked,
    S.NOT_FOUND: missing,
    S.AMBIGUOUS: ambiguous,
    S.UNDER_CONTROL: controlled,
    S.UNPAID: unpaid,
    S.ISSUING: paid,
    S.ISSUED: issued,
    S.POSTED: posted,
    S.RETURNED: returned,
    S.DELIVERED: delivered,
    S.SUPERSEDED: superseded,
    S.REVOKED: revoked,
    S.REFUSED: refused,
    S.WITHDRAWN: withdrawn,
}

Take = tuple[Actor, Callable[[Request], Any]]
LATER: Final = NOW + timedelta(hours=1)
A = Action
TAKE: Final[Mapping[Action, Take]] = {
    A.REDIRECT: (
        CITIZEN,
        lambda r: r.redirect(ELSEWHERE_OFFICE, "06.371.01.01", by=CITIZEN, now=LATER),
    ),
    A.AUTHORISE: (AUTHORITY, lambda r: r.authorise(by=AUTHORITY, now=LATER)),
    A.REFUSE_AUTHORISATION: (
        AUTHORITY,
        lambda r: r.refuse_authorisation(RefusalGround.UNFOUNDED, by=AUTHORITY, now=LATER),
    ),
    A.CLARIFY: (CITIZEN, lambda r: r.clarify(YASSINE, by=CITIZEN, now=LATER)),
    A.ADD_PROOF: (CITIZEN, lambda r: r.add_proof("identity", "2" * 64, by=CITIZEN, now=LATER)),
    A.APPROVE: (OFFICER, lambda r: r.approve(by=OFFICER, now=LATER)),
    A.REFUSE: (OFFICER, lambda r: r.refuse(RefusalGround.NOT_THE_ACT, by=OFFICER, now=LATER)),
    A.PAY: (CITIZEN, lambda r: r.start_payment("p2", by=CITIZEN, now=LATER)),
    A.HAND_OVER: (AGENT, lambda r: r.hand_over(by=AGENT, now=LATER)),
    A.POST: (AGENT, lambda r: r.post(LETTER, by=AGENT, now=LATER)),
    A.RETURN: (AGENT, lambda r: r.return_(by=AGENT, now=LATER)),
    A.REISSUE: (CITIZEN, lambda r: r.reissue(by=CITIZEN, now=LATER)),
    A.REVOKE: (OFFICER, lambda r: r.revoke(by=OFFICER, now=LATER)),
    A.WITHDRAW: (CITIZEN, lambda r: r.withdraw(by=CITIZEN, now=LATER)),
}
