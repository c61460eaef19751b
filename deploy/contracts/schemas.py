"""JSON Schemas of events, derived from the frozen dataclasses that announce them."""

import inspect
from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from deploy.contracts.examples import examples
from shared.events import Event
from shared.service import Service

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schemas(services: Sequence[Service]) -> dict[str, dict[str, Any]]:
    """By event type. A field is required when it has no default: that is what every event of the log has."""
    events = [event for service in services for stream in service.streams for event in stream.events]
    return {event.TYPE: schema(event) for event in events}


def schema(event: type[Event]) -> dict[str, Any]:
    found = closed(TypeAdapter(event).json_schema(mode="serialization"))
    head = {"$schema": DIALECT, "$id": f"/contracts/{event.TYPE}.json", "title": event.TYPE}
    if description := _documentation(event):
        head["description"] = description
    body = {key: value for key, value in found.items() if key not in {"title", "description"}}
    return head | body | {"examples": examples(event)}


def closed(node: Any) -> Any:
    """The same schema, where an object has the named fields and no other; titles that repeat names go."""
    if isinstance(node, list):
        return [closed(member) for member in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            kept[key] = {name: _untitled(closed(member)) for name, member in value.items()}
        else:
            kept[key] = closed(value)
    if "properties" in node:
        kept["additionalProperties"] = False
    return kept


def _untitled(member: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in member.items() if key != "title"}


def _documentation(event: type[Event]) -> str:
    """Its own, or the nearest of what it derives from; what `dataclass` makes up is none."""
    for ancestor in event.__mro__:
        if ancestor is Event:
            break
        written = ancestor.__dict__.get("__doc__")
        if written and not written.startswith(f"{ancestor.__name__}("):
            return inspect.cleandoc(written).replace("\n", " ")
    return ""
