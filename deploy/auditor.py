"""The auditor beside the services: it needs the databases of all, which no service has."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from deploy.registry import SERVICES
from shared.auditor import Auditor, watches
from shared.db import Database
from shared.service import Service
from shared.settings import settings_for

POOL_SIZE = 2  # it looks at one pair of databases after the other


@asynccontextmanager
async def workers(
    variables: Mapping[str, str], services: Sequence[Service] = SERVICES, *, purpose: str = "operator"
) -> AsyncIterator[dict[str, Database]]:
    """A small pool of each service's worker role, by the service's name. Raises SettingsError."""
    dsns = {
        service.name: settings_for(service.name, variables).worker_database_url.get_secret_value()
        for service in services
    }
    async with AsyncExitStack() as stack:
        databases = {}
        for name, dsn in dsns.items():
            databases[name] = Database(dsn, name=f"{name}-{purpose}", pool_size=POOL_SIZE)
            stack.push_async_callback(databases[name].close)
        yield databases


@asynccontextmanager
async def auditor(variables: Mapping[str, str]) -> AsyncIterator[Auditor]:
    """An auditor of every consumer and its producers, from the environment. Raises SettingsError."""
    async with workers(variables, purpose="auditor") as databases:
        yield Auditor(watches(SERVICES, databases))
