"""What files say of every service, written from the registry: nobody adds a service to seven lists by hand.

A file keeps a place for it between two comments, `derived: <what>` and `/derived`; all around is written by
people. `make contracts` writes the places, `make check` refuses a stale one.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from pkgutil import resolve_name
from textwrap import dedent, wrap
from typing import Final

from deploy.command import Refused
from deploy.issuer import PERSONAS
from deploy.registry import SERVICES
from shared.migrate import MIGRATOR, database_of, roles

__all__ = ["check", "derived", "mermaid", "write"]

ROOT: Final = Path(__file__).parents[1]
COMPOSE: Final = "deploy/compose.yaml"
CHART: Final = "deploy/helm/jamaa/services.json"
FILES: Final = (
    *(COMPOSE, "deploy/compose.env.example", "deploy/proxy/nginx.conf"),
    *("deploy/observability/prometheus.yml", "docs/restore.md", "README.md"),
    *(str(p.relative_to(ROOT)) for s in SERVICES for p in sorted((ROOT / "services" / s.name).glob("*.md"))),
)
PLACE: Final = re.compile(
    r"^(?P<indent> *)(?P<open>(?:#|<!--) derived: (?P<what>[^\n]*?)(?: -->)?\n)(?P<kept>.*?)"
    r"^(?P<close> *(?:#|<!--) /derived)",
    re.MULTILINE | re.DOTALL,
)


def derived() -> dict[str, str]:
    """The text of each file, by its path below the root, as the registry wants it now.

    Raises Refused for a place that asks for what nobody derives.
    """
    texts = {name: _filled(name, (ROOT / name).read_text(encoding="utf-8")) for name in FILES}
    chart = {s.name: {"consumers": {c.name: sorted(c.topics) for c in s.consumers}} for s in SERVICES}
    return texts | {CHART: json.dumps(chart, indent=2) + "\n"}


def check() -> None:
    """Raises Refused, a line for each file that is stale."""
    if stale := _stale():
        raise Refused("\n".join(f"{name} is stale: run 'make contracts' and commit it" for name in stale))


def write() -> list[str]:
    """Writes what is stale and returns the files' names."""
    stale = _stale()
    for name, text in stale.items():
        (ROOT / name).write_text(text, encoding="utf-8")
    return list(stale)


def _stale() -> dict[str, str]:
    return {
        name: text
        for name, text in derived().items()
        if not (ROOT / name).exists() or (ROOT / name).read_text(encoding="utf-8") != text
    }


def _filled(name: str, text: str) -> str:
    def place(found: re.Match[str]) -> str:
        what, *arguments = found["what"].split()
        if what not in WHAT:
            raise Refused(f"{name}: nothing is derived as {what!r}; there are {', '.join(WHAT)}")
        lines = WHAT[what](*arguments)
        filled = "".join(f"{found['indent']}{line}\n" if line else "\n" for line in lines)
        return f"{found['indent']}{found['open']}{filled}{found['close']}"

    return PLACE.sub(place, text)


# -- one machine: deploy/compose.yaml and what it mounts


def _dsn(role: str, database: str) -> str:
    return f"postgresql://{role}:${{{role.upper()}_PASSWORD:?}}@postgres:5432/{database}"


def _databases(name: str) -> list[str]:
    api, worker = roles(name)
    return [
        f"JAMAA_{name.upper()}_DATABASE_URL: {_dsn(api, database_of(name))}",
        f"JAMAA_{name.upper()}_WORKER_DATABASE_URL: {_dsn(worker, database_of(name))}",
    ]


def _all_databases() -> list[str]:
    return [line for service in SERVICES for line in _databases(service.name)]


def _owners() -> list[str]:
    names = [service.name for service in SERVICES]
    return [f"JAMAA_{n.upper()}_MIGRATOR_DATABASE_URL: {_dsn(MIGRATOR, database_of(n))}" for n in names]


def _processes() -> Iterator[str]:
    """What one service alone needs stands in `x-<service>`, by people; its `environment` as an anchor too."""
    text = (ROOT / COMPOSE).read_text(encoding="utf-8")
    for service in SERVICES:
        name = service.name
        own = f"[*{name}, *jamaa]" if f"&{name}\n" in text else "*jamaa"
        told = f"[*{name}-environment, *environment]" if f"&{name}-environment" in text else "*environment"
        yield from (
            dedent(f"""\
            {name}:
              <<: {own}
              networks: [inside, outward]
              command: [serve, {name}, --host, 0.0.0.0, --port, "8000"]
              environment:
                <<: {told}
                @databases
              depends_on:
                migrate: {{condition: service_completed_successfully}}
                kafka: {{condition: service_healthy}}
              healthcheck:
                <<: *ready
                test: [CMD, python, -c, "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/{name}/readyz')"]
            """)
            .replace("@databases", "\n    ".join(_databases(name)))
            .splitlines()
        )


