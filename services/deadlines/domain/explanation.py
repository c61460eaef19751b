"""Why that day: each step from the start to the date, with its article, in Arabic, French and English."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from services.deadlines.domain.counting import (
    NEVER,
    Extension,
    Reckoning,
    Restart,
    Suspension,
    Unit,
    is_working,
)
from services.deadlines.domain.estimate import Estimate
from services.deadlines.domain.texts import (
    AFTER_END,
    BEFORE_START,
    EFFECTS,
    SUSPENDED,
    TEXTS,
    WEEKEND,
    days_text,
    unit_text,
)
from services.deadlines.events import Step
from shared.data import LANGUAGES, Names
from shared.time import day_text

DOC_DAY_ZERO: Final = "DOC, art. 131"
DOC_HOLIDAY: Final = "DOC, art. 133"
CPC_FRANCS: Final = "CPC, art. 512"
CALENDAR_TEXTS: Final = "décrets 2-77-169, 2-04-426"
WORKING_WEEK: Final = "décret 2-05-916, art. 1"


def explain(estimate: Estimate) -> list[Step]:
    """The steps in the order in which they are reasoned: start, what interrupts, what counts, what it leads
    to.
    """
    reckoning = estimate.reckoning
    start = date.fromordinal(reckoning.opened)
    steps = [_step("start", start, DOC_DAY_ZERO, day=day_text(start)), _length(estimate, start)]
    steps += _interruptions(estimate)
    steps += _counted(estimate) if reckoning.last is not None else _left(estimate)
    if estimate.first_half_until is not None:
        until = estimate.first_half_until
        steps.append(_step("first_half", until, _article(estimate, "first_half"), day=day_text(until)))
    steps += _doubts(estimate)
    return steps


def not_before(last_day: date) -> Step:
    """The step that a late announcement adds when it would have brought the date back in time."""
    return _step("not_before", last_day, CALENDAR_TEXTS, day=day_text(last_day))


def _length(estimate: Estimate, start: date) -> Step:
    count = estimate.rule.count
    days, unit = days_text(count.days), unit_text(count)
    return _step("length", start, estimate.rule.citation, days=days, unit=unit)


def _interruptions(estimate: Estimate) -> Iterator[Step]:
    reckoning = estimate.reckoning
    last = reckoning.last or NEVER
    for one in estimate.interruptions:
        match one:
            case Restart(to):
                if reckoning.opened < to.toordinal() <= reckoning.start:
                    yield _step("restart", to, _article(estimate, "restart"), day=day_text(to))
                else:
                    yield _ignored(estimate, to, reckoning)
            case Suspension(since, to):
                if since.toordinal() > last or (to is not None and to.toordinal() <= reckoning.start):
                    yield _ignored(estimate, since, reckoning)
                elif to is None:
                    article = _article(estimate, "suspension")
                    yield _step("open_suspension", since, article, since=day_text(since))
                else:
                    first = max(since.toordinal(), reckoning.start + 1)
                    yield _step(
                        "suspension",
                        since,
                        _article(estimate, "suspension"),
                        since=day_text(date.fromordinal(first)),
                        to=day_text(to),
                        days=days_text(to.toordinal() - first + 1),
                    )
            case Extension(days):
                start = date.fromordinal(reckoning.start)
                total = days_text(reckoning.total, oblique=True)
                longer = {"days": days_text(days, oblique=True), "total": total}
                yield _step("extension", start, _article(estimate, "extension"), **longer)


def _ignored(estimate: Estimate, day: date, reckoning: Reckoning) -> Step:
    why = BEFORE_START if day.toordinal() <= reckoning.start else AFTER_END
    return _step("ignored", day, estimate.rule.citation, day=day_text(day), why=why)


def _counted(estimate: Estimate) -> Iterator[Step]:
    reckoning = estimate.reckoning
    count = reckoning.count
    nth, last = reckoning.nth, reckoning.last
    assert nth is not None
    assert last is not None
    if count.unit is Unit.WORKING:
        for day in range(reckoning.start + 1, nth):
            if day in reckoning.closed and is_working(day, count, frozenset()):
                yield _closed("not_working", estimate, day)
    nth_day = date.fromordinal(nth)
    number = {language: str(reckoning.total) for language in LANGUAGES}
    yield _step("nth_day", nth_day, estimate.rule.citation, day=day_text(nth_day), number=number)
    if count.francs:
        article = estimate.rule.profile.articles.get("francs", CPC_FRANCS)
        yield _step("francs", date.fromordinal(nth + 1), article)
    for day in range(nth + count.francs, last):
        yield _closed("closed", estimate, day)
    last_day = date.fromordinal(last)
    yield _step("last_day", last_day, estimate.rule.citation, day=day_text(last_day))
    effect = date.fromordinal(last + 1)
    yield _fill(
        "effect", effect, estimate.rule.citation, EFFECTS[estimate.rule.on_expiry], day=day_text(effect)
    )


def _closed(step: str, estimate: Estimate, day: int) -> Step:
    """Why `day` is not the last one: a holiday by its name, else the weekend, else a suspension."""
    on = date.fromordinal(day)
    reckoning = estimate.reckoning
    names = [one.name for one in estimate.calendar.on(on)] if day in reckoning.closed else []
    if names:
        why = {language: ", ".join(dict.fromkeys(name[language] for name in names)) for language in LANGUAGES}
        article = CALENDAR_TEXTS
    elif not is_working(day, reckoning.count, frozenset()) and reckoning.count.roll:
        why, article = WEEKEND, WORKING_WEEK
    else:
        why, article = SUSPENDED, _article(estimate, "suspension")
    return _step(step, on, f"{DOC_HOLIDAY}; {article}", day=day_text(on), why=why)


def _left(estimate: Estimate) -> Iterator[Step]:
    counted = estimate.reckoning.whole_days()
    since = date.fromordinal(estimate.reckoning.suspended[-1][0])
    left = days_text(estimate.remaining_days())
    yield _step("remaining", since, estimate.rule.citation, counted=days_text(counted), left=left)


def _doubts(estimate: Estimate) -> Iterator[Step]:
    for reading, last_day in estimate.readings:
        if last_day is not None and last_day != estimate.last_day:
            day = day_text(last_day)
            yield _step("reading", last_day, estimate.rule.citation, label=reading.label, day=day)
    for feast in estimate.unsettled:
        on = date.fromordinal(min(feast.days))
        names = [one.name for one in estimate.calendar.on(on)]
        yield _step("provisional", on, CALENDAR_TEXTS, day=day_text(on), why=names[0])
    if not estimate.covered:
        yield _step("not_covered", estimate.last_day, CALENDAR_TEXTS)


def _article(estimate: Estimate, step: str) -> str:
    return estimate.rule.profile.articles.get(step, estimate.rule.citation)


def _step(step: str, on: date | None, article: str, **values: Names) -> Step:
    return _fill(step, on, article, TEXTS[step], **values)


def _fill(step: str, on: date | None, article: str, texts: Names, **values: Names) -> Step:
    text = {
        language: texts[language].format(**{name: value[language] for name, value in values.items()})
        for language in LANGUAGES
    }
    return Step(step, on, article, text)
