"""How Open311 writes: XML and JSON of the same content, and its errors in either."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.errors import NotFound, Problem
from shared.http.openapi import TEXTS
from shared.http.problems import MEDIA_TYPE, language, on_http, rendered
from shared.http.route import Route

XML: Final = "text/xml"
JSON: Final = "application/json"
FORMATS: Final = {"xml": XML, "json": JSON}
ITEMS: Final = {"attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format"}
"""By the name of a list in JSON, that of its elements in XML."""
STATUS: Final = {422: 400}
"""The standard knows one code for what is wrong with a request."""
ERRORS: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["code", "description"],
        "properties": {"code": {"type": "integer"}, "description": {"type": "string"}},
    },
}
F = TypeVar("F", bound=Callable[..., Any])


class XmlResponse(Response):
    media_type = XML


class Open311Route(Route):
    """A route of the kernel's, whose refusals are written as Open311 writes them."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        kind = FORMATS.get(path.rpartition(".")[2])
        options["response_class"] = XmlResponse if kind == XML else JSONResponse
        super().__init__(path, endpoint, **options)
        kinds = [kind] if kind else list(FORMATS.values())
        self.responses = dict(self.responses) | {
            status: {
                "description": TEXTS[status],
                "content": {one: {"schema": ERRORS} if one == JSON else {} for one in kinds},
            }
            for status in self.responses
            if isinstance(status, int) and status in TEXTS and status not in STATUS
        }
        self.responses = {status: one for status, one in self.responses.items() if status not in STATUS}
        if not kind and 200 not in self.responses:
            self.responses[200] = {"description": "OK", "content": {one: {} for one in kinds}}

    async def answer(self, request: Request) -> Response:
        # What a form left blank was not said: clients send all their fields, and would find nothing.
        # As text: given bytes, `parse_qsl` knows ASCII only, also behind percent signs.
        given = parse_qsl(request.scope["query_string"].decode("latin-1"))
        request.scope["query_string"] = urlencode(given).encode()
        try:
            response = await super().answer(request)
        except Problem as problem:
            response = rendered(problem)
        except HTTPException as refused:
            response = await on_http(request, refused)
        return _refusal(request, response) if response.media_type == MEDIA_TYPE else response


class Open311Router(APIRouter):
    """Of routes that come in both formats."""

    def __init__(self) -> None:
        super().__init__(route_class=Open311Route, redirect_slashes=False)

    def both(self, method: str, path: str, **options: Any) -> Callable[[F], F]:
        def add(endpoint: F) -> F:
            for ending in FORMATS:
                self.add_api_route(f"{path}.{ending}", endpoint, methods=[method], **options)
            return endpoint

        return add


def _refusal(request: Request, response: Response) -> Response:
    """Of a problem document, with its headers."""
    problem = json.loads(bytes(response.body))
    said = [problem.get("detail") or problem["title"]]
    said += [f"{one['path']}: {one['message']}" for one in problem.get("errors", ())]
    status = STATUS.get(response.status_code, response.status_code)
    body = {"code": status, "description": f"{'; '.join(said)} ({problem['code']})"}
    _, kind = ending_of(request.url.path)
    answer = written(kind or "xml", "errors", [body], item="error", status=status)
    for name, value in response.headers.items():
        if name not in {"content-type", "content-length"}:
            answer.headers[name] = value
    return answer


def ending_of(segment: str) -> tuple[str, str | None]:
    """`pothole.json` → pothole, json. None for an ending that is neither."""
    name, _, ending = segment.rpartition(".")
    return (name, ending) if ending in FORMATS else (segment, None)


def asked_for(request: Request) -> str:
    """The format that the path ends in. Raises NotFound."""
    _, ending = ending_of(request.url.path)
    if ending is None:
        raise NotFound("format_unknown", "The path ends in .xml or .json.")
    return ending


def written(
    kind: str,
    root: str,
    content: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    item: str = "",
    status: int = 200,
) -> Response:
    """`kind` is xml or json; `item` names the elements of a list in XML. The type is given bare, without a
    character set: validators compare it as it is.
    """
    if kind == "json":
        body = json.dumps(content, ensure_ascii=False).encode()
    else:
        top = _element(root, content, item)
        body = ET.tostring(top, encoding="utf-8", xml_declaration=True)
    headers = {"Content-Type": FORMATS[kind], "Content-Language": language(), "Vary": "Accept-Language"}
    return Response(body, status, headers=headers)


def _element(name: str, content: Any, item: str = "") -> ET.Element:
    made = ET.Element(name)
    match content:
        case dict():
            made.extend(_element(key, value, ITEMS.get(key, "")) for key, value in content.items())
        case list():
            made.extend(_element(item, value) for value in content)
        case bool():
            made.text = "true" if content else "false"
        case None:
            pass
        case _:
            made.text = str(content)
    return made
