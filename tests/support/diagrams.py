"""State diagrams of the services' pages, drawn from the tables that the code obeys."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import TypeVar

S = TypeVar("S", bound=StrEnum)


def mermaid(start: S, table: Mapping[S, Collection[S]]) -> str:
    """A fenced Mermaid diagram, in the order in which the states are declared."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {start}"]
    for state, after in table.items():
        lines += [f"    {state} --> {following}" for following in type(start) if following in after]
        if not after:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"])
