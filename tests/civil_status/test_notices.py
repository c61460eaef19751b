"""Families are told by when to come, and what became of it; nobody is named."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from services.civil_status.app import SERVICE
from services.civil_status.domain import notices
from services.civil_status.domain.declaration import LATE
from services.civil_status.events.correction import RejectionGround
from services.civil_status.events.declaration import RefusalGround
from shared.data import Names
from tests.civil_status.conftest import Says
from tests.civil_status.filed import announced
from tests.civil_status.test_api_corrections import asked
from tests.civil_status.test_api_declarations import completed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.support.services import envelope_of, hear

OWN = text("SELECT * FROM msg.event_log WHERE aggregatetype IN ('declaration', 'correction') ORDER BY pos")
TOLD = text("SELECT recipient, kind, content FROM msg.notice WHERE about = :about ORDER BY number").columns(
    content=JSONB
)
SECRETS = ("ياسين", "Yassine", "العلمي", "Alami", "فاطمة", "Fatima")


async def told(database: ServiceDatabase, about: str | UUID) -> list[tuple[str, Any]]:
    """What was said of it so far to who asked, and to nobody else; every event heard twice."""
    async with database.worker.transaction() as tx:
        rows = (await tx.execute(OWN)).all()
    for row in [*rows, *rows]:
        await hear(SERVICE, database, envelope_of(row))
    async with database.worker.transaction() as tx:
        said = (await tx.execute(TOLD, {"about": str(about)})).all()
    assert {row.recipient for row in said} <= {"citizen"}
    found = [(row.kind, row.content) for row in said]
    assert [secret for secret in SECRETS if secret in str(found)] == []
    return found


def says(content: Any, said: Names) -> bool:
    return {language: one["text"] for language, one in content.items()} == dict(said)


async def test_a_family_is_told_by_when_to_come_and_that_it_is_too_late(
    api: Api, civil_status: ServiceDatabase, clock_says: Says
) -> None:
    found = await announced(api, "citizen")
    passed = datetime.now(UTC) - timedelta(hours=1)
    await clock_says("declaration", found["id"], "started", answer_by=passed)
    ((kind, content),) = await told(civil_status, found["id"])
    assert kind == "deadline_known"
    assert "certificat" in content["fr"]["text"]
    await clock_says("declaration", found["id"], "elapsed", answer_by=passed)
    (_, (kind, content)) = await told(civil_status, found["id"])
    assert kind == "became_late"
    assert says(content, LATE)


async def test_an_act_that_is_drawn_up_is_told_and_who_came_at_once_needs_no_reminder(
    api: Api, civil_status: ServiceDatabase, clock_says: Says
) -> None:
    found = await announced(api, "citizen")
    await completed(api, clock_says, found)
    act = await api.post(f"/v1/declarations/{found['id']}/act", "civil_status_officer", json={})
    assert act.status_code == 201, act.text
    ((kind, content),) = await told(civil_status, found["id"])
    assert kind == "registered"
    assert says(content, notices.DRAWN_UP)


@pytest.mark.parametrize("persona", ["health_facility", "agent"])
async def test_a_hospital_and_a_counter_are_told_nothing(
    api: Api, civil_status: ServiceDatabase, clock_says: Says, persona: str
) -> None:
    found = await announced(api, persona)
    await completed(api, clock_says, found)
    assert await told(civil_status, found["id"]) == []


async def test_a_correction_is_told_when_it_is_late_and_when_it_is_decided(
    api: Api, civil_status: ServiceDatabase, clock_says: Says
) -> None:
    _, found = await asked(api, clock_says)
    passed = datetime.now(UTC) - timedelta(hours=1)
    rule = "civil_status.correction"
    for change in ("started", "elapsed"):
        await clock_says("correction", found["id"], change, rule=rule, answer_by=passed)
    path = f"/v1/corrections/{found['id']}/rejection"
    await api.post(path, "civil_status_authority", json={"ground": "substantial"})
    (late, overdue), (decided, content) = await told(civil_status, found["id"])
    assert (late, decided) == ("overdue", "rejected")
    assert says(overdue, notices.OVERDUE)
    assert says(content, notices.REJECTED[RejectionGround.SUBSTANTIAL])


async def test_what_is_put_right_is_told(api: Api, civil_status: ServiceDatabase, clock_says: Says) -> None:
    _, found = await asked(api, clock_says)
    path = f"/v1/corrections/{found['id']}/acceptance"
    done = await api.post(path, "civil_status_authority", json={"reference": "DEC 12/2026"})
    assert done.status_code == 200, done.text
    ((kind, content),) = await told(civil_status, found["id"])
    assert kind == "accepted"
    assert says(content, notices.CORRECTED)


def test_every_refusal_has_its_words() -> None:
    assert set(notices.REFUSED) == set(RefusalGround)
    assert set(notices.REJECTED) == set(RejectionGround)
