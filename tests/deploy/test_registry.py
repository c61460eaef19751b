"""The registry is the one list: what runs is what it names, and nobody writes a name beside it."""

import ast
import re
from pathlib import Path

import pytest

from deploy.registry import SERVICES, UnknownService, service

ROOT = Path(__file__).parents[2]


def test_an_unknown_service_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownService, match="no service is called 'nobody'; there are rokhas, "):
        service("nobody")


def test_nobody_writes_a_topic_by_hand() -> None:
    """`topic_of` and `repair_topic_of` are the only places where topics get their names."""
    written = []
    for path in [*(ROOT / "services").rglob("*.py"), *(ROOT / "deploy").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = node.value.split(".")
                if parts[0] == "jamaa" and parts[-1] in {"events", "repair"} and " " not in node.value:
                    written.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}")
    assert not written


def test_the_page_on_restoring_forgets_our_groups_and_no_others() -> None:
    page = (ROOT / "docs/restore.md").read_text(encoding="utf-8")
    groups = {consumer.name for each in SERVICES for consumer in each.consumers}
    assert set(re.findall(r"--group (\S+)", page)) == groups | {f"{each.name}.repair" for each in SERVICES}
