"""Keys: made, rotated, revoked, of another issuer, in hardware; and the time that a service stamps."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pkcs11
import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from services.rokhas.app import SERVICE
from shared.documents.check import check_file, check_token
from shared.documents.claim import Verdict
from shared.documents.keys import KeySet, jwks, key_of, published
from shared.documents.seal import Sealer, sealer_of
from shared.settings import Settings, SettingsError
from tests.documents.conftest import pdfsig, program
from tests.documents.samples import ID, ISSUED, PLAIN
from tests.support.http import settings_of


def seal(sealer: Sealer) -> tuple[bytes, str]:
    made = sealer.seal(PLAIN, id=ID, service="rokhas", kind="receipt", issued_at=ISSUED)
    return made.pdf, made.token


def test_the_development_key_is_made_once(settings: Settings, sealer: Sealer) -> None:
    again = key_of(settings)
    assert again.certificate == sealer.key.certificate
    assert [path.name for path in settings.documents_keys.glob("*.pem")] != []
    assert (settings.documents_keys / "rokhas.key").stat().st_mode & 0o077 == 0


def test_who_finds_the_key_finds_its_certificate(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two processes that start at once, one reads the key in the moment in which the other wrote it."""
    link, other = os.link, []

    def linked(source: str, target: Path) -> None:
        link(source, target)
        if target.name == "rokhas.key":
            other.append(key_of(settings).certificate)

    monkeypatch.setattr(os, "link", linked)
    mine = key_of(settings).certificate
    assert other == [mine]


def test_the_published_set_has_no_secret(keys: KeySet) -> None:
    (jwk,) = jwks(keys)["keys"]
    assert set(jwk) == {"kty", "crv", "alg", "use", "kid", "x", "y", "service", "nbf", "exp", "revoked"}
    assert (jwk["service"], jwk["revoked"]) == ("rokhas", False)


def test_a_rotated_key_still_vouches_for_what_it_sealed(settings: Settings, sealer: Sealer) -> None:
    pdf, token = seal(sealer)
    (settings.documents_keys / "rokhas.key").unlink()
    newer = Sealer(key_of(settings), sealer.url)
    keys = published(settings.documents_keys)
    assert len(keys) == 2
    assert seal(newer)[1] != token
    assert check_token(seal(newer)[1], keys).verdict is Verdict.VALID
    assert check_file(pdf, keys).verdict is Verdict.VALID


def test_a_revoked_key_vouches_for_nothing(settings: Settings, sealer: Sealer) -> None:
    pdf, token = seal(sealer)
    (certificate,) = settings.documents_keys.glob("*.pem")
    certificate.rename(certificate.with_suffix(".revoked.pem"))
    keys = published(settings.documents_keys)
    assert check_token(token, keys).verdict is Verdict.KEY_REVOKED
    assert check_file(pdf, keys).verdict is Verdict.KEY_REVOKED
    with pytest.raises(SettingsError, match="JAMAA_DOCUMENTS_KEYS"):
        key_of(settings)


def test_a_key_of_another_issuer_is_foreign(keys: KeySet, tmp_path: Path) -> None:
    other = settings_of(SERVICE, tmp_path / "other")
    pdf, token = seal(sealer_of(other))
    assert check_token(token, keys).verdict is Verdict.FOREIGN
    assert check_file(pdf, keys).verdict is Verdict.FOREIGN


def test_a_key_speaks_for_its_own_service_only(settings: Settings, sealer: Sealer) -> None:
    made = sealer.seal(PLAIN, id=ID, service="watiqa", kind="extract", issued_at=ISSUED)
    assert check_token(made.token, published(settings.documents_keys)).verdict is Verdict.FOREIGN


def test_a_key_speaks_for_the_time_of_its_certificate(settings: Settings, sealer: Sealer) -> None:
    made = sealer.seal(
        PLAIN, id=ID, service="rokhas", kind="receipt", issued_at=datetime(2019, 1, 1, tzinfo=UTC)
    )
    assert check_token(made.token, published(settings.documents_keys)).verdict is Verdict.FOREIGN


def test_production_without_a_key_says_what_to_set(tmp_path: Path) -> None:
    production = settings_of(SERVICE, tmp_path, PROFILE="production", JWKS_URL="file:///none")
    with pytest.raises(SettingsError, match="JAMAA_DOCUMENTS_KEY is not set"):
        key_of(production)


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())]
)
def test_another_kind_of_key_is_refused(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SettingsError, match="P-256"):
        key_of(settings_of(SERVICE, tmp_path, DOCUMENTS_KEY=path.as_uri()))


