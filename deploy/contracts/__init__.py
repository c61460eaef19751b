"""What the services promise each other: a JSON Schema per event and one AsyncAPI document, in `contracts/`.

Producers' schemas are closed and only ever added to; a consumer declares the fields that it reads.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deploy.command import Refused
from deploy.contracts.asyncapi import document
from deploy.contracts.compare import breaks
from deploy.contracts.schemas import schemas
from deploy.registry import SERVICES

__all__ = ["FOLDER", "check", "generated", "refusals", "write"]

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "contracts"
ASYNCAPI: Final = "asyncapi.json"


def generated() -> dict[str, str]:
    """The text of each file, by name, as the code has it now."""
    events = schemas(SERVICES)
    files = {f"{kind}.json": schema for kind, schema in events.items()}
    files[ASYNCAPI] = document(SERVICES, events)
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in files.items()}


def refusals(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Every change that is not an addition, one line each: file, field, what happened to it."""
    found = []
    for name, text in sorted(before.items()):
        if name == ASYNCAPI:
            continue
        if name not in now:
            found.append(f"contracts/{name}: the event was removed; what was announced stays announced")
            continue
        found += [f"contracts/{name}: {line}" for line in breaks(_parsed(name, text), json.loads(now[name]))]
    return found


def check(folder: Path = FOLDER, base: str | None = None) -> None:
    """Raises Refused, one line for each change that is not an addition and each file that is stale; `base`
    is a git revision whose contracts must be honoured too.
    """
    now, kept = generated(), _kept(folder)
    found = refusals(_committed(base), now) if base else []
    found += [line for line in refusals(kept, now) if line not in found]
    stale = sorted(name for name in now if kept.get(name) != now[name])
    found += [f"contracts/{name} is stale: run 'make contracts' and commit it" for name in stale]
    if found:
        raise Refused("\n".join(found))


def write(folder: Path = FOLDER) -> list[str]:
    """Writes what changed and returns the files' names. Raises Refused for a change that is not an addition:
    such an event gets a new version of its type, beside the old one.
    """
    now, kept = generated(), _kept(folder)
    if found := refusals(kept, now):
        raise Refused("\n".join(found))
    changed = [name for name, text in now.items() if kept.get(name) != text]
    folder.mkdir(exist_ok=True)
    for name in changed:
        (folder / name).write_text(now[name], encoding="utf-8")
    return changed


def _kept(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))}


def _committed(revision: str) -> dict[str, str]:
    listed = _git("ls-tree", "--name-only", revision, "contracts/")
    paths = [path for path in listed.splitlines() if path.endswith(".json")]
    return {Path(path).name: _git("show", f"{revision}:{path}") for path in paths}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _parsed(name: str, text: str) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise Refused(f"contracts/{name} is no JSON: {error}") from error
    return parsed
