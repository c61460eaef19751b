"""Roles and databases of an installation, from the DSNs that its services are told."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from deploy.command import Refused
from deploy.registry import SERVICES
from shared.migrate import MIGRATOR, database_of, provision, roles
from shared.settings import Dsn, migrator_settings_for, settings_for


async def provision_all(administrator: str, variables: Mapping[str, str]) -> list[str]:
    """One line for each database. Raises SettingsError, and Refused for a DSN of another role or database."""
    told = []
    for service in SERVICES:
        own = settings_for(service.name, variables)
        owner = migrator_settings_for(service.name, variables).migrator_database_url
        api, worker = roles(service.name)
        dsns = {MIGRATOR: owner, api: own.database_url, worker: own.worker_database_url}
        passwords = {role: _password(dsn, role, database_of(service.name)) for role, dsn in dsns.items()}
        await provision(administrator, service.name, passwords)
        told.append(f"{database_of(service.name)}: its database and the roles {', '.join(passwords)}")
    return told


def _password(dsn: Dsn, role: str, database: str) -> str:
    parts = urlsplit(dsn.get_secret_value())
    if (parts.username, parts.path.strip("/")) != (role, database) or not parts.password:
        raise Refused(f"the DSN of {role} must be postgresql://{role}:PASSWORD@host/{database}")
    return unquote(parts.password)
