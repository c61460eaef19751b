"""The procedures, read from `services/rokhas/procedures/*.yaml`: data with its source, not code.

`catalogue.yaml` has the names of documents, fees and actors and the sentences that procedures share; every
other file is one procedure, whose later versions take over the first (`<<: *first`) and state what changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from services.rokhas.domain.recueil import Counting, Procedure, SilenceEffect
from shared.data import BadData, Names, Source
from shared.errors import NotFound

FOLDER: Final = Path(__file__).resolve().parents[1] / "procedures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    documents: Mapping[str, Names]
    fees: Mapping[str, Names]
    actors: Mapping[str, Names]
    deadlines: Mapping[Counting, Names]  # `{days}` is filled in
    silences: Mapping[SilenceEffect, Names]
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
    """Raises `BadData`, whose message begins with `file:line:`, for anything that cannot be used."""
    catalogue = Source(folder / "catalogue.yaml", Catalogue).value
    paths = sorted(path for path in folder.glob("*.yaml") if path.name != "catalogue.yaml")
    return Procedures({path.stem: _versions(path, catalogue) for path in paths})


def _versions(path: Path, catalogue: Catalogue) -> tuple[Procedure, ...]:
    source = Source(path, tuple[Procedure, ...])
    versions = source.value
    if not versions:
        raise BadData(f"{source.file}:1: no version here")
    for number, version in enumerate(versions, 1):
        if version.code != path.stem:
            why = f"the file is named {path.stem!r}, its code is {version.code!r}"
            raise source.refuse(version, why, "code")
        if version.version != number:
            raise source.refuse(version, f"version {version.version} should be {number}", "version")
    for earlier, later in pairwise(versions):
        if later.valid_from <= earlier.valid_from:
            why = "a version is valid from a later day than the one before it"
            raise source.refuse(later, why, "valid_from")
    return tuple(_worded(source, version, catalogue) for version in versions)


def _worded(source: Source[tuple[Procedure, ...]], bare: Procedure, catalogue: Catalogue) -> Procedure:
    """With the catalogue's names and sentences, unless the procedure has its own."""

    def name(section: Mapping[Any, Names], code: str, listed: object, own: Names) -> Names:
        if code not in section:
            raise source.refuse(listed, f"{code!r} is not in catalogue.yaml")
        return own or section[code]

    deadline, silence = bare.deadline, bare.silence
    sentence = name(catalogue.deadlines, deadline.counting, deadline, deadline.text)
    text = {language: words.format(days=deadline.days) for language, words in sentence.items()}
    return replace(
        bare,
        documents=tuple(
            replace(one, label=name(catalogue.documents, one.code, one, one.label)) for one in bare.documents
        ),
        fees=tuple(replace(one, label=name(catalogue.fees, one.code, one, one.label)) for one in bare.fees),
        opinions=tuple(
            replace(one, label=name(catalogue.actors, one.actor, one, one.label)) for one in bare.opinions
        ),
        deadline=replace(deadline, text=text),
        silence=replace(silence, text=name(catalogue.silences, silence.effect, silence, silence.text)),
        appeals=bare.appeals or catalogue.appeals,
    )
