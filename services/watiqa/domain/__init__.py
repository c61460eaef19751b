"""The rules of the window: pure, synchronous, time passed in."""

from services.watiqa.domain.permissions import MAY
from services.watiqa.domain.request import Request
from services.watiqa.domain.states import ACTIONS, NEXT, Action, State

__all__ = ["ACTIONS", "MAY", "NEXT", "Action", "Request", "State"]
