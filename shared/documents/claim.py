"""What a document's QR code says, signed: a CBOR Web Token (RFC 8392) in COSE_Sign1 (RFC 9052), ES256.

Written out here rather than by a library, because the libraries want the secret key and a hardware module
gives none away; tests read it with one.
"""

from base64 import b32decode, b32encode
from binascii import Error as NotBase32
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from shared.documents.keys import Key, KeySet, der, kid_of

HASH: Final = 16  # bytes of the content's SHA-256 in the claim: 128 bits against a second content
NAME: Final = 40  # characters of a name in the claim; the page has it whole
LONGEST: Final = 2_000  # characters of a token: more than any QR code of ours
SIGN1: Final = 18
ALG, KEY_ID, ES256 = 1, 4, -7
ISS, EXP, IAT, CTI = 1, 4, 6, 7
ABOUT: Final = -65537  # private use (RFC 8392 §9.1): [kind, hash, names]


UNREADABLE: Final = (
    NotBase32,
    cbor2.CBORDecodeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    MemoryError,
)
"""What reading something that is no token of ours may raise."""


class Verdict(StrEnum):
    """What can be said of a seal. The first that applies."""

    UNREADABLE = "unreadable"  # no claim of ours at all
    FOREIGN = "foreign"  # signed by a key that is in no published set
    ALTERED = "altered"  # the signature or the content is not the one that was sealed
    KEY_REVOKED = "key_revoked"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    UNREGISTERED = "unregistered"  # signed, and not in the register of the service that signed it
    VALID = "valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`digest` is the first 16 bytes of the content's SHA-256; `names` those of the holder by script."""

    id: UUID
    service: str
    kind: str
    digest: bytes
    issued_at: datetime
    expires_at: datetime | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    kid: bytes = b""
    """Of the key that signed it, once it is."""


def sign(claim: Claim, key: Key) -> str:
    """The token as the QR code carries it: base32 without padding, which its alphanumeric mode packs."""
    said: dict[int, Any] = {
        ISS: claim.service,
        IAT: int(claim.issued_at.timestamp()),
        CTI: claim.id.bytes,
        ABOUT: [
            claim.kind,
            claim.digest[:HASH],
            {script: shortened(name) for script, name in claim.names.items() if name},
        ],
    }
    if claim.expires_at is not None:
        said[EXP] = int(claim.expires_at.timestamp())
    head = cbor2.dumps({ALG: ES256, KEY_ID: kid_of(key.certificate)})
    body = cbor2.dumps(said)
    token = cbor2.dumps(cbor2.CBORTag(SIGN1, [head, {}, body, key.sign(_signed(head, body))]))
    return b32encode(token).decode().rstrip("=")


def shortened(name: str) -> str:
    return name if len(name) <= NAME else name[: NAME - 1].rstrip() + "…"


def read(token: str, keys: KeySet) -> tuple[Verdict, Claim | None]:
    """`VALID` here means signed by a key that was valid at the time of issue: whether the claim still stands
    is for the caller to look up. The claim is None unless its signature holds.
    """
    if len(token) > LONGEST:
        return Verdict.UNREADABLE, None
    try:
        head, body, signature, kid = _parts(token)
        claim = _claim(cbor2.loads(body), kid)
    except UNREADABLE:
        return Verdict.UNREADABLE, None
    known = keys.get(kid)
    if known is None:
        return Verdict.FOREIGN, None
    public = known.certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)  # `published` took no other
    try:
        public.verify(der(signature), _signed(head, body), ec.ECDSA(SHA256()))
    except InvalidSignature:
        return Verdict.ALTERED, None
    if claim.service != known.service or not known.valid_at(claim.issued_at):
        return Verdict.FOREIGN, None  # a key speaks for its own service and its own time
    return (Verdict.KEY_REVOKED if known.revoked else Verdict.VALID), claim


def _signed(head: bytes, body: bytes) -> bytes:
    return cbor2.dumps(["Signature1", head, b"", body])


def _parts(token: str) -> tuple[bytes, bytes, bytes, bytes]:
    padded = token.upper() + "=" * (-len(token) % 8)
    message = cbor2.loads(b32decode(padded))
    if not isinstance(message, cbor2.CBORTag) or message.tag != SIGN1:
        raise ValueError("not COSE_Sign1")
    head, _, body, signature = message.value
    protected = cbor2.loads(head)
    if protected[ALG] != ES256 or len(signature) != 64 or not isinstance(protected[KEY_ID], bytes):
        raise ValueError("not ES256")
    return head, body, signature, protected[KEY_ID]


def _claim(said: Any, kid: bytes) -> Claim:
    kind, digest, names = said[ABOUT]
    if not isinstance(kind, str) or not isinstance(digest, bytes) or len(digest) != HASH:
        raise ValueError("no claim about a document")
    return Claim(
        id=UUID(bytes=said[CTI]),
        service=str(said[ISS]),
        kind=kind,
        digest=digest,
        issued_at=datetime.fromtimestamp(said[IAT], UTC),
        expires_at=datetime.fromtimestamp(said[EXP], UTC) if EXP in said else None,
        names={str(script): str(name) for script, name in names.items()},
        kid=kid,
    )
