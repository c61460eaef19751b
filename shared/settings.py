"""Configuration from the environment: `JAMAA_<SERVICE>_<NAME>` for one service, else `JAMAA_<NAME>` for all.

Database URLs have no name common to all services: each service has a database and roles of its own.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

PREFIX: Final = "JAMAA_"
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
SECRET_LENGTH: Final = 32  # characters: what a generated secret has, and a guessable word has not
MOST_COPIES: Final = 3  # of a topic, unless the settings say otherwise
MOST_UPLOAD: Final = 50 * 1024 * 1024  # bytes: a request is read into memory before it is looked at
_SERVICE: Final = re.compile(r"[a-z][a-z0-9_]*")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9_.-]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}")


class SettingsError(Exception):
    """The environment is incomplete or wrong. One line per variable: its name and what to do."""


def _url(*schemes: str) -> AfterValidator:
    def check(value: str | SecretStr) -> str | SecretStr:
        url = value.get_secret_value() if isinstance(value, SecretStr) else value
        parts = urlsplit(url)
        if parts.scheme not in schemes or not (parts.netloc or parts.path.strip("/")):
            raise ValueError("not such a URL")
        return value

    return AfterValidator(check)


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("not host:port")
    return value


def _addresses(value: str) -> str:
    return ",".join(map(_address, value.split(",")))


def _absolute(value: Path) -> Path:
    return value.resolve()


def _level(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Dsn = Annotated[SecretStr, _url("postgresql", "postgres")]


class _Common(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    service: str
    profile: Literal["development", "production"] = Field(
        default="production", description="development or production"
    )
    home: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path(".jamaa"), validate_default=True, description="a directory the process may write to"
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_level)
    ] = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")  # fmt: skip

    @property
    def development(self) -> bool:
        """Whether the things that only a developer may have (clock offset, personas) are allowed."""
        return self.profile == "development"

    @classmethod
    def read(cls, service: str, environment: Mapping[str, str]) -> Self:
        if not _SERVICE.fullmatch(service):
            raise ValueError(f"{service!r} is no service name: lower-case letters, digits and underscores")
        set_ = {name: _value(name, service, environment) for name in cls.model_fields if name != "service"}
        try:
            return cls(service=service, **{name: value for name, value in set_.items() if value is not None})
        except ValidationError as invalid:
            lines = _lines(cls, service, invalid, environment)
            raise SettingsError("\n".join(lines)) from None  # the cause would show values


class Settings(_Common):
    """What a running service needs. `files_url` is `<home>/files` unless set."""

    database_url: Dsn = Field(
        description="the DSN of the API's role, postgresql://user:password@host/database"
    )
    worker_database_url: Dsn = Field(
        description="the DSN of the role of consumers and relay, postgresql://user:password@host/database"
    )
    kafka_bootstrap: Annotated[str, AfterValidator(_addresses)] = Field(
        description="the Kafka brokers, host:port separated by commas"
    )
    kafka_idempotence: bool = Field(
        default=True, description="true, or false for a broker without idempotent producers"
    )
    kafka_partitions: int = Field(default=12, gt=0, description="the partitions of a new topic, a number")
    kafka_replication: int | None = Field(
        default=None, gt=0, description="the copies of a topic; without it three, or one on each broker"
    )
    kafka_min_insync: int | None = Field(
        default=None,
        gt=0,
        description="the copies that acknowledge, at most those of a topic; without it all but one",
    )
    kafka_retention_days: int = Field(default=14, gt=0, description="the days that topics keep, a number")
    kafka_session_ms: int = Field(
        default=10_000, ge=1_000, description="milliseconds until a silent consumer's partitions move"
    )
    instance: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = Field(
        default=None,
        description="this process's own name, which no other process of the service has: with it a restart"
        " moves no partition",
    )
    outbox_limit: int = Field(
        default=50_000, gt=0, description="unsent events above which bulk imports are refused, a number"
    )
    public_url: Annotated[str, _url("https", "http")] | None = Field(
        default=None,
        description="where people reach the platform, an https:// URL; without it, as each caller wrote it",
    )
    issuer: Annotated[str, _url("https", "http")] = Field(
        description="the `iss` of the access tokens, an https:// or http:// URL"
    )
    jwks_url: Annotated[str, _url("https", "http", "file")] = Field(
        default_factory=lambda known: f"{known['issuer'].rstrip('/')}/.well-known/openid-configuration",
        validate_default=True,
        description="where the issuer's public keys or its metadata are, an https:// or file:// URL",
    )
    audience: str = Field(default="jamaa", min_length=1, description="the `aud` of the access tokens")
    roles_claim: str = Field(
        default="roles", min_length=1, description="the claim that lists roles, or a path: realm_access.roles"
    )
    communes_claim: str = Field(
        default="communes", min_length=1, description="the claim that lists communes, by code"
    )
    provinces_claim: str = Field(
        default="provinces", min_length=1, description="the claim that lists provinces, by code"
    )
    files_url: Annotated[str, _url("file", "s3")] = Field(
        default_factory=lambda known: (known["home"] / "files").as_uri(),
        description="where files are stored, file:///directory or s3://bucket/prefix",
    )
    max_upload_bytes: int = Field(
        default=20 * 1024 * 1024,
        gt=0,
        le=MOST_UPLOAD,
        description=f"the largest upload in bytes, a positive whole number up to {MOST_UPLOAD}",
    )
    clamd: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None, description="ClamAV's daemon, host:port; without it uploads are not scanned"
    )
    payment_secret: Annotated[SecretStr, Field(min_length=SECRET_LENGTH)] | None = Field(
        default=None,
        description=f"the secret shared with the payment provider, at least {SECRET_LENGTH} characters",
    )

    payment_url: Annotated[str, _url("https", "http")] | None = Field(
        default=None,
        description="the payment gateway, an https:// URL; without it, in development, a page of ours",
    )
    notify_url: Annotated[str, _url("https", "http", "file")] | None = Field(
        default_factory=lambda known: (
            (known["home"] / "notices.jsonl").as_uri() if known["profile"] == "development" else None
        ),
        description="the gateway that tells people, an https:// URL, or file:///path to read the notices in",
    )

    documents_key: Annotated[str, _url("file", "pkcs11")] | None = Field(
        default_factory=lambda known: (
            (known["home"] / "documents" / f"{known['service']}.key").as_uri()
            if known["profile"] == "development"
            else None
        ),
        description="the key that seals documents, pkcs11:token=…;object=…?module-path=… or file:///key.pem",
    )
    documents_pin: SecretStr | None = Field(default=None, description="the PIN of the PKCS#11 token")
    documents_keys: Annotated[Path, AfterValidator(_absolute)] = Field(
        default_factory=lambda known: known["home"] / "documents",
        description="the directory of the certificates that documents are believed by, <service>-<any>.pem",
    )
    documents_url: Annotated[str, _url("https", "http")] | None = Field(
        default_factory=lambda known: (
            "http://127.0.0.1:8000/verify" if known["profile"] == "development" else None
        ),
        description="the public address of the page that verifies documents, an https:// URL",
    )
    documents_tsa: Annotated[str, _url("https", "http")] | None = Field(
        default=None, description="the RFC 3161 timestamp service, an https:// URL; without it, none"
    )

    traces: Literal["console"] | Annotated[str, _url("https", "http")] | None = Field(
        default=None,
        description="the URL of an OTLP/HTTP collector of traces (…/v1/traces), or console; without it, none",
    )
    traces_ratio: float = Field(
        default=1.0, ge=0, le=1, description="the share of traces that are recorded, from 0 to 1"
    )
    traces_follow: bool = Field(
        default=False, description="true where a gateway of ours sets every caller's traceparent, else false"
    )

    @field_validator("kafka_min_insync")
    @classmethod
    def _copies_suffice(cls, least: int | None, info: ValidationInfo) -> int | None:
        """A topic of which more must acknowledge than there are takes no record."""
        if least is not None and least > (info.data.get("kafka_replication") or MOST_COPIES):
            raise ValueError("more than there are")
        return least

    @field_validator("jwks_url")
    @classmethod
    def _keys_travel_safely(cls, url: str, info: ValidationInfo) -> str:
        """Whoever sits between a service and plain-HTTP keys could mint tokens."""
        parts = urlsplit(url)
        if (
            info.data.get("profile") == "production"
            and parts.scheme == "http"
            and parts.hostname not in LOOPBACK
        ):
            raise ValueError("production fetches keys by https:// or reads them from a file:// only")
        return url

    def secret(self, name: Literal["payment_secret"]) -> str:
        """A secret that only some services need. Raises SettingsError when it is not set."""
        value: SecretStr = self._needed(name)
        return value.get_secret_value()

    def needed(self, name: Literal["notify_url", "payment_url", "documents_key", "documents_url"]) -> str:
        """What only some services need. Raises SettingsError when it is not set."""
        value: str = self._needed(name)
        return value

    def _needed(self, name: str) -> Any:
        value = getattr(self, name)
        if value is None:
            raise SettingsError(_line(type(self), self.service, name, {}))
        return value


class MigratorSettings(_Common):
    """What migrations and the operator's command line need, and no running service holds."""

    migrator_database_url: Dsn = Field(
        description="the DSN of the database's owner, postgresql://user:password@host/database"
    )


