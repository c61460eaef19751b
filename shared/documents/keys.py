"""Who seals: the port of the signing key, and the published set of those that are believed.

A key belongs to one service; its certificates lie in one directory as `<service>-<anything>.pem`. A retired
key's certificate stays there, so that what it sealed is still believed; one whose secret got out is renamed
to end in `.revoked.pem`, and nothing it sealed is believed any more.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import url2pathname

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from shared.sealing import created
from shared.settings import Settings, SettingsError

KID: Final = 4  # bytes of the SHA-256 of the public key: a name for it, no proof of it
COORDINATE: Final = 32  # bytes of P-256
_REVOKED: Final = ".revoked"


class Key(Protocol):
    """Signs with ECDSA on P-256 and SHA-256. Where the secret is, only the adapter knows."""

    @property
    def certificate(self) -> x509.Certificate: ...

    def sign(self, message: bytes) -> bytes:
        """The numbers r and s, 32 bytes each. Called in a worker thread: it may wait for hardware."""


@dataclass(frozen=True, slots=True)
class FileKey:
    """The development adapter: the secret in a file. Signs the same message the same way (RFC 6979)."""

    certificate: x509.Certificate
    secret: ec.EllipticCurvePrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        return raw(self.secret.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))


@dataclass(frozen=True, slots=True)
class Pkcs11Key:
    """Hardware by PKCS#11: the secret never leaves it. `key` is its handle, one thread's at a time."""

    certificate: x509.Certificate
    key: Any = field(repr=False)
    lock: Any = field(default_factory=Lock, repr=False)

    def sign(self, message: bytes) -> bytes:
        from pkcs11 import Mechanism  # noqa: PLC0415 -- loads a C library that only such an installation has

        with self.lock:
            signed: bytes = self.key.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA)
        return signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A public key that documents of `service` are believed by, if they were issued while it was valid."""

    kid: bytes
    service: str
    certificate: x509.Certificate = field(repr=False)
    revoked: bool

    def valid_at(self, instant: datetime) -> bool:
        return self.certificate.not_valid_before_utc <= instant <= self.certificate.not_valid_after_utc

    @property
    def jwk(self) -> dict[str, Any]:
        """RFC 7517, with whose key it is and from when to when; `revoked` when its secret got out."""
        x, y = _point(self.certificate)[1:33], _point(self.certificate)[33:]
        return {
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": self.kid.hex(),
            "x": urlsafe_b64encode(x).decode().rstrip("="),
            "y": urlsafe_b64encode(y).decode().rstrip("="),
            "service": self.service,
            "nbf": int(self.certificate.not_valid_before_utc.timestamp()),
            "exp": int(self.certificate.not_valid_after_utc.timestamp()),
            "revoked": self.revoked,
        }


KeySet = Mapping[bytes, Published]


def published(directory: Path) -> KeySet:
    """Every certificate of the directory by its key's name. Raises SettingsError for a key not on P-256."""
    found = {}
    for path in sorted(directory.glob("*.pem")):
        text = path.read_bytes()
        if b"BEGIN CERTIFICATE" not in text:
            continue
        certificate = x509.load_pem_x509_certificate(text)
        stem = path.name.removesuffix(".pem")
        if not _is_p256(certificate):
            raise SettingsError(
                f"{path.name} in JAMAA_DOCUMENTS_KEYS is wrong: give certificates of P-256 keys"
            )
        service = stem.removesuffix(_REVOKED).partition("-")[0]
        one = Published(
            kid=kid_of(certificate), service=service, certificate=certificate, revoked=stem.endswith(_REVOKED)
        )
        found[one.kid] = one
    return found


