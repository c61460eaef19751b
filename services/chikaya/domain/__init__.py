"""The rules of complaints: pure, synchronous, time passed in."""

from services.chikaya.domain.permissions import MAY
from services.chikaya.domain.report import Report
from services.chikaya.domain.states import ACTIONS, NEXT, Action, State

__all__ = ["ACTIONS", "MAY", "NEXT", "Action", "Report", "State"]
