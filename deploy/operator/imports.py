"""`jamaa acts import`: a file of acts of civil status that were digitised elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from deploy.command import Refused
from deploy.operator.identity import operator
from deploy.operator.operate import OPERATED
from services.civil_status.store import imports
from services.civil_status.take_over import Sum, take_over, try_out, write_rejects
from services.civil_status.take_over.reading import Source, digest, opened
from shared.auth import Actor, Role
from shared.db import Database
from shared.settings import settings_for

SERVICE: Final = "civil_status"
EVERY: Final = 10.0  # seconds between two lines where there is no terminal
PAGE: Final = 10_000  # rejects read at once


async def import_acts(
    variables: Mapping[str, str],
    path: Path,
    *,
    encoding: str,
    rejects: Path,
    language: str,
    dry_run: bool,
    by: str | None,
) -> int:
    """1 when lines were rejected. Raises Refused for a file that cannot be read or a rejects file that is
    there.
    """
    if dry_run and rejects.exists():  # noqa: ASYNC240 -- one look, before there is anything to hold up
        raise Refused(f"{rejects} is there already: name another with --rejects")
    who = Actor(subject=await operator(variables, by), roles=frozenset({Role.OPERATOR}))
    try:
        source = opened(path, encoding)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    settings = settings_for(SERVICE, variables)
    database = Database(
        settings.worker_database_url.get_secret_value(), name="jamaa acts import", pool_size=2
    )
    try:
        if dry_run:
            with _progress(path.name, source) as (seen, _):
                done = await try_out(
                    database,
                    source,
                    who,
                    seen=seen,
                    tell=lambda found: write_rejects(rejects, found, language),
                )
        else:
            done = await _for_good(database, source, path, rejects, language, who, settings.outbox_limit)
    finally:
        await database.close()
    told = "would be imported" if dry_run else "imported"
    print(
        f"{done.lines:,} lines: {done.imported:,} {told}, {done.already:,} there already,"
        f" {done.rejected:,} rejected"
    )
    if done.rejected:
        print(f"what to do about the rejected lines: {rejects}")
    return 1 if done.rejected else 0


async def _for_good(
    database: Database,
    source: Source,
    path: Path,
    rejects: Path,
    language: str,
    who: Actor,
    limit: int,
) -> Sum:
    known = digest(path)
    async with database.transaction(who) as tx:
        begun = await imports.started(tx, known, source.size)
        detail = f'{{"import": "{begun.id}", "from_line": {begun.line}}}'
        await tx.execute(OPERATED, {"by": who.subject, "what": "acts import", "detail": detail})
    if begun.finished:
        print("this file was imported before", file=sys.stderr)
    elif begun.line:
        print(f"going on after {begun.line:,} lines", file=sys.stderr)
    with _progress(path.name, source) as (seen, at):
        at(begun.offset)
        _, done = await take_over(database, source, known, who, limit=limit, seen=seen)
    await _written(database, begun.id, rejects, language)
    return done


async def _written(database: Database, import_: UUID, rejects: Path, language: str) -> None:
    """All rejects of the file, those of earlier runs too: they were kept with the acts."""
    part = rejects.with_name(f"{rejects.name}.part")
    part.unlink(missing_ok=True)
    last = 0
    while True:
        async with database.transaction() as tx:
            found = await imports.rejects(tx, import_, after=last, most=PAGE)
        if not found:
            break
        write_rejects(part, found, language)
        last = found[-1].line
    if part.exists():
        part.replace(rejects)


@contextmanager
def _progress(
    name: str, source: Source
) -> Iterator[tuple[Callable[[int, Sum], None], Callable[[int], None]]]:
    """A bar on a terminal, a line every ten seconds elsewhere; on standard error."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.fields[told]}"), console=console) as bar:
            task = bar.add_task(name, total=source.size, told="")
            yield (
                lambda at, done: bar.update(task, completed=at, told=_told(done)),
                lambda at: bar.update(task, completed=at),
            )
        return
    last = time.monotonic()

    def seen(at: int, done: Sum) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            print(f"{100 * at // max(1, source.size)} %, {_told(done)}", file=sys.stderr, flush=True)

    yield seen, lambda _: None


def _told(done: Sum) -> str:
    return f"{done.imported:,} imported, {done.already:,} there, {done.rejected:,} rejected"
