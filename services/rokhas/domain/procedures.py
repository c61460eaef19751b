"""The procedures, read from `services/rokhas/procedures/*.yaml`: data with its source, not code.

`catalogue.yaml` names documents, fees, actors and the sentences they share; every other file is one
procedure, whose first version is whole and whose later versions state only what changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final, TypeVar

import yaml

from services.rokhas.domain.recueil import Procedure
from services.rokhas.domain.source import BadProcedure, Names, compose, fields, read, refuse
from shared.errors import NotFound

FOLDER: Final = Path(__file__).resolve().parents[1] / "procedures"

L = TypeVar("L")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    code: str
    label: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    documents: tuple[Label, ...]
    fees: tuple[Label, ...]
    actors: tuple[Label, ...]
    deadlines: tuple[Label, ...]  # by way of counting; `{days}` is filled in
    silences: tuple[Label, ...]  # by effect
    appeals: Names


@dataclass(frozen=True, slots=True)
class Procedures:
    """Every version of every procedure, oldest first."""

    versions: Mapping[str, tuple[Procedure, ...]]

    def at(self, code: str, day: date) -> Procedure:
        """The version in force on that civil day (Casablanca). Raises NotFound."""
        for procedure in reversed(self._of(code)):
            if procedure.valid_from <= day:
                return procedure
        raise NotFound("procedure_not_in_force", f"{code} had no version in force on {day}.")

    def version(self, code: str, number: int) -> Procedure:
        """The version under which a file was submitted. Raises NotFound."""
        for procedure in self._of(code):
            if procedure.version == number:
                return procedure
        raise NotFound("procedure_version_unknown", f"{code} has no version {number}.")

    def in_force(self, day: date) -> tuple[Procedure, ...]:
        return tuple(self.at(code, day) for code, kept in self.versions.items() if kept[0].valid_from <= day)

    def _of(self, code: str) -> tuple[Procedure, ...]:
        if code not in self.versions:
            raise NotFound("procedure_unknown", "No such procedure.", procedures=sorted(self.versions))
        return self.versions[code]


def load(folder: Path = FOLDER) -> Procedures:
    """Raises `BadProcedure`, whose message begins with `file:line:`, for anything that cannot be used."""
    file, node = compose(folder / "catalogue.yaml")
    catalogue = read(file, node, Catalogue)
    paths = sorted(path for path in folder.glob("*.yaml") if path.name != "catalogue.yaml")
    return Procedures({path.stem: _versions(path, catalogue) for path in paths})


def _versions(path: Path, catalogue: Catalogue) -> tuple[Procedure, ...]:
    file, root = compose(path)
    if not isinstance(root, yaml.SequenceNode) or not root.value:
        raise refuse(file, root, "expected a list of versions")
    versions: list[Procedure] = []
    whole: yaml.Node = root.value[0]
    for node in root.value:
        whole = node if node is root.value[0] else _changed(file, whole, node)
        versions.append(_procedure(file, whole, catalogue))
        _check(file, node, path.stem, versions)
    return tuple(versions)


def _changed(file: str, earlier: yaml.Node, changes: yaml.Node) -> yaml.MappingNode:
    pairs = fields(file, earlier) | fields(file, changes)
    return yaml.MappingNode(changes.tag, list(pairs.values()), changes.start_mark, changes.end_mark)


def _check(file: str, node: yaml.Node, code: str, versions: list[Procedure]) -> None:
    latest = versions[-1]
    if latest.code != code:
        raise refuse(file, node, f"the file is named {code!r}, its code is {latest.code!r}")
    if latest.version != len(versions):
        raise refuse(file, node, f"version {latest.version} should be {len(versions)}")
    if len(versions) > 1 and latest.valid_from <= versions[-2].valid_from:
        raise refuse(file, node, "a version is valid from a later day than the one before it")
    for what, codes in {
        "document": [d.code for d in latest.documents],
        "fee": [f.code for f in latest.fees],
        "opinion": [o.actor for o in latest.opinions],
    }.items():
        for listed in codes:
            if codes.count(listed) > 1:
                raise refuse(file, node, f"the {what} {listed!r} is listed twice")


def _procedure(file: str, node: yaml.Node, catalogue: Catalogue) -> Procedure:
    bare = read(file, node, Procedure)
    where = fields(file, node)

    def label(section: tuple[Label, ...], code: str, field: str) -> Names:
        for entry in section:
            if entry.code == code:
                return entry.label
        listed = where[field][1]
        raise refuse(file, _line_of(listed, code) or listed, f"{code!r} is not in catalogue.yaml")

    def labelled(items: tuple[L, ...], change: Callable[[L], L]) -> tuple[L, ...]:
        return tuple(change(item) for item in items)

    sentence = label(catalogue.deadlines, bare.deadline.counting, "deadline")
    days = str(bare.deadline.days)
    return replace(
        bare,
        documents=labelled(
            bare.documents, lambda d: replace(d, label=label(catalogue.documents, d.code, "documents"))
        ),
        fees=labelled(bare.fees, lambda f: replace(f, label=label(catalogue.fees, f.code, "fees"))),
        opinions=labelled(
            bare.opinions, lambda o: replace(o, label=label(catalogue.actors, o.actor, "opinions"))
        ),
        deadline=replace(
            bare.deadline, text={language: text.format(days=days) for language, text in sentence.items()}
        ),
        silence=replace(bare.silence, text=label(catalogue.silences, bare.silence.effect, "silence")),
        appeals=catalogue.appeals,
    )


def _line_of(node: yaml.Node, value: str) -> yaml.Node | None:
    """The scalar that says `value` below `node`, to point at it."""
    if isinstance(node, yaml.ScalarNode):
        return node if node.value == value else None
    parts = (part for child in node.value for part in (child if isinstance(child, tuple) else (child,)))
    return next((found for part in parts if (found := _line_of(part, value))), None)


__all__ = ["FOLDER", "BadProcedure", "Procedures", "load"]
