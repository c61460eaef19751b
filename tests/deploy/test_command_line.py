"""Commands where there is no platform. Where one runs: tests/journeys/test_cli.py."""

import re
from pathlib import Path

import pytest

from tests.support.launching import typed_into


@pytest.mark.parametrize("line", ["status", "clock show", "token citizen", "events tail"])
def test_where_nothing_was_started_that_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    monkeypatch.setenv("JAMAA_HOME", str(tmp_path))
    done = typed_into(capsys, *line.split())
    assert done.err.startswith(f"jamaa: no platform was ever started in {tmp_path}")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [("nonsense", "No such command 'nonsense'"), ("clock advance", "Missing argument")],
)
def test_what_is_no_command_is_one_line(
    capsys: pytest.CaptureFixture[str], line: str, complaint: str
) -> None:
    done = typed_into(capsys, *line.split())
    assert (done.status, done.out) == (2, "")
    assert re.fullmatch(r"jamaa: [^\n]+\n", done.err), done.err
    assert complaint in done.err
