"""What every test may ask for. Engines start when the first test asks."""

import pytest

from shared.log import configure
from tests.support.databases import database, databases, pytest_sessionfinish
from tests.support.engines import broker, postgres, pytest_unconfigure


def pytest_configure(config: pytest.Config) -> None:
    """Lines of JSON as in production: structlog's own tracebacks take seconds each."""
    configure(level="WARNING")


__all__ = ["broker", "database", "databases", "postgres", "pytest_sessionfinish", "pytest_unconfigure"]