def key_of(settings: Settings) -> Key:
    """The service's signing key: `JAMAA_DOCUMENTS_KEY`, a file or a PKCS#11 URI (RFC 7512). In development
    one is made, with a certificate of its own, if there is none.

    Raises SettingsError when it is not set, or when no certificate of the directory is its own.
    """
    url, directory = settings.needed("documents_key"), settings.documents_keys
    if url.startswith("pkcs11:"):
        return _hardware(url, settings, directory)
    path = Path(url2pathname(urlsplit(url).path))
    if settings.development and not path.exists():
        _make(path, directory, settings.service)
    secret = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(secret, ec.EllipticCurvePrivateKey) or secret.curve.name != "secp256r1":
        raise SettingsError("JAMAA_DOCUMENTS_KEY is wrong: give a P-256 key")
    return FileKey(_own(directory, settings.service, _encoded(secret.public_key())), secret)


def raw(signature: bytes) -> bytes:
    """The numbers r and s of a DER signature, as COSE and WebCrypto have them (RFC 9053 §2.1)."""
    r, s = utils.decode_dss_signature(signature)
    return r.to_bytes(COORDINATE, "big") + s.to_bytes(COORDINATE, "big")


def der(signature: bytes) -> bytes:
    """The way back, as CMS has it."""
    r, s = signature[:COORDINATE], signature[COORDINATE:]
    return utils.encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def kid_of(certificate: x509.Certificate) -> bytes:
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()[:KID]


def _is_p256(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"


def _encoded(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _point(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # `published` took no other
    return _encoded(key)


def _own(directory: Path, service: str, point: bytes) -> x509.Certificate:
    for one in published(directory).values():
        if _point(one.certificate) == point and one.service == service and not one.revoked:
            return one.certificate
    raise SettingsError(
        f"JAMAA_DOCUMENTS_KEYS is wrong: give a directory with {service}-….pem, the signing key's certificate"
    )


def _hardware(url: str, settings: Settings, directory: Path) -> Key:
    import pkcs11  # noqa: PLC0415 -- loads a C library that only such an installation has

    path, _, query = url.removeprefix("pkcs11:").partition("?")
    named = dict(part.split("=", 1) for part in path.split(";") if "=" in part)
    asked = parse_qs(query)
    pin = settings.documents_pin
    if not {"token", "object"} <= named.keys() or "module-path" not in asked or pin is None:
        raise SettingsError(
            "JAMAA_DOCUMENTS_KEY is wrong: give pkcs11:token=…;object=…?module-path=… and JAMAA_DOCUMENTS_PIN"
        )
    try:
        token = pkcs11.lib(asked["module-path"][0]).get_token(token_label=unquote(named["token"]))
        session = token.open(user_pin=pin.get_secret_value())
        label = unquote(named["object"])
        key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=label)
        public = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=label)
    except (pkcs11.PKCS11Error, OSError, RuntimeError) as reason:
        raise SettingsError(
            f"the key of JAMAA_DOCUMENTS_KEY cannot be used: {type(reason).__name__}"
        ) from reason
    # CKA_EC_POINT is the point inside a DER octet string: two bytes more (PKCS#11 §2.3.3).
    return Pkcs11Key(_own(directory, settings.service, public[pkcs11.Attribute.EC_POINT][2:]), key)


def _make(path: Path, directory: Path, service: str) -> None:
    """A key and a certificate that it signed itself. Two processes at once end with the same one, and with a
    second certificate, of a key that nobody has.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    secret = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "MA"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Jamaa (development)"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Jamaa {service} (development)"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))  # demonstrations live in other years
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=365 * 30))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .sign(secret, SHA256())
    )
    pem = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    own = directory / f"{service}-{kid_of(certificate).hex()}.pem"
    created(own, certificate.public_bytes(Encoding.PEM))  # first: who finds the key looks for it at once
    created(path, pem)


def _usage() -> x509.KeyUsage:
    off = ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    none: dict[str, bool] = dict.fromkeys((*off, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, content_commitment=True, **none)


def jwks(keys: KeySet) -> dict[str, Sequence[dict[str, Any]]]:
    return {"keys": [one.jwk for one in keys.values()]}
