"""One running platform for the tests that only talk to it."""

from collections.abc import Iterator

import pytest

from tests.support.launching import Launcher, fresh_home


@pytest.fixture(scope="session")
def platform() -> Iterator[Launcher]:
    with fresh_home() as home, Launcher(home) as running:
        yield running
