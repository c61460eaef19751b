"""The permit file."""

from dataclasses import dataclass

from services.rokhas.domain.commission import Commission
from services.rokhas.domain.decisions import Decisions
from services.rokhas.domain.ends import Ends
from services.rokhas.domain.filing import Filing
from services.rokhas.domain.silence import Silence


@dataclass(kw_only=True)
class Dossier(Filing, Silence, Commission, Decisions, Ends):
    """One application for one permit, from its draft to its end.

    Every method that changes it returns the one event that says so (or nothing, where a repeated
    announcement changes nothing) and adds one to `version`.
    """
