"""What every test may ask for. Engines start when the first test asks."""

from tests.support.databases import database, databases, pytest_sessionfinish
from tests.support.engines import broker, postgres, pytest_unconfigure

__all__ = ["broker", "database", "databases", "postgres", "pytest_sessionfinish", "pytest_unconfigure"]
