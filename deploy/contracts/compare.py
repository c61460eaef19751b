"""What changed between two versions of an event's schema, and would break whoever reads or replays it."""

from collections.abc import Iterator
from typing import Any, Final

ANNOTATIONS: Final = frozenset({"title", "description", "default", "examples", "$schema", "$id", "$defs"})

Schema = dict[str, Any]


def breaks(before: Schema, now: Schema) -> list[str]:
    """One line for each change that is not an addition: the field and what happened to it."""
    return list(_Comparison(before, now).differences(before, now, ""))


class _Comparison:
    def __init__(self, before: Schema, now: Schema) -> None:
        self._before = before.get("$defs", {})
        self._now = now.get("$defs", {})

    def differences(self, before: Schema, now: Schema, at: str) -> Iterator[str]:
        before, now = _resolved(before, self._before), _resolved(now, self._now)
        if "properties" in before and "properties" in now:
            yield from self._fields(before, now, at)
        elif "enum" in before and "enum" in now:
            lost = [value for value in before["enum"] if value not in now["enum"]]
            if lost:
                yield f"{at}: may no longer be {', '.join(map(str, lost))}"
        elif "anyOf" in before and "anyOf" in now and len(before["anyOf"]) == len(now["anyOf"]):
            for one, other in zip(before["anyOf"], now["anyOf"], strict=True):
                yield from self.differences(one, other, at)
        elif _plural(before, "items") and _plural(now, "items"):
            yield from self.differences(before["items"], now["items"], f"{at}[]")
        elif _plural(before, "additionalProperties") and _plural(now, "additionalProperties"):
            yield from self.differences(
                before["additionalProperties"], now["additionalProperties"], f"{at}{{}}"
            )
        elif _bare(before) != _bare(now):
            yield f"{at}: was {_shown(before, self._before)}, is {_shown(now, self._now)}"

    def _fields(self, before: Schema, now: Schema, at: str) -> Iterator[str]:
        prefix = f"{at}." if at else ""
        for name, old in before["properties"].items():
            if name not in now["properties"]:
                yield f"{prefix}{name}: was removed or renamed"
            else:
                yield from self.differences(old, now["properties"][name], f"{prefix}{name}")
        for name in now.get("required", []):
            if name in before.get("required", []):
                continue
            if name in before["properties"]:
                yield f"{prefix}{name}: is now required, and events without it were announced"
            else:
                yield f"{prefix}{name}: is new and required; give it a default"


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    reference = schema.get("$ref")
    return definitions[reference.removeprefix("#/$defs/")] if reference else schema


def _plural(schema: Schema, key: str) -> bool:
    return isinstance(schema.get(key), dict)


def _bare(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in ANNOTATIONS}


def _shown(schema: Schema, definitions: Schema) -> str:
    """A type as a person says it: `date-time or null`."""
    schema = _resolved(schema, definitions)
    if "anyOf" in schema:
        return " or ".join(_shown(member, definitions) for member in schema["anyOf"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if _plural(schema, "items"):
        return f"list of {_shown(schema['items'], definitions)}"
    return str(schema.get("format") or schema.get("type") or _bare(schema))
