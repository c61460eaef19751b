"""A report, from the receipt to the reply and after.

Every transition raises before it changes anything, adds one to `version` and returns the one event to save it
with; None means that nothing changed and nothing is saved.
"""

from dataclasses import dataclass

from services.chikaya.domain.report.answering import Answering
from services.chikaya.domain.report.filing import Filing
from services.chikaya.domain.report.handling import Handling
from services.chikaya.domain.report.merging import Merging
from services.chikaya.domain.report.publishing import Publishing
from services.chikaya.domain.report.timing import Timing

__all__ = ["Report"]


@dataclass(kw_only=True)
class Report(Filing, Handling, Answering, Merging, Publishing, Timing):
    """One report: its fields are `Core`'s, its transitions its parts'."""
