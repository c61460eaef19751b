"""The walls of the house, each seen to fall: a guard that nobody has seen fail is decoration."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

import shared
from deploy.registry import SERVICES
from shared.http import unguarded

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
KERNEL_LINES = 9_450
"""Raising it takes a new page beside docs/decisions/0039 and 0052."""

# What somebody in a hurry might write, and the contract that must stop it.
PLANTS = {
    "independence": ("services/rokhas/consumers/clocks.py", "import services.deadlines.events"),
    "kernel": ("shared/outbox.py", "import services.rokhas.events"),
    "launcher": ("services/rokhas/store/dossiers.py", "import deploy.platform"),
    "layers": ("services/rokhas/store/dossiers.py", "import services.rokhas.api"),
    "pure": ("services/deadlines/events.py", "import sqlalchemy"),
    "kafka": ("services/rokhas/consumers/clocks.py", "import aiokafka"),
}


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("services", "shared", "deploy"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_has_a_plant() -> None:
    assert {contract["id"] for contract in CONFIG["contracts"]} == set(PLANTS)


def test_every_folder_of_services_is_a_service() -> None:
    folders = {folder.name for folder in (ROOT / "services").iterdir() if (folder / "app.py").exists()}
    unlisted = folders - {service.name for service in SERVICES}
    assert not unlisted, f"deploy/registry.py does not list the SERVICE of {sorted(unlisted)}: add it there"
    for service in SERVICES:
        assert service.migrations == ROOT / "services" / service.name / "migrations", service.name
        assert (ROOT / "services" / service.name / "__init__.py").exists(), (
            f"services/{service.name}/__init__.py is missing: the import contracts see packages only"
        )


@pytest.mark.parametrize("contract", PLANTS)
def test_a_planted_violation_turns_its_contract_red(contract: str, copy: Path) -> None:
    file, line = PLANTS[contract]
    target = copy / file
    target.write_text(f"{target.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    result = lint(copy)
    name = next(c["name"] for c in CONFIG["contracts"] if c["id"] == contract)
    assert result.returncode == 1, result.stdout
    assert f"{name} BROKEN" in " ".join(result.stdout.split()), result.stdout


def test_an_unlisted_file_is_refused_in_every_service(copy: Path) -> None:
    for service in SERVICES:
        (copy / f"services/{service.name}/utils.py").write_text("", encoding="utf-8")
    result = lint(copy)
    assert result.returncode == 1
    for service in SERVICES:
        assert f"services.{service.name}.utils" in result.stdout


def test_the_house_as_it_is_stands(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout


def test_the_kernel_is_this_one() -> None:
    assert Path(shared.__file__).parent == ROOT / "shared"


def test_the_kernel_stays_small() -> None:
    lines = sum(
        len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "shared").rglob("*.py")
    )
    assert lines <= KERNEL_LINES, f"the kernel has {lines} lines"


def test_every_route_authorises() -> None:
    assert unguarded(SERVICES) == []


def test_every_path_carries_the_version_of_its_api() -> None:
    """`Router()` is `/v1`; a part of it is `Router(prefix="/things")` or `Router(prefix="")`. The paths of a
    published standard carry that standard's version.
    """
    bare = [
        f"/{service.name}{context.path}"
        for service in SERVICES
        for context in iter_route_contexts(service.router.routes)
        if not str(context.path).startswith(("/v1/", "/open311/v2/"))
    ]
    assert not bare, f"{bare}: include these parts in the Router() of the service's api"
