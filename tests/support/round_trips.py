"""How often the database is asked: what nobody would notice until it is measured (0036)."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the driver sends, a round trip each."""
    seen: list[str] = []

    def counting(
        real: Callable[..., Awaitable[Any]], said: Callable[..., str]
    ) -> Callable[..., Awaitable[Any]]:
        async def counted(self: Any, *arguments: Any, **options: Any) -> Any:
            seen.append(said(self, *arguments))
            return await real(self, *arguments, **options)

        return counted

    execute = asyncpg.Connection.execute
    for how in ("fetch", "fetchmany"):
        fetch = getattr(PreparedStatement, how)
        monkeypatch.setattr(PreparedStatement, how, counting(fetch, lambda ready, *_: str(ready.get_query())))
    monkeypatch.setattr(asyncpg.Connection, "execute", counting(execute, lambda _, sql, *__: str(sql)))
    return seen
