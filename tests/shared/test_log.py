"""What a log line says, and what it must never say."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import structlog

from shared.log import MASK, configure, context, scrub

# alg none, so that no secret scanner takes it for a real one; it looks like a token all the same.
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhYm91bmRhbmNlIn0."
SIGNED = JWT + "c2lnbmF0dXJlLW9mLW5vdGhpbmc"
TRACE = "0af7651916cd43dd8448eb211c80319c"
ID = UUID("0199c0de-0612-7345-8678-901234567890")


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_with_arabic_readable_and_time_in_utc(out: io.StringIO) -> None:
    structlog.get_logger("rokhas").info("إيداع", collectivity="06.141.01.0", dossier=ID)
    (line,) = lines(out)
    assert "إيداع" in out.getvalue()
    assert line["timestamp"].endswith("Z")
    assert line["level"] == "info"
    assert line["logger"] == "rokhas"
    assert (line["event"], line["collectivity"], line["dossier"]) == ("إيداع", "06.141.01.0", str(ID))


def test_every_line_of_a_request_carries_its_context_and_later_ones_do_not(out: io.StringIO) -> None:
    log = structlog.get_logger("a")
    with context(service="rokhas", correlation_id="c-1", traceparent=f"00-{TRACE}-b7ad6b7169203331-01"):
        log.info("ours")
        logging.getLogger("library").info("theirs")
    log.info("after")
    ours, theirs, after = lines(out)
    for line in (ours, theirs):
        assert (line["service"], line["correlation_id"], line["trace_id"]) == ("rokhas", "c-1", TRACE)
    assert not {"service", "correlation_id", "trace_id", "traceparent"} & set(after)


@pytest.mark.parametrize(
    "key",
    [
        "name", "name_ar", "applicantName", "full_name", "fullname", "nom", "cnie", "CNIE", "applicant_cin",
        "phone", "phone_number", "email", "e_mail", "address", "home_address", "birth_date", "token",
        "access_token", "Authorization", "cookie", "password", "client_secret", "database_url", "client_ip",
        "dsn",
    ],
)  # fmt: skip
def test_a_key_that_may_carry_a_person_or_a_secret_is_masked_at_any_depth(out: io.StringIO, key: str) -> None:
    structlog.get_logger("a").info("x", **{key: "فاطمة الزهراء"}, nested=[{"deep": {key: 7}}])
    (line,) = lines(out)
    assert line[key] == MASK
    assert line["nested"] == [{"deep": {key: MASK}}]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("service", "rokhas"), ("consumer", "deadlines.clocks"), ("collectivity", "06.141.01.53"),
        ("topic", "jamaa.rokhas.dossier.events"), ("dossier", str(ID)), ("sha256", "0612345678" * 6 + "abcd"),
        ("type", "ma.jamaa.rokhas.dossier.submitted.v1"), ("lag", 612345678), ("done", True), ("error", None),
        ("listening", "127.0.0.1:8000"), ("recipe", "x"), ("number", "2026-000123"), ("seconds", 0.25),
    ],
)  # fmt: skip
def test_what_an_operator_needs_is_left_alone(out: io.StringIO, key: str, value: object) -> None:
    structlog.get_logger("a").info("x", **{key: value})
    assert lines(out)[0][key] == value


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"token {JWT}", f"token {MASK}"),
        (f"token {SIGNED} refused", f"token {MASK} refused"),
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: {MASK}"),
        ("postgresql://jamaa:hunter2@127.0.0.1/jamaa", f"postgresql://{MASK}@127.0.0.1/jamaa"),
        ("sent to f.zahra+x@example.ma twice", f"sent to {MASK} twice"),
        ("called 0612345678", f"called {MASK}"),
        ("called +212 6 12 34 56 78, no answer", f"called {MASK}, no answer"),
        ("card BK123456 expired", f"card {MASK} expired"),
        (
            'duplicate key violates "u"\nDETAIL:  Key (holder)=(فاطمة) already exists.\nnext',
            f'duplicate key violates "u"\n{MASK}\nnext',
        ),
        (
            "invalid input for query argument $3: 'فاطمة' (expected int)",
            f"invalid input for query argument {MASK}",
        ),
        ("bad\n[SQL: SELECT $1]\n[parameters: ('فاطمة', [1])]\nend", f"bad\n[SQL: SELECT $1]\n{MASK}\nend"),
        (
            "wrong [type=int, input_value='فاطمة', input_type=str]",
            f"wrong [type=int, input_value={MASK}, input_type=str]",
        ),
        (f"dossier {ID} in 06.141.01.53", f"dossier {ID} in 06.141.01.53"),
    ],
)  # fmt: skip
def test_what_looks_like_a_person_or_a_secret_is_cut_out_of_any_text(
    out: io.StringIO, text: str, left: str
) -> None:
    assert scrub(text) == left
    structlog.get_logger("a").warning("x", error=text, causes=[text], failed=ValueError(text))
    logging.getLogger("library").warning("%s", text)
    ours, theirs = lines(out)
    assert (ours["error"], ours["causes"], ours["failed"]) == (left, [left], f"ValueError: {left}")
    assert theirs["event"] == left


def test_an_exception_is_logged_with_its_trace_and_without_its_secrets(out: io.StringIO) -> None:
    def fails() -> None:
        try:
            int(f"inner {SIGNED}")
        except ValueError as error:
            raise RuntimeError("outer 0612345678") from error

    try:
        fails()
    except RuntimeError:
        structlog.get_logger("a").exception("task.died")
    (line,) = lines(out)
    assert "RuntimeError: outer" in line["exception"]
    assert f"base 10: 'inner {MASK}'" in line["exception"]
    assert "test_log.py" in line["exception"]
    assert SIGNED not in out.getvalue()
    assert "0612345678" not in out.getvalue()


def test_an_object_does_not_show_its_fields(out: io.StringIO) -> None:
    @dataclass
    class Applicant:
        given: str

    structlog.get_logger("a").info(
        "x", who=Applicant("فاطمة"), raw=b"abc", at=datetime(2026, 11, 22, tzinfo=UTC)
    )
    (line,) = lines(out)
    assert (line["who"], line["raw"], line["at"]) == ("<Applicant>", "<bytes>", "2026-11-22 00:00:00+00:00")
    assert "فاطمة" not in out.getvalue()


def test_the_access_line_of_uvicorn_has_no_query_and_no_caller(out: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").info(
        '%s - "%s %s HTTP/%s" %d', "41.250.1.2:5000", "GET", "/rokhas/v1/dossiers?q=فاطمة", "1.1", 200
    )
    (line,) = lines(out)
    said = {key: line[key] for key in ("event", "method", "path", "status")}
    assert said == {"event": "http.answered", "method": "GET", "path": "/rokhas/v1/dossiers", "status": 200}
    assert "فاطمة" not in out.getvalue()
    assert "41.250" not in out.getvalue()


def test_uvicorns_own_handlers_give_way(out: io.StringIO) -> None:
    access = logging.getLogger("uvicorn.access")
    access.addHandler(logging.StreamHandler(sys.stderr))
    configure(stream=out)
    assert access.handlers == []
    assert access.propagate


@pytest.mark.parametrize(("level", "seen"), [("DEBUG", 3), ("INFO", 2), ("WARNING", 1)])
def test_the_level_applies_to_ours_and_to_libraries(out: io.StringIO, level: str, seen: int) -> None:
    configure(level=level, stream=out)
    for log in (structlog.get_logger("a"), logging.getLogger("library")):
        log.debug("d")
        log.info("i")
        log.warning("w")
    assert len(lines(out)) == seen * 2


@pytest.mark.parametrize("chatty", ["httpx", "sqlalchemy.engine", "aiokafka.consumer"])
def test_libraries_that_log_urls_and_parameters_are_quiet(out: io.StringIO, chatty: str) -> None:
    configure(level="DEBUG", stream=out)
    logging.getLogger(chatty).info("GET https://example.ma/?cnie=BK123456")
    assert lines(out) == []


@pytest.mark.parametrize(
    ("development", "terminal", "is_json"), [(True, True, False), (True, False, True), (False, True, True)]
)
def test_a_developer_at_a_terminal_reads_lines_and_secrets_stay_masked(
    out: io.StringIO, *, development: bool, terminal: bool, is_json: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    screen = Terminal()
    configure(development=development, stream=screen)
    structlog.get_logger("a").info("dossier.submitted", email="f@example.ma")
    assert screen.getvalue().startswith("{") is is_json
    assert "dossier.submitted" in screen.getvalue()
    assert MASK in screen.getvalue()
    assert "f@example.ma" not in screen.getvalue()


def test_a_filter_reads_whose_line_it_is(out: io.StringIO) -> None:
    """As the launcher's does, which spares the screen one library's lines."""
    logging.getLogger().handlers[0].addFilter(
        lambda record: record.name != "noisy" and record.levelno >= logging.WARNING
    )
    structlog.get_logger("noisy").error("left out")
    structlog.get_logger("rokhas").info("left out too")
    structlog.get_logger("rokhas").error("said")
    assert [line["event"] for line in lines(out)] == ["said"]


def test_a_line_that_cannot_be_written_ends_nobodys_work(
    out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(record: logging.LogRecord) -> bool:
        raise LookupError(record.name)

    logging.getLogger().handlers[0].addFilter(broken)
    structlog.get_logger("rokhas").error("a consumer is blocked")
    assert lines(out) == []
    assert "LookupError: rokhas" in capsys.readouterr().err


async def test_the_lines_of_a_moment_are_one_write_and_a_warning_waits_for_nothing(
    monkeypatch: pytest.MonkeyPatch, out: io.StringIO
) -> None:
    written: list[int] = []
    monkeypatch.setattr(out, "flush", lambda: written.append(out.getvalue().count("\n")))
    log = structlog.get_logger("rokhas")
    for _ in range(3):
        log.info("answered")
    assert written == []
    while not written:  # noqa: ASYNC110 -- the handler's own timer
        await asyncio.sleep(0.01)
    assert written == [3]
    log.info("answered")
    log.warning("busy")
    assert written == [3, 5]
