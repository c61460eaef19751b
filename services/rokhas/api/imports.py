"""Running and past files taken over from another system, as CSV."""

import csv
import io
import re
from asyncio import to_thread
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query, UploadFile
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    StringConstraints,
    ValidationError,
)

from services.rokhas.api.common import Code, Commune, Lent, Reference, authorize
from services.rokhas.domain import Action, Dossier
from services.rokhas.events import DossierEvent, Outcome
from services.rokhas.store import delegations, dossiers, imports
from services.rokhas.store.dossiers import procedures
from shared.auth import Actor
from shared.db import Tx
from shared.errors import Conflict, Invalid, Problem, TooLarge
from shared.http import Caller, Configured, Router
from shared.http.problems import invalid, language
from shared.outbox import require_room
from shared.time import civil_day, parse_instant

router = Router(prefix="/imports")

MOST: Final = 5000  # lines of one import: one transaction of some seconds
BYTES: Final = 4 * 1024 * 1024
WANTED: Final = frozenset({"procedure", "collectivity", "applicant", "submitted_at"})
OURS: Final = re.compile(r"\d{2}(\.\d{1,3}){1,3}/\d{4}/\d+")
"""The form of our own numbers, which another system's may not take: they would meet one day."""

Moment = Annotated[datetime, PlainValidator(parse_instant)]
Words = Annotated[list[Code], BeforeValidator(lambda cell: cell.split())]
Source = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Line(BaseModel):
    """One file. `missing`: codes of the documents still owed, separated by spaces; `outcome` with
    `notified_at` for a file that was decided before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    procedure: Code
    collectivity: Commune
    applicant: Reference
    submitted_at: Moment
    reference: Source | None = None
    missing: Words = []
    outcome: Outcome | None = None
    notified_at: Moment | None = None

    @property
    def id(self) -> UUID:
        """By the source's reference; without one, by what else tells an application apart."""
        told = (self.procedure, self.applicant, self.submitted_at.isoformat())
        return imports.identity(self.collectivity, self.reference or "\n".join(told))

    def taken_over(
        self, reference: str, by: Actor, now: datetime, lent: Lent, *, trial: bool
    ) -> tuple[Dossier, list[DossierEvent]]:
        """Raises what the domain refuses."""
        if self.reference and OURS.fullmatch(self.reference):
            raise Invalid(
                "reference_reserved",
                {
                    "ar": "هذا المرجع على صيغة أرقام هذه المنصة: اتركوه فارغا ليُرقَّم الملف.",
                    "fr": "Cette référence a la forme des numéros de la plateforme : laissez-la vide.",
                    "en": "This reference has the form of the platform's numbers: leave it empty.",
                },
            )
        if (self.outcome is None) != (self.notified_at is None):
            raise Invalid(
                "outcome_incomplete",
                {
                    "ar": "يُذكر مآل الملف وتاريخ تبليغه معا.",
                    "fr": "L'issue et la date de sa notification vont ensemble.",
                    "en": "Give the outcome and when it was notified, or neither.",
                },
            )
        dossier, submitted = Dossier.imported(
            self.id,
            procedure=procedures().at(self.procedure, civil_day(self.submitted_at)),
            collectivity=self.collectivity,
            applicant=self.applicant,
            reference=reference,
            submitted_at=self.submitted_at,
            by=by,
            now=now,
            missing=self.missing,
            delegations=lent,
            trial=trial,
        )
        events: list[DossierEvent] = [submitted]
        if self.outcome and self.notified_at:
            events.append(
                dossier.decided_elsewhere(
                    self.outcome,
                    notified_at=self.notified_at,
                    by=by,
                    now=now,
                    delegations=lent,
                    trial=trial,
                )
            )
        return dossier, events


class RefusedLine(BaseModel):
    """`line` counts from 1, the header included; `code` is stable, `detail` in the caller's language."""

    line: int
    code: str
    detail: str


class ImportOut(BaseModel):
    """`acceptable` are good and new; they were `imported` unless it was a dry run. `already` were imported
    before and are left as they are.
    """

    dry_run: bool
    lines: int
    acceptable: int
    imported: int
    already: int
    refused: list[RefusedLine]


