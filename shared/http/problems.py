"""Refusals as RFC 9457 documents in the reader's language. The request is never echoed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

import structlog
from fastapi.exceptions import RequestValidationError, ValidationException
from fastapi.routing import iter_route_contexts
from pydantic_core import to_jsonable_python
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.errors import (
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    TooLarge,
    Unauthenticated,
    Unsupported,
)
from shared.http.context import ARRIVAL

MEDIA_TYPE: Final = "application/problem+json"
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class MethodNotAllowed(Problem):
    status = 405
    title: ClassVar = {
        "ar": "طريقة الطلب غير مقبولة هنا",
        "fr": "Méthode non admise ici",
        "en": "Method not allowed here",
    }


def language() -> str:
    arrival = ARRIVAL.get(None)
    return arrival.language if arrival else "ar"


def rendered(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """`retry_after` (seconds) among the problem's extra members also becomes the header."""
    chosen = language()
    out = {"Content-Language": chosen, "Vary": "Accept-Language", "Cache-Control": "no-store"}
    if "retry_after" in problem.extra:
        out["Retry-After"] = str(problem.extra["retry_after"])
    if isinstance(problem, Unauthenticated):
        bearer = 'Bearer realm="jamaa"'
        out["WWW-Authenticate"] = (
            bearer if problem.code == "token_missing" else bearer + ', error="invalid_token"'
        )
    return JSONResponse(
        to_jsonable_python(problem.body(chosen)),
        problem.status,
        headers=out | dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


class Refusal(Response):
    """An answer that refuses and still commits what the transaction wrote: see `refused`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(status_code=problem.status)
        self.problem = problem


def refused(problem: Problem) -> Refusal:
    """Answer with this problem *and commit*: for a refusal that must be recorded (a decision after its
    date, for instance). Returned, not raised: what is raised rolls back.
    """
    return Refusal(problem)


class Unexpected(Problem):
    """A bug. Its text stays in the log, where the correlation id finds it."""

    def __init__(self) -> None:
        super().__init__("unexpected")


def unexpected(chosen: str) -> JSONResponse:
    return JSONResponse(
        Unexpected().body(chosen), 500, headers={"Content-Language": chosen}, media_type=MEDIA_TYPE
    )


def logged(error: Exception) -> None:
    """With its traceback. A validation error of ours quotes what it found, so it is reduced to codes."""
    if isinstance(error, ValidationException):
        codes = [{"path": path_of(e["loc"]), "code": e["type"]} for e in error.errors()]
        log.error("http.unexpected", error=type(error).__name__, errors=codes)
    else:
        log.error("http.unexpected", sqlstate=sqlstate(error), exc_info=error)


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's five-character code, whether or not SQLAlchemy wrapped the error."""
    state: str | None = getattr(getattr(error, "orig", None) or error, "sqlstate", None)
    return state


def path_of(location: Iterable[int | str]) -> str:
    return ".".join(str(part)[:64] for part in location)


WRONG_TYPE: Final = {
    "ar": "نوع القيمة غير صحيح",
    "fr": "Type de valeur incorrect",
    "en": "Wrong type of value",
}
WRONG_LENGTH: Final = {"ar": "الطول غير مقبول", "fr": "Longueur non admise", "en": "Length not allowed"}
OUT_OF_RANGE: Final = {
    "ar": "القيمة خارج الحدود",
    "fr": "Valeur hors limites",
    "en": "Value out of range",
}
NOT_IN_LIST: Final = {
    "ar": "القيمة ليست من القيم المقبولة",
    "fr": "La valeur ne fait pas partie des valeurs admises",
    "en": "Not one of the accepted values",
}
INVALID: Final = {"ar": "قيمة غير صحيحة", "fr": "Valeur invalide", "en": "Invalid value"}
MESSAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "missing": {"ar": "حقل إلزامي", "fr": "Champ obligatoire", "en": "Required"},
    "extra_forbidden": {"ar": "حقل غير معروف", "fr": "Champ inconnu", "en": "Unknown field"},
    "timezone_aware": {
        "ar": "يلزم ذكر فارق التوقيت",
        "fr": "Le décalage horaire est requis",
        "en": "An offset from UTC is required",
    },
    "string_pattern_mismatch": {"ar": "صيغة غير مقبولة", "fr": "Format non admis", "en": "Wrong format"},
    "string_too_short": WRONG_LENGTH,
    "string_too_long": WRONG_LENGTH,
    "too_short": WRONG_LENGTH,
    "too_long": WRONG_LENGTH,
    "greater_than": OUT_OF_RANGE,
    "greater_than_equal": OUT_OF_RANGE,
    "less_than": OUT_OF_RANGE,
    "less_than_equal": OUT_OF_RANGE,
    "enum": NOT_IN_LIST,
    "literal_error": NOT_IN_LIST,
    "union_tag_invalid": NOT_IN_LIST,
}


def invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """Pydantic's findings as a problem: where, a stable code, a text; never the value, which may be
    personal data. Unreadable JSON is 400, readable but wrong is 422.
    """
    if any(e["type"] == "json_invalid" for e in errors):
        return Malformed(
            "malformed_json",
            {"ar": "النص ليس JSON سليما", "fr": "Le corps n'est pas du JSON valide", "en": "Not valid JSON"},
        )
    chosen = language()
    found = []
    for error in errors[:50]:
        code = error["type"]
        text = MESSAGES.get(code) or (WRONG_TYPE if code.endswith(("_type", "_parsing")) else INVALID)
        found.append({"path": path_of(error["loc"]), "code": code, "message": text[chosen]})
    return Invalid("invalid", errors=found)


async def on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return rendered(error)


async def on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return rendered(invalid(error.errors()))


async def on_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such path, no such method, too large, unreadable."""
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            problem: Problem = NotFound("not_found")
        case 405:
            allowed = _methods(request)
            return rendered(
                MethodNotAllowed("method_not_allowed", allowed=allowed), {"Allow": ", ".join(allowed)}
            )
        case 413:
            problem = TooLarge("too_large")
        case 415:
            problem = Unsupported("unsupported_media_type")
        case 403:
            problem = Forbidden("forbidden")
        case status if status < 500:
            problem = Malformed("malformed")
        case _:
            problem = Unexpected()
    return rendered(problem)


async def on_exception(request: Request, error: Exception) -> Response:
    """Starlette raises the exception again after this; the edge logs it there."""
    return unexpected(language())


def _methods(request: Request) -> list[str]:
    """Of every route with this path: the framework names only the first one's."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    found: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        regex = getattr(route, "path_regex", None)
        if regex is not None and regex.match(path):
            found |= route.methods or set()
    return sorted(found)
