"""What a service reads from its environment, and what it says when something is missing."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.settings import Settings, SettingsError, migrator_settings_for, settings_for

COMPLETE = {
    "JAMAA_ALPHA_DATABASE_URL": "postgresql://jamaa_alpha:s3cret-api@127.0.0.1:5432/jamaa_alpha",
    "JAMAA_ALPHA_WORKER_DATABASE_URL": "postgresql://jamaa_alpha_worker:s3cret-w@127.0.0.1:5432/jamaa_alpha",
    "JAMAA_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "JAMAA_ISSUER": "https://issuer.example.ma",
}
SECRET = "0123456789abcdef" * 2


def settings(**changes: str) -> Settings:
    return settings_for("alpha", COMPLETE | changes)


def test_production_is_what_happens_when_nothing_is_said() -> None:
    found = settings()
    assert found.profile == "production"
    assert not found.development
    assert found.kafka_idempotence
    assert (found.audience, found.log_level) == ("jamaa", "INFO")
    assert found.home == Path.cwd() / ".jamaa"
    assert found.files_url == (Path.cwd() / ".jamaa" / "files").as_uri()
    assert found.clamd is None


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("JAMAA_PROFILE", "development", "development", True),
        ("JAMAA_HOME", "/srv/jamaa", "home", Path("/srv/jamaa")),
        ("JAMAA_HOME", "/srv/with space", "files_url", "file:///srv/with%20space/files"),
        ("JAMAA_FILES_URL", "s3://jamaa/files", "files_url", "s3://jamaa/files"),
        ("JAMAA_KAFKA_IDEMPOTENCE", "false", "kafka_idempotence", False),
        ("JAMAA_KAFKA_BOOTSTRAP", "k1:9092,k2:9092", "kafka_bootstrap", "k1:9092,k2:9092"),
        ("JAMAA_ALPHA_KAFKA_BOOTSTRAP", "own:9092", "kafka_bootstrap", "own:9092"),
        ("JAMAA_BETA_KAFKA_BOOTSTRAP", "other:9092", "kafka_bootstrap", "127.0.0.1:9092"),
        ("JAMAA_JWKS_URL", "file:///srv/jwks.json", "jwks_url", "file:///srv/jwks.json"),
        ("JAMAA_AUDIENCE", "jamaa-test", "audience", "jamaa-test"),
        ("JAMAA_AUDIENCE", "", "audience", "jamaa"),
        (
            "JAMAA_ISSUER",
            "https://id.example.ma/realm/",
            "jwks_url",
            "https://id.example.ma/realm/.well-known/openid-configuration",
        ),
        ("JAMAA_ROLES_CLAIM", "realm_access.roles", "roles_claim", "realm_access.roles"),
        ("JAMAA_LOG_LEVEL", "warning", "log_level", "WARNING"),
        ("JAMAA_ALPHA_LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
        ("JAMAA_CLAMD", "[::1]:3310", "clamd", "[::1]:3310"),
        ("JAMAA_MAX_UPLOAD_BYTES", "1000", "max_upload_bytes", 1000),
    ],
)
def test_a_variable_sets_its_field(variable: str, value: str, name: str, expected: object) -> None:
    assert getattr(settings(**{variable: value}), name) == expected


@pytest.mark.parametrize("variable", COMPLETE)
def test_a_missing_variable_is_named_and_nothing_else_is(variable: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings(**{variable: ""})
    (line,) = str(refusal.value).splitlines()
    assert line.startswith(f"{variable} is not set: give ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JAMAA_PROFILE", "prod"),
        ("JAMAA_ALPHA_DATABASE_URL", "mysql://jamaa:s3cret-api@h/d"),
        ("JAMAA_ALPHA_WORKER_DATABASE_URL", "postgresql://"),
        ("JAMAA_KAFKA_BOOTSTRAP", "localhost"),
        ("JAMAA_ALPHA_KAFKA_BOOTSTRAP", "k1:9092,,k2:9092"),
        ("JAMAA_KAFKA_IDEMPOTENCE", "maybe"),
        ("JAMAA_ISSUER", "issuer.example.ma"),
        ("JAMAA_JWKS_URL", "ftp://issuer.example.ma/jwks.json"),
        ("JAMAA_FILES_URL", "https://files.example.ma"),
        ("JAMAA_KAFKA_MIN_INSYNC", "4"),
        ("JAMAA_LOG_LEVEL", "loud"),
        ("JAMAA_CLAMD", "clamd:3310,clamd:3311"),
        ("JAMAA_MAX_UPLOAD_BYTES", "0"),
        ("JAMAA_PAYMENT_SECRET", "s3cret"),
        ("JAMAA_HOME", "/srv/nul\0"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_never_shown(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings(**{variable: value})
    (line,) = str(refusal.value).splitlines()
    assert line.startswith(f"{variable} is wrong: give ")
    assert "s3cret" not in line
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(("copies", "acknowledging"), [("1", "2"), ("3", "4")])
def test_no_more_copies_acknowledge_than_there_are(copies: str, acknowledging: str) -> None:
    """Such a topic would take no record at all."""
    with pytest.raises(SettingsError, match="JAMAA_KAFKA_MIN_INSYNC is wrong"):
        settings(JAMAA_KAFKA_REPLICATION=copies, JAMAA_KAFKA_MIN_INSYNC=acknowledging)
    assert settings(JAMAA_KAFKA_REPLICATION="4", JAMAA_KAFKA_MIN_INSYNC="4").kafka_min_insync == 4


def test_every_missing_variable_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as refusal:
        settings_for("alpha", {})
    assert [line.partition(" ")[0] for line in str(refusal.value).splitlines()] == list(COMPLETE)


def test_one_service_never_opens_the_database_of_all() -> None:
    with pytest.raises(SettingsError, match="JAMAA_ALPHA_DATABASE_URL is not set"):
        settings(JAMAA_ALPHA_DATABASE_URL="", JAMAA_DATABASE_URL="postgresql://jamaa@h/d")


def test_secrets_are_not_shown_and_settings_do_not_change() -> None:
    found = settings(JAMAA_PAYMENT_SECRET=SECRET)
    assert SECRET not in repr(found)
    assert "s3cret" not in repr(found)
    assert found.secret("payment_secret") == SECRET
    assert found.database_url.get_secret_value() == COMPLETE["JAMAA_ALPHA_DATABASE_URL"]
    with pytest.raises(ValidationError):
        found.profile = "development"  # type: ignore[misc]  # what the test is about


def test_a_secret_that_a_service_needs_is_named_when_missing() -> None:
    with pytest.raises(SettingsError, match="JAMAA_PAYMENT_SECRET is not set: give the secret shared"):
        settings().secret("payment_secret")


def test_only_the_migrator_reads_the_owner_of_the_database() -> None:
    url = "postgresql://jamaa_migrator:owner@127.0.0.1/jamaa_alpha"
    found = migrator_settings_for("alpha", {"JAMAA_ALPHA_MIGRATOR_DATABASE_URL": url})
    assert found.migrator_database_url.get_secret_value() == url
    assert "migrator_database_url" not in Settings.model_fields
    with pytest.raises(SettingsError, match="JAMAA_ALPHA_MIGRATOR_DATABASE_URL is not set"):
        migrator_settings_for("alpha", COMPLETE)


@pytest.mark.parametrize("service", ["", "Alpha", "al-pha", "1alpha", "a b"])
def test_a_service_name_is_one_that_roles_and_variables_can_carry(service: str) -> None:
    with pytest.raises(ValueError, match="no service name"):
        settings_for(service, COMPLETE)


def test_the_real_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in COMPLETE.items():
        monkeypatch.setenv(variable, value)
    assert settings_for("alpha").issuer == COMPLETE["JAMAA_ISSUER"]
