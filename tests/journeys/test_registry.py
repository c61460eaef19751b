"""What a running platform has, is what the registry names."""

import asyncio
import json
from pathlib import Path

import asyncpg
import httpx
from aiokafka.admin import AIOKafkaAdminClient

from deploy.registry import SERVICES
from shared.events import repair_topic_of
from shared.migrate import database_of, roles
from shared.settings import migrator_settings_for, settings_for
from tests.support.launching import Launcher

ROOT = Path(__file__).parents[2]


def test_the_databases_that_exist_are_the_registrys(platform: Launcher) -> None:
    async def found() -> tuple[set[str], set[str]]:
        dsn = platform.variables()[f"JAMAA_{SERVICES[0].name.upper()}_MIGRATOR_DATABASE_URL"]
        connection = await asyncpg.connect(dsn)
        try:
            databases = await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'jamaa%'")
            logins = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE 'jamaa%'")
        finally:
            await connection.close()
        return {row[0] for row in databases}, {row[0] for row in logins}

    databases, logins = asyncio.run(found())
    assert databases == {database_of(each.name) for each in SERVICES}
    assert logins == {"jamaa_migrator", *(role for each in SERVICES for role in roles(each.name))}


def test_the_topics_that_exist_are_the_registrys(platform: Launcher) -> None:
    async def found() -> set[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=platform.variables()["JAMAA_KAFKA_BOOTSTRAP"])
        await admin.start()
        try:
            return {topic for topic in await admin.list_topics() if topic.startswith("jamaa.")}
        finally:
            await admin.close()

    streams = {stream.topic for each in SERVICES for stream in each.streams}
    assert asyncio.run(found()) == streams | {repair_topic_of(each.name) for each in SERVICES}


def test_what_the_platform_tells_is_all_that_a_service_needs(platform: Launcher) -> None:
    told = platform.variables()
    for each in SERVICES:
        assert settings_for(each.name, told).development
        assert database_of(each.name) in str(
            migrator_settings_for(each.name, told).migrator_database_url.get_secret_value()
        )


def test_the_schema_that_an_event_names_can_be_fetched(platform: Launcher) -> None:
    for event in (event for each in SERVICES for stream in each.streams for event in stream.events):
        path = f"/contracts/{event.TYPE}.json"
        schema = json.loads((ROOT / path.removeprefix("/")).read_text(encoding="utf-8"))
        assert schema["$id"] == path
    answer = httpx.get(f"http://127.0.0.1:{platform.port}{path}")
    assert answer.json() == schema
