"""Logs: one JSON object a line, with what ties the lines of a request together and no personal data.

Law 09-08 makes whoever keeps a log answer for the people in it; what must be known about them is in the
register of accesses, not here. Log references (opaque ids) and `collectivity`, never people.
"""

import asyncio
import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import date, time, timedelta
from decimal import Decimal
from functools import lru_cache
from logging.handlers import RotatingFileHandler
from pathlib import Path, PurePath
from typing import Any, Final, TextIO
from uuid import UUID

import structlog
from pydantic_core import to_json
from structlog.processors import NAME_TO_LEVEL
from structlog.typing import EventDict, Processor

MASK: Final = "[masked]"
FILE_BYTES: Final = 20 * 2**20  # then the file becomes `<file>.1` and a new one begins
LONGEST: Final = 10_000  # characters of one value; a traceback that recurses is longer
SHORT: Final = 100  # characters of a text that may be remembered
WORD: Final = (
    20  # characters; one word of more (a trace's id) is no number of a telephone or an identity card
)

# Words of a key that say its value is about a person, or opens a door; `_INSIDE` are those that no other
# word contains by chance.
_WORDS: Final = frozenset(
    {"name", "names", "nom", "prenom", "cin", "tel", "telephone", "gsm", "fax", "mobile", "mail", "adresse"}
    | {"birth", "birthdate", "dob", "iban", "rib", "ip", "client", "jwt", "pwd", "dsn"}
)
_INSIDE: Final = re.compile(
    r"password|passwd|token|secret|authori[sz]ation|cookie|credential|email|phone|cnie|passport"
    r"|address|name\b|database_url"
)
_OURS: Final = frozenset({"timestamp", "level", "logger"})
_PLAIN: Final = (bool, int, float, type(None))
_TEXTS: Final = (str, UUID, date, time, timedelta, Decimal, PurePath)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

# What may stand inside any text: an exception's message above all.
_SCRUB: Final = re.compile(
    r"""
      (?P<jwt>\beyJ[\w-]{5,}(?:\.[\w-]*){2,4})
    | (?P<bearer>(?i:\b(?:bearer|basic)\s+)[\w.~+/=-]{8,})
    | (?P<login>(?<=://)[^\s/@]+(?=@))
    | (?P<email>[\w.+-]+@[\w-]+\.[\w.-]+)
    | (?P<phone>(?<![\w.])(?:(?:\+|00)212|0)[\s.-]?[5-8](?:[\s.-]?\d){8}(?!\w))
    | (?P<cnie>\b[A-Z]{1,2}\d{5,7}\b)
    | (?P<row>(?:DETAIL|CONTEXT):[^\n]*)                    # PostgreSQL quotes the row it refuses
    | (?P<argument>(?<=query\ argument\ )\$\d+:[^\n]*)       # asyncpg quotes the argument
    | (?P<parameters>\[parameters:.*?\](?=\n|$))             # SQLAlchemy lists them
    | (?P<input>(?<=input_value=).*?(?=,\ input_type))       # pydantic quotes the input
    """,
    re.VERBOSE | re.DOTALL,
)

LINGER: Final = 0.05  # seconds: what a process that is killed may lose of its last lines
_NOISY: Final = ("aiokafka", "alembic", "asyncio", "httpx", "httpcore", "sqlalchemy")


def configure(
    *,
    level: str = "INFO",
    development: bool = False,
    stream: TextIO | None = None,
    file: Path | None = None,
) -> None:
    """Send structlog's and the standard library's logs to `stream` (standard output).

    Coloured lines for a developer at a terminal, JSON for everybody else. `file` gets JSON from INFO on,
    whatever the stream is spared. Start uvicorn with `log_config=None`, or it installs handlers of its own
    that print addresses and query strings.
    """
    out = stream or sys.stdout
    screen: Processor = structlog.dev.ConsoleRenderer() if development and out.isatty() else _json
    outlets: list[tuple[logging.Handler, Processor]] = [(_rendered(_Stream(out), level, screen), screen)]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = _File(file, maxBytes=FILE_BYTES, backupCount=1, encoding="utf-8")
        outlets.append((_rendered(kept, "INFO", _json), _json))
    handlers = [handler for handler, _ in outlets]
    lowest = min(handler.level for handler in handlers)

    def handed(_logger: Any, method: str, line: EventDict) -> EventDict:
        """The last processor. The library's own way renders inside the handlers, from a copy of a copy."""
        severity = NAME_TO_LEVEL[method]
        for handler, renderer in outlets:
            if severity >= handler.level:
                ready = _Line(line["logger"], severity)
                try:
                    ready.msg = str(renderer(_logger, method, dict(line)))
                    handler.handle(ready)
                except Exception:  # noqa: BLE001  # a line never ends the work that it tells of
                    handler.handleError(ready)
        raise structlog.DropEvent

    structlog.configure(
        processors=[*_first(), _exception, redact, handed],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # loggers are made at import, before this runs
    )
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(lowest)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True


