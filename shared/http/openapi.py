"""OpenAPI 3.1 that tells the truth: problem documents, and every status that a route may answer."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.errors import TYPE_BASE
from shared.http.problems import MEDIA_TYPE

BEARER: Final = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
REFERENCE: Final = {"schema": {"$ref": "#/components/schemas/Problem"}}
TEXTS: Final = {
    400: "Malformed request",
    401: "No valid token",
    403: "Not allowed to this role or outside its territory",
    404: "Not found, or not visible to the caller",
    409: "The present state does not allow this",
    412: "Changed since it was read",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid data, or an idempotency key used for another request",
    428: "If-Match is absent",
    429: "Too many requests",
    503: "Temporarily unavailable: try again after `Retry-After` seconds",
}
PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457; further members by code",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": [TYPE_BASE + "invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable, for programs"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "code", "message"],
                "properties": {
                    "path": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Drawn by the client for this request; the same key gets the same answer for seven days",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of the representation that was read",
    "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$', "examples": ['"7"']},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses=`, when it answers more than `documented` expects."""
    return {s: {"description": TEXTS[s], "content": {MEDIA_TYPE: REFERENCE}} for s in statuses}


def documented(
    responses: Mapping[int | str, dict[str, Any]],
    extra: Mapping[str, Any] | None,
    *,
    methods: Collection[str],
    public: bool,
    idempotent: bool,
    limited: bool,
    conditional: bool | None,
    has_body: bool,
) -> tuple[dict[int | str, dict[str, Any]], dict[str, Any]]:
    """The answers and parameters that follow from how a route is declared."""
    statuses = [400, 401, 403, 404, 422, 503]
    statuses += [409] if set(methods) - {"GET", "HEAD"} else []
    statuses += [412] * (conditional is not None) + [428] * bool(conditional)
    statuses += [413, 415] if has_body else []
    statuses += [429] if limited else []
    out = dict(extra or {})
    parameters = [IDEMPOTENCY_KEY] * idempotent
    parameters += [] if conditional is None else [IF_MATCH | {"required": conditional}]
    if parameters:
        out["parameters"] = [*out.get("parameters", []), *parameters]
    if not public:
        out.setdefault("security", [{"bearer": []}])
    return problems(*statuses) | dict(responses), out


def describe(app: FastAPI) -> dict[str, Any]:
    """Replaces `app.openapi`: built once, with the shared components."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = PROBLEM
        components["securitySchemes"] = BEARER
        app.openapi_schema = document
    return app.openapi_schema
