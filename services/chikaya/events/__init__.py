"""What `chikaya` announces: that something happened to a report, and where to read it.

Events carry references: who reported, what they wrote and where exactly stays here.
"""

from services.chikaya.events.administration import ADMINISTRATION, AdministrationEvent, ContactPublished
from services.chikaya.events.report import REPORT, ReportEvent
from services.chikaya.events.subscription import SUBSCRIPTION, SubscriptionEvent

__all__ = [
    "ADMINISTRATION",
    "REPORT",
    "SUBSCRIPTION",
    "AdministrationEvent",
    "ContactPublished",
    "ReportEvent",
    "SubscriptionEvent",
]
