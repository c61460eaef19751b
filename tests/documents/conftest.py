"""A service's sealer with a key of its own, and programs of Debian's that judge what it sealed."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from services.rokhas.app import SERVICE
from shared.documents.keys import KeySet, published
from shared.documents.seal import Sealer, sealer_of
from shared.settings import Settings
from tests.support.http import settings_of

VERAPDF: Final = Path(__file__).with_name("verapdf")
JARS: Final = Path(__file__).parents[2] / ".verapdf"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(SERVICE, tmp_path, DOCUMENTS_URL="https://verification.example.ma/verify")


@pytest.fixture
def sealer(settings: Settings) -> Sealer:
    return sealer_of(settings)


@pytest.fixture
def keys(sealer: Sealer, settings: Settings) -> KeySet:
    """The published set, once the development key is there."""
    return published(settings.documents_keys)


def program(name: str, package: str) -> str:
    """Where it is. A bare machine is told what was not run; CI, which installs it, fails."""
    found = shutil.which(name)
    if found is None and "CI" not in os.environ:
        pytest.skip(f"not run: no {name} here: apt-get install -y {package}")
    assert found, f"these tests need {name}: apt-get install -y {package}"
    return found


def verapdf(*files: Path) -> dict[str, str]:
    """What veraPDF says of each file: `PDF/A-3b`, or what ISO 19005-3 forbids in it. Fetched once."""
    java, maven = program("java", "openjdk-17-jre-headless"), program("mvn", "maven")
    if not JARS.is_dir():
        draft = JARS.with_name(f"{JARS.name}.new-{os.getpid()}")
        fetch = [maven, "-q", "-B", "-f", str(VERAPDF / "pom.xml"), "dependency:copy-dependencies"]
        fetch += [f"-DoutputDirectory={draft}", "-DincludeScope=runtime"]
        fetched = subprocess.run(fetch, capture_output=True, text=True, check=False, timeout=600)
        if fetched.returncode and "CI" not in os.environ:
            pytest.skip("not run: Maven could not fetch veraPDF")
        assert fetched.returncode == 0, fetched.stdout
        shutil.rmtree(JARS, ignore_errors=True)
        draft.rename(JARS)
    run = [java, "-cp", f"{JARS}/*", "org.mozilla.javascript.tools.shell.Main", str(VERAPDF / "check.js")]
    run += [str(file) for file in files]
    said = subprocess.run(run, capture_output=True, text=True, check=False, timeout=300)
    assert said.returncode == 0, said.stderr
    return dict(line.split(" ", 1) for line in said.stdout.splitlines())


def pdfsig(path: Path) -> str:
    """What poppler says of the signatures of a file: an implementation that shares nothing with ours."""
    run = [program("pdfsig", "poppler-utils"), "-nocert", str(path)]
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=60).stdout
