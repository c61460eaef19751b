"""What the services of one installation are told: addresses, roles and secrets, as environment variables.

The launcher makes them up for the embedded engines and leaves them in the data directory, readable by its
owner only, so that the operator's command line finds the platform that runs. In production the same
variables come from the environment and no such file exists.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from deploy.engines import Broker, Postgres

FILE: Final = "platform.json"
CHOSEN: Final = (
    "JAMAA_LOG_LEVEL",
    "JAMAA_NOTIFY_URL",
    "JAMAA_TRACES",
    "JAMAA_TRACES_FOLLOW",
    "JAMAA_TRACES_RATIO",
)
"""What a developer may say of the platform that `make run` makes up."""


def environment(
    home: Path, postgres: "Postgres", broker: "Broker", port: int, *, separate: bool = False
) -> dict[str, str]:
    """Everything the services of a development platform need. Holds passwords: never print it.

    Together, all services answer on `port`; `separate` ones each on a free port of their own.
    """
    # `recall` must not load the services: a command line that takes seconds to answer is put aside.
    from deploy.engines import EmbeddedBroker, free_port  # noqa: PLC0415
    from deploy.engines.postgres import kept_secret  # noqa: PLC0415
    from deploy.registry import SERVICES  # noqa: PLC0415
    from shared.migrate import MIGRATOR, database_of, roles  # noqa: PLC0415

    base = f"http://127.0.0.1:{port}"
    variables = {
        "JAMAA_PROFILE": "development",
        "JAMAA_HOME": str(home),
        "JAMAA_URL": base,
        "JAMAA_KAFKA_BOOTSTRAP": broker.bootstrap,
        "JAMAA_KAFKA_IDEMPOTENCE": str(not isinstance(broker, EmbeddedBroker)).lower(),
        "JAMAA_ISSUER": f"{base}/issuer",
        "JAMAA_JWKS_URL": (home / "issuer" / "jwks.json").as_uri(),
        "JAMAA_PAYMENT_SECRET": hmac.new(kept_secret(home).encode(), b"payment", hashlib.sha256).hexdigest(),
    }
    variables |= {name: os.environ[name] for name in CHOSEN if name in os.environ}
    for service in SERVICES:
        api, worker = roles(service.name)
        prefix = f"JAMAA_{service.name.upper()}"
        database = database_of(service.name)
        variables |= {
            f"{prefix}_URL": f"{f'http://127.0.0.1:{free_port()}' if separate else base}/{service.name}",
            f"{prefix}_DATABASE_URL": postgres.dsn(database, api),
            f"{prefix}_WORKER_DATABASE_URL": postgres.dsn(database, worker),
            f"{prefix}_MIGRATOR_DATABASE_URL": postgres.dsn(database, MIGRATOR),
        }
    issuing = next(s.name for s in SERVICES if any(stream.aggregate == "document" for stream in s.streams))
    served = variables[f"JAMAA_{issuing.upper()}_URL"].removesuffix(f"/{issuing}")
    variables["JAMAA_DOCUMENTS_URL"] = f"{served}/verify"
    return variables


def remember(home: Path, variables: Mapping[str, str]) -> None:
    path = home / FILE
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(dict(variables), indent=1), encoding="utf-8")
    unfinished.replace(path)


def home() -> Path:
    """The data directory: JAMAA_HOME, else `.jamaa` here."""
    return Path(os.environ.get("JAMAA_HOME") or ".jamaa").resolve()


def recall(directory: Path | None = None) -> dict[str, str]:
    """The variables of the platform in `directory`, overridden by the environment's own."""
    path = (directory or home()) / FILE
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept | {name: value for name, value in os.environ.items() if name.startswith("JAMAA_")}