OWN: Final = frozenset({"database_url", "worker_database_url", "migrator_database_url"})

S = TypeVar("S", bound=_Common)


def settings_for(service: str, environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError, which names every variable that is missing or wrong."""
    return Settings.read(service, environment)


def migrator_settings_for(service: str, environment: Mapping[str, str] = os.environ) -> MigratorSettings:
    """Raises SettingsError, which names every variable that is missing or wrong."""
    return MigratorSettings.read(service, environment)


def variables(service: str, name: str) -> tuple[str, ...]:
    """The variables that set `name` for `service`, the one that wins first."""
    own = f"{PREFIX}{service}_{name}".upper()
    return (own,) if name in OWN else (own, f"{PREFIX}{name}".upper())


def _value(name: str, service: str, environment: Mapping[str, str]) -> str | None:
    # An empty variable is an unset one: compose and Helm write `NAME=` for what is not given.
    return next((found for key in variables(service, name) if (found := environment.get(key))), None)


def _lines(
    model: type[_Common], service: str, invalid: ValidationError, environment: Mapping[str, str]
) -> list[str]:
    wrong = [
        str(error["loc"][0])
        for error in invalid.errors()
        if error["type"] != "default_factory_not_called"  # an error above it says what is wrong
    ]
    return [_line(model, service, name, environment) for name in dict.fromkeys(wrong)]


def _line(model: type[_Common], service: str, name: str, environment: Mapping[str, str]) -> str:
    names = variables(service, name)
    wrong = next((f"{key} is wrong" for key in names if environment.get(key)), None)
    return f"{wrong or f'{names[-1]} is not set'}: give {model.model_fields[name].description}"
