"""Days of the register: Gregorian and Hijri side by side, and as exact as the register knows them."""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from hijridate import Gregorian, Hijri

from shared.errors import Invalid

FIRST_YEAR: Final = 1800  # of anybody whom an act since 1915 may name
COMPUTED: Final = (date(1924, 8, 1), date(2077, 11, 16))  # where Umm al-Qura's tables reach
OBSERVED_WITHIN: Final = 2
"""Days between the Moroccan calendar, which is observed, and the computed one: more is a slip of the pen."""
HIJRI: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)


@lru_cache(maxsize=50_000)  # days since 1915
def hijri_of(day: date) -> str | None:
    """The computed Hijri day, `1447-09-01`; None where no table reaches."""
    if not COMPUTED[0] <= day <= COMPUTED[1]:
        return None
    return Gregorian.fromdate(day).to_hijri().isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDate:
    """`month` and `day` are None where an old register knows the year only. `hijri` is the day as
    observed and written, or computed when nobody stated it (`hijri_computed`): the two may differ by a day
    or two. What is computed need not be stored: 55 million times it would be 2 GiB.
    """

    year: int
    month: int | None = None
    day: int | None = None
    hijri: str | None = None
    hijri_computed: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for a day that no month has."""
        if self.hijri is None and self.exact and (computed := hijri_of(self.exact)):
            object.__setattr__(self, "hijri", computed)
            object.__setattr__(self, "hijri_computed", True)

    @classmethod
    def of(cls, day: date, hijri: str | None = None) -> "RegisterDate":
        """An exact day. Raises Invalid `hijri_mismatch` for a Hijri day that is not about that day."""
        made = cls(year=day.year, month=day.month, day=day.day, hijri=hijri)
        made.check_hijri()
        return made

    @classmethod
    def partial(cls, year: int, month: int | None = None, hijri: str | None = None) -> "RegisterDate":
        """Raises Invalid `date_out_of_range`; `hijri_mismatch` for a Hijri day of another year or month."""
        if not FIRST_YEAR <= year <= date.max.year or not (month is None or 1 <= month <= 12):
            raise Invalid("date_out_of_range", "There is no such year or month in a register.")
        made = cls(year=year, month=month, hijri=hijri)
        made.check_hijri()
        return made

    def check_hijri(self) -> None:
        """Raises Invalid `hijri_mismatch`."""
        if self.hijri is not None and not self.hijri_computed:
            _check(self.first, self.last, self.hijri)

    @property
    def exact(self) -> date | None:
        return None if self.month is None or self.day is None else date(self.year, self.month, self.day)

    @property
    def first(self) -> date:
        """The earliest day that it may mean: what orders and searches."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def last(self) -> date:
        """The latest day that it may mean."""
        if self.exact:
            return self.exact
        following = date(self.year + (self.month or 12) // 12, (self.month or 12) % 12 + 1, 1)
        return date.fromordinal(following.toordinal() - 1)


def _check(first: date, last: date, hijri: str) -> None:
    found = HIJRI.fullmatch(hijri)
    mismatch = Invalid(
        "hijri_mismatch",
        {
            "ar": "التاريخ الهجري لا يوافق التاريخ الميلادي.",
            "fr": "La date hégirienne ne correspond pas à la date grégorienne.",
            "en": "The Hijri date is not that of the Gregorian one.",
        },
    )
    if found is None:
        raise mismatch
    days = (last - first).days
    year, month, in_month = (int(part) for part in found.groups())
    if not (1 <= month <= 12 and 1 <= in_month <= 30):
        raise mismatch
    if not COMPUTED[0] <= first <= last <= COMPUTED[1]:
        # Before the tables: a lunar year is 354.367 days, counted from 16 July 622 (Julian 1 Muharram 1).
        about = 227015 + (year - 1) * 354.36667 + (month - 1) * 29.530589 + in_month - 1
        if not -2 - OBSERVED_WITHIN <= about - first.toordinal() <= days + OBSERVED_WITHIN + 2:
            raise mismatch
        return
    try:
        stated = Hijri(year, month, min(in_month, 29)).to_gregorian()
    except (ValueError, OverflowError):
        raise mismatch from None
    meant = date.fromordinal(
        date(stated.year, stated.month, stated.day).toordinal() + in_month - min(in_month, 29)
    )
    if not -OBSERVED_WITHIN <= (meant - first).days <= days + OBSERVED_WITHIN:
        raise mismatch
