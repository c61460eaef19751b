"""What the people outside know: every command with how it ended for them."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    """Refused, or never sent: it must have had no effect."""
    UNKNOWN = "unknown"
    """The answer never came, or said that the server failed: it had its effect once or not at all."""


@dataclass(slots=True, kw_only=True)
class Command:
    """`key` is the idempotency key and the correlation id of the event that the command makes. `service` and
    `aggregate` say where that event must be; `subject` is known once somebody was answered.
    """

    service: str
    aggregate: str
    what: str
    by: str
    path: str
    body: Mapping[str, Any]
    subject: str | None = None
    key: str = field(default_factory=lambda: uuid4().hex)
    outcome: Outcome = Outcome.UNKNOWN
    status: int = 0
    code: str = ""
    sent_at: float = 0.0
    seconds: float = 0.0
    tries: int = 0
    under_way: bool = False


class Journal:
    """All commands of a run, also on disk, so that they outlive the harness."""

    def __init__(self, path: Path) -> None:
        self._commands: dict[str, Command] = {}
        self._file = path.open("w", encoding="utf-8")

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands.values())

    def __len__(self) -> int:
        return len(self._commands)

    def add(self, command: Command) -> None:
        """Written before it is sent: what we forget to have asked would look like an event out of nowhere."""
        self._commands[command.key] = command
        self._write(command)

    def _write(self, command: Command) -> None:
        self._file.write(json.dumps(asdict(command)) + "\n")
        self._file.flush()

    def counts(self) -> Counter[Outcome]:
        """Without those whose answer may still come."""
        return Counter(command.outcome for command in self if not command.under_way)

    def unknown(self) -> list[Command]:
        return [command for command in self if command.outcome is Outcome.UNKNOWN]

    async def send(
        self, client: httpx.AsyncClient, url: str, headers: Mapping[str, str], command: Command
    ) -> Any:
        """Sends, or sends again with the same key; returns the body of a success, else None."""
        self.add(command)
        began = time.monotonic()
        command.sent_at = command.sent_at or time.time()
        command.tries += 1
        command.under_way = True
        told = {"Idempotency-Key": command.key, "X-Correlation-Id": command.key}
        try:
            answer = await client.post(url, json=dict(command.body), headers={**headers, **told})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            # Nothing was sent this time; an earlier try may have had its effect.
            command.outcome = Outcome.FAILED if command.tries == 1 else Outcome.UNKNOWN
            return None
        except httpx.TransportError:
            command.outcome = Outcome.UNKNOWN
            return None
        finally:
            command.under_way = False
            command.seconds = time.monotonic() - began
        command.status = answer.status_code
        body = answer.json() if "json" in answer.headers.get("content-type", "") else None
        command.code = body.get("code", "") if isinstance(body, dict) and answer.status_code >= 400 else ""
        command.outcome = _outcome(answer.status_code, command.code)
        self._write(command)
        return body if command.outcome is Outcome.OK else None


def _outcome(status: int, code: str) -> Outcome:
    if status < 300 or code == "late_refusal":  # refused, and recorded: that is its effect
        return Outcome.OK
    return Outcome.FAILED if status < 500 else Outcome.UNKNOWN
