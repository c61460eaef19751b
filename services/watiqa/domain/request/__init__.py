"""A request for an administrative document, from the window to the sealed page and after.

Every transition raises before it changes anything, adds one to `version` and returns the one event to save it
with; None means that nothing changed and nothing is saved.
"""

from dataclasses import dataclass

from services.watiqa.domain.request.control import Control
from services.watiqa.domain.request.filing import Filing
from services.watiqa.domain.request.issuing import Issuing
from services.watiqa.domain.request.matching import Matching
from services.watiqa.domain.request.paying import Paying

__all__ = ["Request"]


@dataclass(kw_only=True)
class Request(Filing, Matching, Control, Paying, Issuing):
    """One request: its fields are `Core`'s, its transitions its parts'."""
