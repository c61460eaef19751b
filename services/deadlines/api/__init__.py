"""HTTP of `deadlines`: estimates and statistics for everybody, clocks for those who work on them."""

from services.deadlines.api import calendar, clocks, estimates, statistics
from shared.http import Router

router = Router()
for part in (estimates, clocks, calendar, statistics):
    router.include_router(part.router)
