"""The operator's commands, on the platform that runs in JAMAA_HOME or that the environment names."""

# ruff: noqa: PLC0415 -- loading the services takes seconds: a command loads what it needs, when it needs it

from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from deploy.command import Refused, command, recall

Consumer = Annotated[str, typer.Argument(help="as `jamaa status` names it")]
Aggregate = Annotated[str, typer.Argument(help="the aggregate's id")]
Sequence = Annotated[int, typer.Argument(min=1, help="the event's number in its aggregate")]
By = Annotated[
    str | None, typer.Option(help="who does this (development; else the operator's token in JAMAA_TOKEN)")
]
Force = Annotated[bool, typer.Option(help="also back in time")]


def _instant(written: str) -> datetime:
    from shared.errors import Malformed
    from shared.time import parse_instant

    try:
        return parse_instant(written)
    except Malformed as error:
        raise Refused(error.detail["en"]) from error


def register(app: typer.Typer) -> None:
    """Adds every command below to `jamaa`."""
    for function in (status, log, stuck, redrive, replay, rebuild, baseline, token, backup, restore):
        app.command()(function)
    for group in (events, skip, letters, clock, acts):
        app.add_typer(group)


@command
async def status(
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> int:
    """How every service stands; the exit status is 1 when something is wrong."""
    from deploy.operator import status as status_

    return await status_.show(recall(), as_json=as_json)


@command
async def log(
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, max=5000, help="how many")] = 20,
) -> None:
    """What operators changed: when, where, who, as which role, what and why."""
    from deploy.operator import mend

    await mend.log(recall(), lines)


events = typer.Typer(name="events", no_args_is_help=True, help="What the services announced.")


@events.command("tail")
@command
async def tail(
    service: Annotated[str | None, typer.Option(help="of one service only")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="such as elapsed, or a pattern with *")] = None,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, max=5000, help="how many of the past")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until Ctrl-C")] = False,
) -> None:
    """The newest events, oldest first."""
    from deploy.operator import events as events_

    await events_.tail(recall(), only=service, kind=kind, lines=lines, follow=follow)


@events.command("show")
@command
async def show(identifier: Annotated[str, typer.Argument(metavar="ID", help="the event's id")]) -> None:
    """One event with its data, and who has applied it."""
    from deploy.operator import events as events_

    try:
        wanted = UUID(identifier)
    except ValueError:
        raise Refused(f"{identifier!r} is no event id: `jamaa events tail` lists them") from None
    await events_.show(recall(), wanted)


@command
async def stuck() -> None:
    """Aggregates that a consumer holds back, and why."""
    from deploy.operator import mend

    await mend.stuck(recall())


@command
async def redrive(consumer: Consumer, aggregate: Aggregate) -> int:
    """Try a held aggregate again now, then what waits behind it."""
    from deploy.operator import mend

    return await mend.redrive(recall(), consumer, aggregate)


skip = typer.Typer(name="skip", no_args_is_help=True, help="Pass over an event that cannot be applied.")


@skip.command("propose")
@command
async def propose(
    consumer: Consumer,
    aggregate: Aggregate,
    sequence: Sequence,
    reason: Annotated[str, typer.Option(help="why it shall never be applied; kept in the register")],
    by: By = None,
) -> None:
    """The first of two persons."""
    from deploy.operator import mend

    await mend.propose_skip(recall(), consumer, aggregate, sequence, by=by, reason=reason)


@skip.command("confirm")
@command
async def confirm(consumer: Consumer, aggregate: Aggregate, sequence: Sequence, by: By = None) -> int:
    """The second person, who is not the first: the event is skipped, what waits behind it is applied."""
    from deploy.operator import mend

    return await mend.confirm_skip(recall(), consumer, aggregate, sequence, by=by)


@command
async def replay(
    service: Annotated[str, typer.Argument(help="whose events")],
    aggregate: Annotated[str | None, typer.Option(help="of one aggregate only")] = None,
    since: Annotated[str | None, typer.Option(help="recorded since 2026-03-02T10:00:00Z")] = None,
) -> None:
    """Send events again from the log; consumers skip what they have applied."""
    from deploy.operator import mend

    await mend.replay(recall(), service, subject=aggregate, since=_instant(since) if since else None)


@command
async def rebuild(
    consumer: Consumer,
    tables: Annotated[
        list[str], typer.Option("--table", help="what the consumer alone writes, schema.table")
    ],
    ignoring: Annotated[list[str] | None, typer.Option("--ignore", help="a column not to compare")] = None,
    swap: Annotated[bool, typer.Option(help="keep what was built; else only compare")] = False,
) -> int:
    """Build what a consumer keeps again from the producers' logs, without effects, and compare it. For pure
    projections: not for one that announces events (deadlines.clocks, rokhas.clocks) or began at a baseline.
    """
    from deploy.operator import rebuild as rebuilds

    return await rebuilds.rebuild_named(recall(), consumer, tables, ignoring or [], swap=swap)


