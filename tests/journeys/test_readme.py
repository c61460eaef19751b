"""What README.md has a newcomer type does what it says."""

import asyncio
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.journeys.conftest import Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

README: Final = Path(__file__).parents[2] / "README.md"
SEEN: Final = (
    '"last_day": "2026-12-07"',
    "works_description",
    "ملف مودع",
    "approved_by_silence",
    "silence_invoked",
    "rokhas.clocks",
)
"""In this order: the estimate, the recueil, the receipt, the silence, its invocation, the status."""


async def test_the_commands_of_the_readme(running: Platform, home: Path) -> None:
    section = README.read_text(encoding="utf-8").partition("## By hand")[2]
    script = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[0]
    for service in running.services:  # together on one port for a newcomer, apart here
        script = script.replace(f'"$URL/{service}/', f'"{running.stage.variables[_url(service)]}/')
        script = script.replace(f" /{service}/", f" {running.stage.variables[_url(service)]}/")
        script = script.replace(f'"/{service}/', f'"{running.stage.variables[_url(service)]}/')
    script = script.replace('"$URL$1"', '"$1"')
    # Its exit status tells of what is still on its way; a newcomer looks again.
    script, asked = re.subn(
        r"^(\.venv/bin/jamaa status)\b", r"until \1; do sleep 1; done", script, flags=re.MULTILINE
    )
    assert asked == 1
    script = script.replace(".venv/bin/jamaa", f"{shlex.quote(sys.executable)} -m deploy")
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=README.parent,
        env=os.environ | {"JAMAA_HOME": str(home), "NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(120):
            said, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, complaint.decode()
    at = 0
    for expected in SEEN:
        at = said.decode().find(expected, at)
        assert at >= 0, f"{expected} is missing, or out of order, in: {said.decode()}"


def _url(service: str) -> str:
    return f"JAMAA_{service.upper()}_URL"
