"""What is written from the registry is as it would be written now, and says what to do when it is not."""

import re
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name, walk_packages

import pytest

from deploy import derived
from deploy.command import Refused
from deploy.registry import SERVICES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The derived files, to be damaged."""
    for name in derived.derived():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(derived, "ROOT", tmp_path)
    return tmp_path


def test_nothing_derived_is_stale() -> None:
    derived.check()


@pytest.mark.parametrize("name", derived.derived())
def test_a_file_that_says_something_else_is_refused_and_written(root: Path, name: str) -> None:
    whole = (root / name).read_text(encoding="utf-8")
    damaged = re.sub(r"(derived: [^\n]*\n).*?\n( *(#|<!--) /derived)", r"\1\2", whole, flags=re.DOTALL)
    (root / name).write_text(damaged if damaged != whole else "{}", encoding="utf-8")
    with pytest.raises(Refused) as refused:
        derived.check()
    assert str(refused.value) == f"{name} is stale: run 'make contracts' and commit it"
    assert derived.write() == [name]
    assert (root / name).read_text(encoding="utf-8") == whole
    derived.check()


def test_a_place_for_what_nobody_derives_is_refused(root: Path) -> None:
    (root / "README.md").write_text("<!-- derived: weather -->\n<!-- /derived -->\n", encoding="utf-8")
    with pytest.raises(Refused, match=r"README\.md: nothing is derived as 'weather'; there are databases, "):
        derived.check()


def test_a_page_without_its_first_line_is_refused(root: Path) -> None:
    (root / "services/rokhas/README.md").write_text("# Permits\n", encoding="utf-8")
    with pytest.raises(Refused, match="must begin with '# rokhas: ' and a few words"):
        derived.check()


def test_everything_that_can_be_derived_has_a_place() -> None:
    places = [
        found["what"].split()[0]
        for name in derived.FILES
        for found in derived.PLACE.finditer((ROOT / name).read_text(encoding="utf-8"))
    ]
    assert set(places) == set(derived.WHAT)


def tables(service: str) -> Iterator[tuple[str, object]]:
    """Every table of states that a service's domain declares, with where it is."""
    domain = import_module(f"services.{service}.domain")
    inner = walk_packages(getattr(domain, "__path__", []), f"{domain.__name__}.")
    for module in (domain, *(import_module(one.name) for one in inner)):
        for name, value in vars(module).items():
            if name == "NEXT" or name.endswith("_NEXT"):
                yield f"{module.__name__}:{name}", value


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_the_pages_of_a_service_draw_each_table_of_states(service: str) -> None:
    pages = [page.read_text(encoding="utf-8") for page in sorted((ROOT / "services" / service).glob("*.md"))]
    drawn = {
        id(resolve_name(table))
        for page in pages
        for table in re.findall(r"<!-- derived: diagram (\S+) -->", page)
    }
    missing = [where for where, table in tables(service) if id(table) not in drawn]
    assert not missing, (
        f"put '<!-- derived: diagram {missing[0]} -->' and '<!-- /derived -->'"
        f" into services/{service}/README.md and run 'make contracts'"
    )
    assert drawn, f"services/{service}/domain has no table of states: name it NEXT, or <SOMETHING>_NEXT"
