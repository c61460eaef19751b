"""The rules of the register: pure, synchronous, time passed in."""

from services.civil_status.domain.act import Act
from services.civil_status.domain.permissions import MAY
from services.civil_status.domain.states import ACT_ACTIONS, ACT_NEXT, Action, ActState

__all__ = ["ACT_ACTIONS", "ACT_NEXT", "MAY", "Act", "ActState", "Action"]
