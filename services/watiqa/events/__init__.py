"""What `watiqa` announces: that something happened to a request, and where to read it.

Events carry references. Who asks about whom stays here; what the register is asked travels sealed.
"""

from services.watiqa.events.office import OFFICE, OfficeClosed, OfficeEvent, OfficeReopened
from services.watiqa.events.request import REQUEST, RequestEvent
from services.watiqa.events.search import SEARCH, SearchMissed

__all__ = [
    "OFFICE",
    "REQUEST",
    "SEARCH",
    "OfficeClosed",
    "OfficeEvent",
    "OfficeReopened",
    "RequestEvent",
    "SearchMissed",
]