@command
async def baseline(consumer: Consumer) -> None:
    """Let a new consumer, which met no event yet, begin after what was announced up to now, over a snapshot
    taken after this. It cannot be rebuilt from the logs.
    """
    from deploy.operator import rebuild as rebuilds

    await rebuilds.baseline_named(recall(), consumer)


letters = typer.Typer(
    name="dead-letters", invoke_without_command=True, help="Records on our topics that are no event of ours."
)


@letters.callback()
def listed(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        from deploy.operator import mend

        command(mend.dead_letters)(recall())


@letters.command("resolve")
@command
async def resolve(
    consumer: Consumer,
    topic: str,
    partition: int,
    offset: int,
    resolution: Annotated[str, typer.Option(help="what was done about it")],
    by: By = None,
) -> None:
    """Say what was done about one."""
    from deploy.operator import mend

    await mend.resolve_dead_letter(recall(), consumer, topic, partition, offset, by=by, resolution=resolution)


clock = typer.Typer(
    name="clock", no_args_is_help=True, help="The legal clock of every database (development only)."
)


@clock.command("show")
@command
async def clock_show() -> None:
    """Legal time, and how far it was moved."""
    from deploy.operator import clock as clocks

    await clocks.show(recall())


@clock.command("advance")
@command
async def advance(
    by: Annotated[str, typer.Argument(help="30d, 12h, 1w2d, 90m, 45s")], force: Force = False
) -> None:
    """Let time pass."""
    from deploy.operator import clock as clocks

    await clocks.advance(recall(), clocks.duration(by), force=force)


@clock.command("set")
@command
async def set_(
    instant: Annotated[str, typer.Argument(help="2026-12-10T00:00:00Z")], force: Force = False
) -> None:
    """Put it at an instant."""
    from deploy.operator import clock as clocks

    await clocks.set_to(recall(), _instant(instant), force=force)


@clock.command("reset")
@command
async def reset(force: Force = False) -> None:
    """Back to real time."""
    from deploy.operator import clock as clocks

    await clocks.reset(recall(), force=force)


acts = typer.Typer(name="acts", no_args_is_help=True, help="Acts of civil status.")


@acts.command("import")
@command
async def import_(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet, one act a line")],
    rejects: Annotated[
        Path | None, typer.Option(help="where rejected lines are listed; FILE.rejects.csv, unless named")
    ] = None,
    encoding: Annotated[str, typer.Option(help="of a CSV, such as windows-1256")] = "utf-8",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what would become of each line")
    ] = False,
    language: Annotated[str, typer.Option(help="of the rejects: ar, fr or en")] = "fr",
    by: By = None,
) -> int:
    """Take over acts that were digitised elsewhere. Interrupted, it goes on where it was; the exit status is
    1 when lines were rejected.
    """
    from deploy.operator.imports import import_acts

    if language not in {"ar", "fr", "en"}:
        raise Refused("--language is ar, fr or en")
    return await import_acts(
        recall(),
        file,
        encoding=encoding,
        rejects=rejects or file.with_name(f"{file.name}.rejects.csv"),
        language=language,
        dry_run=dry_run,
        by=by,
    )


@command
async def token(
    persona: Annotated[str, typer.Argument(help="citizen, architect, agent, instructor, president, …")],
    commune: Annotated[str | None, typer.Option(help="the commune an officer works for, 06.141.01.0")] = None,
    subject: Annotated[str | None, typer.Option(help="another `sub` than the persona's name")] = None,
) -> None:
    """An access token on standard output, and nothing else (development only)."""
    from deploy.issuer import Issuer

    variables = recall()
    issuer = Issuer(
        Path(variables["JAMAA_HOME"]), variables.get("JAMAA_PROFILE", "production"), variables["JAMAA_ISSUER"]
    )
    print(issuer.token(persona, commune=commune, subject=subject))


@command
async def backup(directory: Annotated[Path, typer.Argument(help="a new directory")]) -> None:
    """Databases, files and secrets of a running platform, all of one moment."""
    from deploy.operator import backup as backups

    await backups.backup(recall(), directory.resolve())


@command
async def restore(directory: Annotated[Path, typer.Argument(help="what `backup` wrote")]) -> None:
    """Into a stopped or a new JAMAA_HOME; what was there is set aside."""
    from deploy.engines import EngineSettings
    from deploy.operator import backup as backups

    await backups.restore(EngineSettings.from_environment(), directory.resolve())
