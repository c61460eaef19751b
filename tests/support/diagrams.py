"""State diagrams of the services' pages, drawn from the tables that the code obeys."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, TypeVar

S = TypeVar("S", bound=StrEnum)


def mermaid(start: S, table: Mapping[S, Collection[S]]) -> str:
    """A fenced Mermaid diagram, in the order in which the states are declared."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {start}"]
    for state, after in table.items():
        lines += [f"    {state} --> {following}" for following in type(start) if following in after]
        if not after:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"])


def matrix(actions: Mapping[S, Collection[StrEnum]], may: Mapping[Any, Collection[StrEnum]]) -> str:
    """A table: each action, who may do it, and in which states."""
    states = list(actions)
    lines = [
        f"| action | by | {' | '.join(states)} |",
        f"|---|---|{'---|' * len(states)}",
    ]
    done = {action for allowed in actions.values() for action in allowed}
    for action in may:
        if action in done:
            marks = " | ".join("●" if action in actions[state] else "" for state in states)
            lines.append(f"| {action} | {', '.join(sorted(may[action]))} | {marks} |")
    return "\n".join(lines)
