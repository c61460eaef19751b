"""What a route's endpoint is called with, worked out from its declaration once (0037).

The framework reads the declaration, checks parameters and forms, and describes the route. Its own way of
answering would look at the same declaration at each request, and read a body twice.
"""

from dataclasses import dataclass, field
from inspect import isclass
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.params import Form
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import Malformed

READ: Final = ("path_params", "query_params", "header_params")
"""Where FastAPI keeps a dependency's fields. A request calls the last one `headers`."""

NO_CONTENT: Final = 204


class Answer(Response):
    """JSON to come: the endpoint may set headers and status before it is filled. A 204 has no body."""

    def __init__(self, status: int) -> None:
        self.status_code = status
        self.background = None
        self.body = b""
        self.raw_headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]

    def fill(self, body: bytes) -> None:
        if self.status_code == NO_CONTENT:
            del self.headers["content-type"]
            return
        self.body = body
        self.raw_headers.append((b"content-length", b"%d" % len(body)))


@dataclass(frozen=True, slots=True)
class Given:
    """One attempt at one request. `errors` are pydantic's findings, `done` what each dependency gave."""

    request: Request
    body: bytes
    answer: Answer
    errors: list[Any] = field(default_factory=list)
    done: dict[Any, Any] = field(default_factory=dict)


class Plan:
    """Of an endpoint, or of a dependency: a coroutine function or a class, with nothing to clean up."""

    def __init__(self, of: Dependant) -> None:
        if of.cookie_params or of.background_tasks_param_name or not of.use_cache:
            raise TypeError(f"{of.call}: no cookies, no background tasks, no dependency asked twice")
        self.call: Any = of.call
        self.made = isclass(of.call)
        self.name = of.name
        self.needs = [Plan(one) for one in of.dependencies]
        self.read = [
            (fields, name.replace("header_params", "headers"))
            for name in READ
            if (fields := getattr(of, name))
        ]
        self.body = of.body_params
        self.model: type[BaseModel] | None = None
        if not all(isinstance(one.field_info, Form) for one in self.body):
            model = self.body[0].field_info.annotation
            if len(self.body) > 1 or not (isclass(model) and issubclass(model, BaseModel)):
                raise TypeError(f"{of.call}: a body is of one model (no union, no list), or form fields")
            self.model = model
        self.request = of.request_param_name
        self.answer = of.response_param_name

    async def arguments(self, given: Given) -> dict[str, Any]:
        """What `call` is to be called with; incomplete when it adds to `given.errors`."""
        found: dict[str, Any] = {}
        for need in self.needs:
            wrong = len(given.errors)
            arguments = await need.arguments(given)
            if len(given.errors) > wrong:
                continue
            if need.call not in given.done:
                made = need.call(**arguments)
                given.done[need.call] = made if need.made else await made
            if need.name:
                found[need.name] = given.done[need.call]
        for fields, name in self.read:
            values, errors = request_params_to_args(fields, getattr(given.request, name))
            found |= values
            given.errors.extend(errors)
        if self.model:
            found[self.body[0].name] = _json(self.model, given)
        elif self.body:
            values, errors = await request_body_to_args(self.body, await _form(given.request), True)
            found |= values
            given.errors.extend(errors)
        if self.request:
            found[self.request] = given.request
        if self.answer:
            found[self.answer] = given.answer
        return found


def _json(model: type[BaseModel], given: Given) -> BaseModel | None:
    if not given.body:
        given.errors.append({"type": "missing", "loc": ("body",)})
        return None
    try:
        return model.model_validate_json(given.body, strict=True)
    except ValidationError as wrong:
        found = wrong.errors(include_url=False, include_context=False, include_input=False)
        given.errors.extend(error | {"loc": ("body", *error["loc"])} for error in found)
    return None


async def _form(request: Request) -> Any:
    """Whoever made the request closes it, and with it the files."""
    try:
        return await request.form()
    except (ValueError, LookupError):  # a part that ends too early, an unknown character set
        raise Malformed("malformed") from None