@router.post("", max_body_size=BYTES)
async def import_files(
    caller: Annotated[Caller, authorize.caller(Action.IMPORT)],
    settings: Configured,
    file: UploadFile,
    dry_run: Annotated[bool, Query(description="only report; nothing is imported")] = True,
) -> ImportOut:
    """CSV in UTF-8, separated by commas or semicolons, with a header: procedure, collectivity, applicant,
    submitted_at; optionally reference, missing, outcome (granted, refused), notified_at. Instants need an
    offset. The good lines are imported, the bad ones reported; the same again imports nothing twice. An agent
    may try; the president, or whoever holds their signature, imports.
    """
    rows = list(_rows(await file.read()))
    tx = await caller.begin()
    if not dry_run:
        await require_room(tx, settings.outbox_limit)
    # Seconds of arithmetic for the longest table: elsewhere, so that other requests go on.
    lent = await delegations.held_by(tx, tx.actor.subject)
    good, refused = await to_thread(_sorted_out, rows, tx.actor, tx.now, lent, trial=dry_run)
    if not dry_run:
        await imports.hold(tx, (line.collectivity for line in good.values()))
    known = await imports.known(tx, good)
    new = [line for id_, line in good.items() if id_ not in known]
    if not dry_run:
        await _take_over(tx, new, lent)
    return ImportOut(
        dry_run=dry_run,
        lines=len(rows),
        acceptable=len(new),
        imported=0 if dry_run else len(new),
        already=len(known),
        refused=refused,
    )


def _rows(content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column. Raises Invalid for what is no such table, TooLarge for a long one."""
    try:
        table = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid(
            "csv_not_utf8",
            {
                "ar": "احفظوا الجدول بترميز UTF-8.",
                "fr": "Enregistrez le tableau en CSV UTF-8.",
                "en": "Save the table as CSV in UTF-8.",
            },
        ) from None
    first = table.partition("\n")[0]
    reader = csv.reader(io.StringIO(table, newline=""), delimiter=";" if ";" in first else ",", strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        names = set(header)
        if WANTED - names or names - set(Line.model_fields) or len(names) < len(header):
            raise Invalid("csv_columns", columns=sorted(Line.model_fields), required=sorted(WANTED))
        count = 0
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MOST:
                raise TooLarge("csv_too_long", most=MOST)
            # A line with more cells than columns is refused as empty: nobody knows which cell is which.
            told = zip(header, cells if len(cells) <= len(header) else [], strict=False)
            yield reader.line_num, {name: cell.strip() for name, cell in told if cell.strip()}
    except csv.Error:
        raise Invalid("csv_malformed", f"Line {reader.line_num} is no CSV.", line=reader.line_num) from None


def _sorted_out(
    rows: list[tuple[int, dict[str, str]]], by: Actor, now: datetime, lent: Lent, *, trial: bool
) -> tuple[dict[UUID, Line], list[RefusedLine]]:
    """The good lines by the identity of their file, and why the others are none."""
    good: dict[UUID, Line] = {}
    refused = []
    for number, cells in rows:
        try:
            line = Line.model_validate(cells)
            line.taken_over(line.reference or "-", by, now, lent, trial=trial)
            if line.id in good:
                raise Conflict(
                    "duplicate_line",
                    {
                        "ar": "هذا الملف وارد في سطر سابق.",
                        "fr": "Ce dossier figure sur une ligne précédente.",
                        "en": "This file stands on an earlier line.",
                    },
                )
        except ValidationError as wrong:
            refused.append(_refused(number, invalid(wrong.errors())))
        except Problem as problem:
            refused.append(_refused(number, problem))
        else:
            good[line.id] = line
    return good, refused


def _refused(number: int, problem: Problem) -> RefusedLine:
    """The request is never echoed: of a wrong cell, its column."""
    chosen = language()
    columns = [f"{error['path']}: {error['message']}" for error in problem.extra.get("errors", [])]
    detail = "; ".join(columns) or problem.detail.get(chosen) or problem.detail.get("en")
    return RefusedLine(line=number, code=problem.code, detail=detail or problem.title[chosen])


async def _take_over(tx: Tx, lines: list[Line], lent: Lent) -> None:
    """Numbers of our own are drawn last: until the commit they keep the commune's counters waiting."""

    def taken(line: Line, reference: str) -> tuple[Dossier, list[DossierEvent]]:
        return line.taken_over(reference, tx.actor, tx.now, lent, trial=False)

    numbered = sorted((line for line in lines if line.reference), key=lambda line: line.id)
    await imports.save(tx, [taken(line, line.reference or "") for line in numbered])
    drawn = []
    for line in lines:
        if not line.reference:
            reference = await dossiers.number(tx, line.collectivity, line.submitted_at)
            drawn.append(taken(line, reference))
    await imports.save(tx, drawn)
