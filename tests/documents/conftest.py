"""A service's sealer with a key of its own, and programs of Debian's that judge what it sealed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from services.rokhas.app import SERVICE
from shared.documents.keys import KeySet, published
from shared.documents.seal import Sealer, sealer_of
from shared.settings import Settings
from tests.support.http import settings_of


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


def pdfsig(path: Path) -> str:
    """What poppler says of the signatures of a file: an implementation that shares nothing with ours."""
    run = [program("pdfsig", "poppler-utils"), "-nocert", str(path)]
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=60).stdout