def _proxied() -> list[str]:
    return [f"depends_on: [{', '.join(service.name for service in SERVICES)}]"]


def _passwords() -> list[str]:
    return [f"{role.upper()}_PASSWORD=" for service in SERVICES for role in roles(service.name)]


def _upstreams() -> list[str]:
    return [f"upstream {s.name} {{ server {s.name}:8000; keepalive 32; }}" for s in SERVICES]


def _locations() -> list[str]:
    return [f"location /{s.name}/ {{ proxy_pass http://{s.name}; }}" for s in SERVICES]


def _targets() -> list[str]:
    return [
        f'- {{targets: ["{s.name}:8000"], labels: {{__metrics_path__: /{s.name}/metrics}}}}' for s in SERVICES
    ]


# -- pages


def _groups() -> list[str]:
    """The command that forgets our consumer groups, in a fence."""
    lines = [
        " ".join(f"--group {name}" for name in sorted([*(c.name for c in s.consumers), f"{s.name}.repair"]))
        for s in SERVICES
    ]
    return [
        "```sh",
        "kafka-topics.sh --bootstrap-server kafka:9092 --delete --topic 'jamaa\\..*'",
        "kafka-consumer-groups.sh --bootstrap-server kafka:9092 --delete \\",
        *(f"  {line} \\" for line in lines[:-1]),
        f"  {lines[-1]}",
        "```",
    ]


def _services() -> Iterator[str]:
    """A row of the README's table: what the first line of the service's own page says after its name."""
    yield "| | |"
    yield "|---|---|"
    for service in SERVICES:
        page = f"services/{service.name}/README.md"
        title = (ROOT / page).read_text(encoding="utf-8").partition("\n")[0]
        name, _, what = title.removeprefix("# ").partition(": ")
        if name != service.name or not what:
            raise Refused(f"{page} must begin with '# {service.name}: ' and a few words on what it is")
        yield f"| `services/{name}` | {what} · [page]({page}) |"


def _personas() -> list[str]:
    named = ", ".join(f"`{name}`" for name in PERSONAS)
    return wrap(f"**Personas** (development only): {named}.", 119, break_on_hyphens=False)


def _diagram(table: str) -> list[str]:
    """`package.module:NEXT`, a table of states whose first is where everything begins."""
    found: Mapping[StrEnum, frozenset[StrEnum]] = resolve_name(table)
    return mermaid(found).splitlines()


def mermaid(table: Mapping[StrEnum, frozenset[StrEnum]]) -> str:
    """A fenced Mermaid diagram, in the order in which the states are declared, from the first on."""
    start = next(iter(table))
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {start}"]
    for state, after in table.items():
        lines += [f"    {state} --> {following}" for following in type(start) if following in after]
        if not after:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"])


def _matrix(actions: str, may: str) -> Iterator[str]:
    """`package.module:ACTIONS` by state and `package.module:MAY` by action: who may do what, and when."""
    allowed: Mapping[StrEnum, frozenset[StrEnum]] = resolve_name(actions)
    roles_of: Mapping[StrEnum, frozenset[StrEnum]] = resolve_name(may)
    yield f"| action | by | {' | '.join(allowed)} |"
    yield f"|---|---|{'---|' * len(allowed)}"
    for action in roles_of:
        marks = ["●" if action in now else "" for now in allowed.values()]
        if any(marks):
            yield f"| {action} | {', '.join(sorted(roles_of[action]))} | {' | '.join(marks)} |"


WHAT: Final[Mapping[str, Callable[..., list[str] | Iterator[str]]]] = {
    "databases": _all_databases,
    "owners": _owners,
    "processes": _processes,
    "proxied": _proxied,
    "passwords": _passwords,
    "upstreams": _upstreams,
    "locations": _locations,
    "targets": _targets,
    "groups": _groups,
    "services": _services,
    "personas": _personas,
    "diagram": _diagram,
    "matrix": _matrix,
}
