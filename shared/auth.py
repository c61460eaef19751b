"""Who is asking, as a value; what each role may do is a table in each service."""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """The parts people play. One person may hold several, each within a territory."""

    CITIZEN = "citizen"
    ARCHITECT = "architect"
    AGENT = "agent"
    INSTRUCTOR = "instructor"
    PRESIDENT = "president"
    GOVERNOR = "governor"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    CIVIL_STATUS_OFFICER = "civil_status_officer"
    CIVIL_STATUS_AUTHORITY = "civil_status_authority"
    COURT_CLERK = "court_clerk"
    HEALTH_FACILITY = "health_facility"
    ADMINISTRATION = "administration"
    KEYING_OPERATOR = "keying_operator"
    ADJUDICATOR = "adjudicator"
    QUALITY_CONTROLLER = "quality_controller"


OFFICERS = frozenset({Role.AGENT, Role.INSTRUCTOR, Role.PRESIDENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An authenticated caller. `subject` is opaque (never a national identity number).

    `communes` are collectivity codes the person works for (arrondissements of a commune included);
    `provinces` are province codes, for the governor's staff. Both are empty for citizens.
    """

    subject: str
    roles: frozenset[Role] = field(default_factory=frozenset)
    communes: frozenset[str] = field(default_factory=frozenset)
    provinces: frozenset[str] = field(default_factory=frozenset)

    def covers(self, collectivity: str) -> bool:
        """Whether this collectivity lies in the territory the person works for."""
        return collectivity in self.communes or any(
            collectivity == province or collectivity.startswith(province + ".") for province in self.provinces
        )

    def holds(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)


ANYBODY = Actor(subject="anonymous")
"""The caller of a public route: sees only what everybody may see."""

SYSTEM = Actor(subject="system")
"""A consumer or a timer. Its database role is the worker's, so row-level security lets it pass."""
