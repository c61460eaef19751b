"""One AsyncAPI 3 document of all topics: who sends what, who receives it, and how an event travels."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter

from deploy.contracts.examples import FILE
from deploy.contracts.schemas import closed
from shared.bus import Topics
from shared.events import Envelope, Event, Stream, parts_of, repair_topic_of
from shared.outbox import RepairRequest
from shared.service import Service

PARTITIONS: Final = Topics().partitions
BINDING: Final = "0.5.0"  # of the Kafka binding specification
KEY: Final = {"type": "string", "description": "the aggregate's id: its events stay in order"}
REPAIR: Final = "jamaa.repair.request"
DESCRIPTION: Final = (
    "Events of Morocco's communal platform, as CloudEvents 1.0 in Kafka's binary content mode: attributes in"
    " headers, the data as JSON in the value. A topic carries all events of one aggregate type; `ce_sequence`"
    " counts 1, 2, 3 … per aggregate without a gap. Delivery is at least once: skip what you have seen."
    " Ignore fields and types that you do not know: both are added to. Data are references, never personal."
)


def document(services: Sequence[Service], schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Jamaa",
            "version": importlib.metadata.version("jamaa"),
            "description": DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "channels": {
            **{_name(stream): _channel(service, stream) for service, stream in _streams(services)},
            **{f"{service.name}.repair": _repair(service) for service in services},
        },
        "operations": {
            **{
                f"{stream.service}.send.{stream.aggregate}": {
                    "action": "send",
                    "channel": {"$ref": f"#/channels/{_name(stream)}"},
                    "summary": f"{service.title['en']}: every change of a {stream.aggregate}",
                }
                for service, stream in _streams(services)
            },
            **_received(services),
        },
        "components": {
            "messages": {
                **{
                    event.TYPE: _message(stream, event, schemas[event.TYPE])
                    for _, stream in _streams(services)
                    for event in stream.events
                },
                REPAIR: _repair_message(),
            },
            "schemas": {"CloudEventHeaders": _headers()},
        },
    }


def _streams(services: Sequence[Service]) -> list[tuple[Service, Stream]]:
    return [(service, stream) for service in services for stream in service.streams]


def _name(stream: Stream) -> str:
    return f"{stream.service}.{stream.aggregate}"


def _channel(service: Service, stream: Stream) -> dict[str, Any]:
    return {
        "address": stream.topic,
        "title": f"{service.title['ar']} · {service.title['fr']} · {stream.aggregate}",
        "messages": {event.TYPE: {"$ref": f"#/components/messages/{event.TYPE}"} for event in stream.events},
        "bindings": {"kafka": {"topic": stream.topic, "partitions": PARTITIONS, "bindingVersion": BINDING}},
    }


def _received(services: Sequence[Service]) -> dict[str, Any]:
    operations = {}
    for service in services:
        for consumer in service.consumers:
            for topic in consumer.topics:
                producer, aggregate = parts_of(topic)
                operations[f"{consumer.name}.receive.{producer}.{aggregate}"] = {
                    "action": "receive",
                    "channel": {"$ref": f"#/channels/{producer}.{aggregate}"},
                    "summary": f"{service.title['en']} reads what {producer} announces",
                    "bindings": {
                        "kafka": {
                            "groupId": {"type": "string", "enum": [consumer.name]},
                            "bindingVersion": BINDING,
                        }
                    },
                }
        operations[f"{service.name}.receive.repair"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{service.name}.repair"},
            "summary": "Sends again what a consumer misses",
        }
    return operations


def _message(stream: Stream, event: type[Event], schema: Mapping[str, Any]) -> dict[str, Any]:
    message = {
        "name": event.TYPE,
        "title": event.__name__,
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEventHeaders"},
                {
                    "type": "object",
                    "properties": {
                        "ce_type": {"const": event.TYPE},
                        "ce_source": {"const": stream.source},
                        "ce_aggregate": {"const": stream.aggregate},
                    },
                },
            ]
        },
        "payload": {"$ref": f"./{event.TYPE}.json"},
        "bindings": {"kafka": {"key": KEY, "bindingVersion": BINDING}},
        "examples": [
            {"headers": _example_headers(stream, event), "payload": payload} for payload in schema["examples"]
        ],
    }
    if "description" in schema:
        message["summary"] = schema["description"]
    return message


def _example_headers(stream: Stream, event: type[Event]) -> dict[str, str]:
    envelope = Envelope(
        id=UUID("0190a3f2-6c00-8000-8000-000000000002"),
        source=stream.source,
        type=event.TYPE,
        aggregate=stream.aggregate,
        subject=str(FILE),
        sequence=1,
        time=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        collectivity="06.141.01.0",
        data=b"",
        correlation_id="3d8388092f944bcfab20afd141328475",
    )
    return {name: value.decode() for name, value in envelope.headers()}


def _headers() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "CloudEvents 1.0 attributes in Kafka's binary content mode, and our extensions.",
        "required": [
            "ce_specversion",
            "ce_id",
            "ce_source",
            "ce_type",
            "ce_subject",
            "ce_time",
            "ce_dataschema",
            "content-type",
            "ce_aggregate",
            "ce_partitionkey",
            "ce_sequence",
            "ce_collectivity",
        ],
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": {"type": "string", "format": "uuid", "description": "the same when sent again"},
            "ce_source": {"type": "string", "format": "uri-reference"},
            "ce_type": text,
            "ce_subject": {"type": "string", "description": "the aggregate's id, and the record's key"},
            "ce_time": {"type": "string", "format": "date-time", "description": "legal time"},
            "ce_dataschema": {"type": "string", "format": "uri-reference"},
            "content-type": {"const": "application/json"},
            "ce_aggregate": text,
            "ce_partitionkey": text,
            "ce_sequence": {
                "type": "string",
                "pattern": "^[0-9]{19}$",
                "description": "1, 2, 3 … per aggregate without a gap, padded to order as text",
            },
            "ce_collectivity": {"type": "string", "description": "HCP code of the territory"},
            "ce_correlationid": text,
            "ce_causationid": {"type": "string", "description": "the event that this one follows from"},
            "ce_traceparent": {"type": "string", "description": "W3C Trace Context"},
            "ce_tracestate": {"type": "string", "description": "W3C Trace Context: what vendors add"},
        },
    }


def _repair(service: Service) -> dict[str, Any]:
    topic = repair_topic_of(service.name)
    return {
        "address": topic,
        "title": f"What consumers of {service.name} miss",
        "messages": {REPAIR: {"$ref": f"#/components/messages/{REPAIR}"}},
        "bindings": {"kafka": {"topic": topic, "partitions": PARTITIONS, "bindingVersion": BINDING}},
    }


def _repair_message() -> dict[str, Any]:
    return {
        "name": REPAIR,
        "title": "RepairRequest",
        "summary": "Events of one aggregate that a consumer misses; answered under their old identifiers",
        "contentType": "application/json",
        "payload": closed(TypeAdapter(RepairRequest).json_schema(mode="serialization")),
    }
