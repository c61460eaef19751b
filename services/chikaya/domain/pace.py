"""Who may file how much in a minute. No text says it: it keeps a machine that dials, or whoever gives
somebody else's number again and again, from filling the queues and from having a code sent there each time.
"""

from collections.abc import Iterator
from typing import Final

from services.chikaya.domain.report import Report

MOST: Final = 20
"""Reports of one number or address in `SECONDS`: more than a person types, and enough for a caretaker who
reports all that a storm broke.
"""
SECONDS: Final = 60


def counted_for(report: Report) -> Iterator[str]:
    """Whose places it takes: those of each way to reach whoever reported, whoever types it in."""
    if report.contact and report.contact.phone:
        yield f"tel:{report.contact.phone}"
    if report.contact and report.contact.email:
        yield f"mailto:{report.contact.email.casefold()}"