def test_a_stamped_time_is_in_the_signature(sealer: Sealer, keys: KeySet, tmp_path: Path) -> None:
    """The port is RFC 3161; here a service of our own, in production an accredited one over HTTP."""
    stamped = Sealer(sealer.key, sealer.url, _stamps())
    made, _ = seal(stamped)
    path = tmp_path / "stamped.pdf"
    path.write_bytes(made)
    assert "Signature is Valid" in pdfsig(path)
    assert check_file(made, keys).verdict is Verdict.VALID
    assert len(made) > len(seal(sealer)[0])


# ---- hardware ------------------------------------------------------------------------------------------
MODULE = next(
    (str(path) for path in Path("/usr/lib").glob("**/softhsm/libsofthsm2.so")),
    "/usr/lib/softhsm/libsofthsm2.so",
)


@pytest.fixture
def hardware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A SoftHSM token with a key that was made in it and cannot be taken out."""
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    run = [program("softhsm2-util", "softhsm2"), "--init-token", "--free", "--label", "seals"]
    subprocess.run([*run, "--pin", "1234", "--so-pin", "5678"], check=True, capture_output=True, timeout=60)
    library = pkcs11.lib(MODULE)
    library.reinitialize()
    with library.get_token(token_label="seals").open(user_pin="1234", rw=True) as session:
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC,
            {pkcs11.Attribute.EC_PARAMS: asn1_keys.ECDomainParameters("named", "secp256r1").dump()},
            local=True,
        )
        public, _ = parameters.generate_keypair(label="rokhas 2026", store=True)
        point = public[pkcs11.Attribute.EC_POINT][2:]
    directory = tmp_path / "documents"
    directory.mkdir()
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    authority = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, authority, "Commune de Casablanca, cachet")
    (directory / "rokhas-2026.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return settings_of(
        SERVICE,
        tmp_path,
        DOCUMENTS_KEY=f"pkcs11:token=seals;object=rokhas%202026?module-path={MODULE}",
        DOCUMENTS_PIN="1234",
        DOCUMENTS_KEYS=str(directory),
    )


def test_hardware_seals_and_pdfsig_agrees(hardware: Settings, tmp_path: Path) -> None:
    pdf, token = seal(sealer_of(hardware))
    path = tmp_path / "sealed.pdf"
    path.write_bytes(pdf)
    said = pdfsig(path)
    assert "Signature is Valid" in said
    assert "Commune de Casablanca, cachet" in said
    keys = published(hardware.documents_keys)
    assert check_file(pdf, keys).verdict is Verdict.VALID
    assert check_token(token, keys).verdict is Verdict.VALID


@pytest.mark.parametrize(
    "changes",
    [
        {"documents_key": "pkcs11:token=seals;object=nothing?module-path={}"},
        {"documents_key": "pkcs11:token=nowhere;object=rokhas%202026?module-path={}"},
        {"documents_key": "pkcs11:token=seals;object=rokhas%202026?module-path=/none.so"},
        {"documents_key": "pkcs11:token=seals"},
        {"documents_pin": None},
    ],
)
def test_hardware_that_does_not_answer_is_a_line_that_says_so(
    hardware: Settings, changes: dict[str, str | None]
) -> None:
    said = {name: value.format(MODULE) if value else None for name, value in changes.items()}
    with pytest.raises(SettingsError, match="JAMAA_DOCUMENTS_KEY"):
        key_of(hardware.model_copy(update=said))


def _certificate(
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    authority: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    name: str,
    usage: x509.ObjectIdentifier | None = None,
) -> x509.Certificate:
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(ISSUED - timedelta(days=1))
        .not_valid_after(ISSUED + timedelta(days=3 * 365))
    )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return builder.sign(authority, SHA256())


def _stamps() -> DummyTimeStamper:
    secret = rsa.generate_private_key(65537, 2048)
    own = _certificate(secret.public_key(), secret, "A clock", ExtendedKeyUsageOID.TIME_STAMPING)
    private = secret.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return DummyTimeStamper(
        tsa_cert=asn1.Certificate.load(own.public_bytes(Encoding.DER)),
        tsa_key=asn1_keys.PrivateKeyInfo.load(private),
        certs_to_embed=SimpleCertificateStore(),  # type: ignore[no-untyped-call]  # pyHanko's
    )
