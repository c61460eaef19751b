"""What the demonstration prints: steps, progress, figures, and one explanation article by article."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from shared.territory import territory
from shared.time import casablanca

Names = Mapping[str, str]


class Show:
    """Numbered acts in three languages; a line with ✓ for everything that held."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.acts = self.held = 0
        self.began = self.last = time.monotonic()

    def _line(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, soft_wrap=True)

    def act(self, ar: str, fr: str, en: str) -> None:
        self.acts += 1
        self._line(f"\n[bold cyan]{self.acts}[/]  [bold]{ar}[/] · {fr} · {en}")

    def done(self, what: str) -> None:
        """`what` held; how long it took is shown beside it."""
        now = time.monotonic()
        self.held += 1
        self._line(f"   [green]✓[/] {what} [dim]{now - self.last:.1f} s[/]")
        self.last = now

    def note(self, what: str) -> None:
        self._line(f"     [dim]{escape(what)}[/]")

    def failed(self, what: str, expected: object, seen: object) -> None:
        self._line(f"   [bold red]✗[/] {escape(what)}")
        self._line(f"     expected {escape(str(expected))}", style="red")
        self._line(f"     saw      {escape(str(seen))}", style="red")

    def end(self, requests: int, page: str) -> None:
        took = time.monotonic() - self.began
        self.console.print(
            f"\n   [bold green]All {self.held} steps held[/] · {requests} requests · {took:.0f} s"
        )
        self._line(f"     [dim]start page: {page}[/]\n")

    def today(self, now: datetime) -> None:
        """Where legal time stands."""
        self._line(f"   [yellow]⏱[/] [bold]{now.astimezone(casablanca()):%A %d %B %Y, %H:%M}[/]")

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar while the block runs; call what is yielded once for each piece of work done."""
        columns = (
            TextColumn("     {task.description}"),
            BarColumn(30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        hidden = not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=hidden) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)

    def figures(self, title: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """One row per group, the total last."""
        table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        for name in columns:
            table.add_column(HEADINGS.get(name, name), justify="right")
        for row in rows:
            cells = ["–" if row[name] is None else str(row[name]) for name in columns]
            total = row["group"] == TOTAL
            table.add_row(self._group(row["group"]), *cells, style="bold" if total else None)
        self.console.print(Padding(table, (1, 0, 0, 5)))

    def _group(self, group: str) -> str:
        return both(territory().get(group).name) if group in territory() else escape(group)

    def explanation(self, of: str, steps: Iterable[Mapping[str, Any]]) -> None:
        """From the start to the date: each step with its article, in Arabic and French."""
        self._line(f"\n     [bold]{of}[/]")
        for step in steps:
            self._line(f"     [cyan]{step['date'] or ' ' * 10}[/]  {escape(step['article'])}")
            self._line(f"                 {escape(step['text']['ar'])}")
            self._line(f"                 [dim]{escape(step['text']['fr'])}[/]")

    def story(self, of: str, items: Iterable[Mapping[str, Any]]) -> None:
        """The timeline of a file as its applicant reads it."""
        self._line(f"\n     [bold]{of}[/]")
        for item in items:
            self._line(f"     [cyan]{item['at'][:10]}[/]  {escape(item['text']['ar'])}")
            self._line(f"                 [dim]{escape(item['text']['fr'])}[/]")


HEADINGS: Final = {"median_days_to_decision": "median days"}
TOTAL: Final = "مجموع · total"


def both(name: Names) -> str:
    """The Arabic name beside the French one."""
    return f"{escape(name['ar'])} · {escape(name['fr'])}"
