"""How often a request asks the database: what nobody would notice until it is measured (0036)."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement

from tests.rokhas.filed import filed
from tests.support.databases import ServiceDatabase
from tests.support.http import Api


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the driver sends, a round trip each."""
    seen: list[str] = []

    def counting(
        real: Callable[..., Awaitable[Any]], text: Callable[..., str]
    ) -> Callable[..., Awaitable[Any]]:
        async def counted(self: Any, *arguments: Any, **options: Any) -> Any:
            seen.append(text(self, *arguments))
            return await real(self, *arguments, **options)

        return counted

    fetch, execute = PreparedStatement.fetch, asyncpg.Connection.execute
    monkeypatch.setattr(PreparedStatement, "fetch", counting(fetch, lambda ready, *_: str(ready.get_query())))
    monkeypatch.setattr(asyncpg.Connection, "execute", counting(execute, lambda _, sql, *__: str(sql)))
    return seen


async def test_a_submission_takes_six(api: Api, rokhas: ServiceDatabase, asked: list[str]) -> None:
    file = await filed(rokhas, submitted=False)
    asked.clear()
    answer = await api.post(f"/v1/dossiers/{file}/submission", "citizen", json={})
    assert answer.status_code == 200, answer.text
    said = [sql.split("(")[0] for sql in asked]
    assert len(asked) == 6, said
    assert asked[0] == "BEGIN"
    assert "msg.claim" in asked[1]
    assert "FOR UPDATE" in asked[2]
    assert "next_number" in asked[3]
    assert all(part in asked[4] for part in ("msg.emit", "UPDATE rokhas.dossier", "msg.idempotency"))
    assert asked[5] == "COMMIT"


async def test_an_answer_given_again_takes_four(api: Api, rokhas: ServiceDatabase, asked: list[str]) -> None:
    file = await filed(rokhas, submitted=False)
    path, key = f"/v1/dossiers/{file}/submission", uuid4().hex
    await api.post(path, "citizen", json={}, key=key)
    asked.clear()
    again = await api.post(path, "citizen", json={}, key=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(asked) == 4, asked
