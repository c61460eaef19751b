"""Dashboards, alerts and runbook name metrics that exist, and each alert has its page."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from typer.main import get_command

import deploy.registry  # noqa: F401  # every service's metrics
import shared.auditor
import shared.runtime  # noqa: F401  # the kernel's
from deploy.cli import app

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "deploy/observability"
RUNBOOK = ROOT / "docs/runbook"
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARDS = sorted((OBSERVABILITY / "grafana/dashboards").glob("*.json"))
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def exposed() -> dict[str, set[str]]:
    """Name of each series to the labels that it has, by what the code declares."""
    found: dict[str, set[str]] = {}
    for collector in set(REGISTRY._collector_to_names):
        for family in collector.describe() if hasattr(collector, "describe") else ():
            labels = set(getattr(collector, "_labelnames", ())) | {"le", "instance", "job"}
            for suffix in SUFFIXES.get(family.type, ()):
                found[f"{family.name}{suffix}"] = labels
    return found


METRICS = exposed()


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\bjamaa_[a-z_]+\b", text))


def expressions() -> Iterator[tuple[str, str]]:
    for rule in ALERTS:
        yield rule["alert"], rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.stem}: {panel['title']}", target["expr"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_what_is_asked_for_exists(where: str, expression: str) -> None:
    named = metrics_in(expression)
    assert named <= set(METRICS), f"{where}: {named - set(METRICS)}"
    allowed = set().union(*(METRICS[name] for name in named)) if named else {"job", "instance"}
    for by in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in by.split(",")} <= allowed, where
    for label in re.findall(r"[{,]\s*(\w+)\s*(?:=~|=|!=)", expression):
        assert label in allowed, where


def test_every_metric_of_ours_is_looked_at() -> None:
    shown = set().union(*(metrics_in(expression) for _, expression in expressions()))
    ours = {name for name in METRICS if name.startswith("jamaa_")}
    ours -= {name for name in ours if name.endswith(("_sum", "_count", "_created"))}
    assert not ours - shown, "a metric that nobody looks at is a cost"


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    pages = {path.stem for path in RUNBOOK.glob("*.md") if path.stem != "README"}
    assert pages == {rule["alert"] for rule in ALERTS}
    for rule in ALERTS:
        assert rule["annotations"]["runbook"] == f"docs/runbook/{rule['alert']}.md"
        assert rule["labels"]["severity"] in {"page", "ticket"}


@pytest.mark.parametrize("page", sorted(RUNBOOK.glob("*.md")), ids=lambda path: path.stem)
def test_a_page_names_what_exists_and_says_how_it_was_tried(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert metrics_in(text) <= set(METRICS), page.stem
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]  # a group has them
    for line in re.findall(r"^ *jamaa (.+)$|`jamaa ([^`]+)`", text, re.MULTILINE):
        first, *rest = "".join(line).split()
        assert first in commands, f"jamaa {first}"
        command = commands[first]
        if hasattr(command, "commands") and rest and not rest[0].startswith("#"):
            command = command.commands[rest[0]]
        options = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert {word for word in rest if word.startswith("--")} <= options | {"--help"}, line
    if page.stem != "README":
        for heading in ("## What it means", "## Look", "## Do", "## Tried"):
            assert heading in text, f"{page.stem} has no {heading}"


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="not run: no promtool on the PATH (Debian: prometheus)")
@pytest.mark.parametrize(
    "check",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "prometheus.yml"),
    ],
)
def test_prometheus_understands_it(check: tuple[str, ...]) -> None:
    assert PROMTOOL is not None
    said = subprocess.run([PROMTOOL, *check], cwd=OBSERVABILITY, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_every_alert_is_in_the_storm() -> None:
    tests = yaml.safe_load((OBSERVABILITY / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    fired = str(next(test for test in tests if test["name"] == "storm")["promql_expr_test"])
    assert {rule["alert"] for rule in ALERTS} == set(re.findall(r'alertname="(\w+)"', fired))
