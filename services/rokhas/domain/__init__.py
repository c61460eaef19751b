"""The rules of a permit file: pure, synchronous, time passed in."""

from services.rokhas.domain.decisions import late_refusal
from services.rokhas.domain.dossier import Dossier
from services.rokhas.domain.permissions import MAY, Delegation, DelegationKind, allowed, may_read
from services.rokhas.domain.procedures import Procedures, load
from services.rokhas.domain.recueil import Procedure, SilenceEffect
from services.rokhas.domain.states import ACTIONS, FINAL, NEXT, Action, State

__all__ = [
    "ACTIONS",
    "FINAL",
    "MAY",
    "NEXT",
    "Action",
    "Delegation",
    "DelegationKind",
    "Dossier",
    "Procedure",
    "Procedures",
    "SilenceEffect",
    "State",
    "allowed",
    "late_refusal",
    "load",
    "may_read",
]