class _Line(logging.LogRecord):
    """Rendered already: what a record finds out about files and threads, nobody reads."""

    def __init__(self, name: str, severity: int) -> None:
        self.name, self.levelno, self.levelname = name, severity, logging.getLevelName(severity)
        self.msg, self.args = "", None


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return record.msg if isinstance(record, _Line) else super().format(record)


class _Stream(logging.StreamHandler[TextIO]):
    """The lines of a moment are one write, which costs more than they do; what warns is written at once."""

    _loop: asyncio.AbstractEventLoop | None = None  # where the write waits

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if record.levelno >= logging.WARNING:
            super().flush()

    def flush(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # at the end of the process too
            super().flush()
            return
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(LINGER, self._written)

    def _written(self) -> None:
        self._loop = None
        super().flush()


class _File(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's name
        """A full disk is PostgreSQL's to report; a line that cannot be kept must not flood the screen."""


def _first() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace,
    ]


def _rendered(handler: logging.Handler, level: str, renderer: Processor) -> logging.Handler:
    handler.setLevel(level)
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=[*_first(), _access],
            pass_foreign_args=True,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _exception,
                redact,
                renderer,
            ],
        )
    )
    return handler


@contextmanager
def context(
    *, service: str | None = None, correlation_id: str | None = None, traceparent: str | None = None
) -> Iterator[None]:
    """What every line logged inside carries. `traceparent` is W3C Trace Context's; its trace id is logged."""
    known = {"service": service, "correlation_id": correlation_id, "traceparent": traceparent}
    with structlog.contextvars.bound_contextvars(**{k: v for k, v in known.items() if v is not None}):
        yield


def redact(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """Masks keys that name a person or a secret, and whatever looks like one inside any text."""
    return {key: value if key in _OURS else _shown(key, value) for key, value in line.items()}


def scrub(text: str) -> str:
    """`text` without tokens, passwords in URLs, e-mail addresses, telephone and identity-card numbers."""
    return _scrubbed(text) if len(text) < SHORT else _SCRUB.sub(MASK, text[:LONGEST])


@lru_cache(maxsize=1024)
def _scrubbed(text: str) -> str:
    """Names of events, routes, topics: most texts come again."""
    return text if len(text) > WORD and text.isalnum() else _SCRUB.sub(MASK, text)


@lru_cache(maxsize=1024)
def _personal(key: str) -> bool:
    return bool(_INSIDE.search(key.lower())) or not _WORDS.isdisjoint(
        word.lower() for word in _WORD.findall(key)
    )


def _shown(key: str, value: Any) -> Any:
    return MASK if _personal(key) else _clean(value)


def _clean(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, _TEXTS):
        return scrub(str(value))
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), member) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(member) for member in value]
    if isinstance(value, BaseException):
        return scrub(f"{type(value).__name__}: {value}")
    return f"<{type(value).__name__}>"  # the representation of a domain object shows its fields


def _json(_logger: Any, _method: str, line: EventDict) -> str:
    return to_json(line).decode()


def _trace(_logger: Any, _method: str, line: EventDict) -> EventDict:
    if traceparent := line.pop("traceparent", None):
        line["trace_id"] = str(traceparent).split("-")[1]
    return line


def _access(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """Uvicorn's access line without the caller's address and the query string: both may name a person."""
    arguments = line.pop("positional_args", None)
    if line.get("logger") == "uvicorn.access" and isinstance(arguments, tuple) and len(arguments) == 5:
        _, method, path, _, status = arguments
        line.update(event="http.answered", method=method, path=path.partition("?")[0], status=status)
    return line


def _exception(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> EventDict:
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        # The end is where the error is; the scrubber keeps the beginning of what it is given.
        line["exception"] = "".join(traceback.format_exception(error))[-LONGEST:]
    return dict(line)
