"""An office at which documents are asked for: open, or closed until it says otherwise."""

from dataclasses import dataclass
from datetime import datetime

from services.watiqa.domain.permissions import demand
from services.watiqa.domain.states import Action
from services.watiqa.events import OfficeClosed, OfficeReopened
from services.watiqa.events.office import ClosureReason
from shared.auth import Actor
from shared.errors import Conflict


@dataclass(kw_only=True)
class Office:
    """`code` is the commune's and two digits; an office of which nothing was ever said is open, version 0."""

    code: str
    closed_at: datetime | None = None
    reason: ClosureReason | None = None
    until: datetime | None = None
    version: int = 0

    @property
    def collectivity(self) -> str:
        return self.code.rpartition("-")[0]

    @property
    def closed(self) -> bool:
        return self.closed_at is not None

    def close(
        self, reason: ClosureReason, until: datetime | None, *, by: Actor, now: datetime
    ) -> OfficeClosed:
        """Raises Forbidden, Conflict `office_closed`."""
        demand(Action.CLOSE_OFFICE, by, self.collectivity)
        if self.closed:
            raise Conflict("office_closed", "It is closed.")
        self.closed_at, self.reason, self.until = now, reason, until
        self.version += 1
        return OfficeClosed(collectivity=self.collectivity, closed_at=now, reason=reason, until=until)

    def reopen(self, *, by: Actor, now: datetime) -> OfficeReopened:
        """Raises Forbidden, Conflict `office_open`."""
        demand(Action.REOPEN_OFFICE, by, self.collectivity)
        if not self.closed:
            raise Conflict("office_open", "It is open.")
        self.closed_at = self.reason = self.until = None
        self.version += 1
        return OfficeReopened(collectivity=self.collectivity, reopened_at=now)
