"""What a user would pick instead, fetched by its own packager and kept under `build/bench` (git-ignored)."""

import asyncio
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.harness import CACHE, ROOT

PEERS: Final = ROOT / "bench" / "peers"
PATIENCE: Final = 900.0  # seconds for one download or build


class NotObtained(Exception):
    """The reason, in one line, for the table."""


async def run(
    *argv: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """What the program wrote. Raises NotObtained."""
    if shutil.which(str(argv[0])) is None:
        raise NotObtained(f"{argv[0]} is not installed here")
    process = await asyncio.create_subprocess_exec(
        *map(str, argv),
        cwd=cwd,
        env=os.environ | (environment or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise NotObtained(f"{Path(argv[0]).name} was not done after {PATIENCE:.0f} s") from None
    if process.returncode:
        lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
        raise NotObtained(f"{Path(argv[0]).name}: {lines[-1][:200] if lines else 'no word'}")
    return said.decode(errors="replace")


async def environment(name: str) -> Path:
    """The interpreter of a virtual environment with the hash-pinned requirements of `bench/peers/<name>`."""
    place = CACHE / name
    pinned = PEERS / name / "requirements.txt"
    python = place / "bin" / "python"
    if _stale(place, [pinned]):
        shutil.rmtree(place, ignore_errors=True)
        await run(sys.executable, "-m", "venv", place)
        install = ("-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", pinned)
        await run(python, *install)
        _obtained(place, [pinned])
    return python


async def jar(name: str) -> Path:
    """The runnable jar that Maven builds of `bench/peers/<name>`."""
    place = CACHE / name
    source = PEERS / name
    files = sorted(path for path in source.rglob("*") if path.is_file())
    found = place / f"bench-{name}.jar"
    if _stale(place, files):
        shutil.rmtree(place, ignore_errors=True)
        await run("mvn", "-q", "-B", f"-Dbench.directory={place}", "package", cwd=source)
        _obtained(place, files)
    return found


async def debezium() -> Path:
    """The directory of Debezium Server's distribution (some 450 MB), from Maven Central: the newest
    that runs on Java 17.
    """
    place = CACHE / "debezium"
    pinned = PEERS / "debezium" / "version"
    if _stale(place, [pinned]):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        version = pinned.read_text(encoding="utf-8").strip()
        name = "debezium-server-dist"
        artifact = f"-Dartifact=io.debezium:{name}:{version}:tar.gz"
        await run("mvn", "-q", "-B", "dependency:copy", artifact, f"-DoutputDirectory={place}")
        packed = place / f"{name}-{version}.tar.gz"
        await run("tar", "-xzf", packed, "-C", place)
        packed.unlink()
        _obtained(place, [pinned])
    return place / "debezium-server"


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _stale(place: Path, files: Sequence[Path]) -> bool:
    mark = place / ".obtained"
    return not mark.exists() or mark.read_text() != _digest(files)


def _obtained(place: Path, files: Sequence[Path]) -> None:
    (place / ".obtained").write_text(_digest(files))
