"""What `chikaya` announces: that something happened to a report, and where to read it.

Events carry references: who reported, what they wrote and where exactly stays here.
"""

from services.chikaya.events.administration import ADMINISTRATION, AdministrationEvent, ContactPublished
from services.chikaya.events.report import REPORT, ReportEvent
from services.chikaya.events.subscription import SUBSCRIPTION, SubscriptionEvent
from services.chikaya.events.template import TEMPLATE, TemplateEvent
from services.chikaya.events.yearly_report import YEARLY_REPORT, YearlyReportEvent

__all__ = [
    "ADMINISTRATION",
    "REPORT",
    "SUBSCRIPTION",
    "TEMPLATE",
    "YEARLY_REPORT",
    "AdministrationEvent",
    "ContactPublished",
    "ReportEvent",
    "SubscriptionEvent",
    "TemplateEvent",
    "YearlyReportEvent",
]
