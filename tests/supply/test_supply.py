"""What comes from others is what it was when it was looked at; nothing that opens a door is in the tree."""

import re
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "deploy/requirements.lock")
PLUGINS = (
    "AWSKeyDetector",
    "ArtifactoryDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "StripeDetector",
    "TwilioKeyDetector",
)
SETTINGS = {
    "plugins_used": [
        *({"name": name} for name in PLUGINS),
        {"name": "Base64HighEntropyString", "limit": 4.5},
        {"name": "HexHighEntropyString", "limit": 3.5},
    ]
}
HASHES = re.compile(r"requirements\.lock$|^contracts/|^bench/|\.svg$")
"""Files made of digests, by tools of ours."""
SHOWN: dict[str, set[str]] = {
    "deploy/contracts/examples.py": {"Hex High Entropy String"},  # a digest
    "deploy/provision.py": {"Basic Auth Credentials"},  # PASSWORD, in a message
    "shared/settings.py": {"Basic Auth Credentials"},  # user:password, in a description
    "shared/documents/page/seal.js": {"Base64 High Entropy String"},  # an alphabet
    "services/chikaya/domain/report/filing.py": {"Base64 High Entropy String"},  # an alphabet
    "deploy/compose.yaml": {"Basic Auth Credentials"},  # ${VARIABLES}
    "deploy/derived.py": {"Basic Auth Credentials"},  # the same, before they are written there
}
"""What looks like a secret outside the tests, and is none. Tests sign, mask and refuse what they make up."""


def found_in(paths: Iterable[Path]) -> dict[str, set[str]]:
    secrets = SecretsCollection(root=str(ROOT))
    with transient_settings(SETTINGS):
        for path in paths:
            secrets.scan_file(str(path))
    seen: dict[str, set[str]] = {}
    for file, secret in secrets:
        seen.setdefault(file, set()).add(secret.type)
    return seen


def test_no_secret_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [
        Path(name) for name in listed.splitlines() if not HASHES.search(name) and (ROOT / name).is_file()
    ]
    assert files
    found = found_in(files)
    new = {
        file: types - SHOWN.get(file, set()) for file, types in found.items() if not file.startswith("tests/")
    }
    assert not {file: types for file, types in new.items() if types}
    keys = {
        file for file, types in found.items() if types & {"Private Key", "AWS Access Key", "GitHub Token"}
    }
    assert not keys, "not even in a test"


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN EC " + "PRIVATE KEY-----",
        "key = 'ghp_" + "a1B2" * 9 + "'",
        "dsn = 'postgresql://jamaa:" + "Tr0ub4dor" + "@db/jamaa'",
    ],
)
def test_a_secret_would_be_seen(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "settings.py"
    file.write_text(secret + "\n", encoding="utf-8")
    assert found_in([file])


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_pinned_by_its_hash(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    requirements = re.split(
        r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    )
    assert len(requirements) > 50
    for requirement in requirements:
        assert re.match(r"[\w.-]+==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement
    assert "://" not in text, "no host is named"


def test_the_linter_looks_for_dangerous_calls() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert "ALL" in lint["select"] or "S" in lint["select"]
    assert {rule for rule in lint["ignore"] if rule.startswith("S")} == {"S101"}, "assert alone"
    relaxed = {where for where, rules in lint["per-file-ignores"].items() if "S" in rules}
    assert relaxed <= {"tests/**", "bench/**"}
