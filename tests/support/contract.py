"""Generated requests against a served description: no server error, no undocumented answer."""

import subprocess
import sys
from pathlib import Path

# 428 is RFC 6585's answer to a missing If-Match. A schema cannot say that a cursor must be one of ours,
# a key new, or U+0000 unwelcome: so a valid request may be refused.
CONFIGURATION = """
[checks]
missing_required_header.expected-statuses = ["400", "401", "403", "404", "415", "422", "428"]
positive_data_acceptance.enabled = false
"""


def conforms(url: str, token: str, folder: Path, *options: str, examples: int = 15) -> None:
    """`url` is an openapi.json. Fails with schemathesis's findings; the seed is fixed."""
    (folder / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    program = [
        *(sys.executable, "-m", "schemathesis.cli", "run", url),
        *("--header", f"Authorization: Bearer {token}"),
        *("--max-examples", str(examples), "--seed", "7", "--no-color", "--continue-on-failure"),
        *options,
    ]
    ran = subprocess.run(program, capture_output=True, text=True, check=False, cwd=folder)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
