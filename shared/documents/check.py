"""What can be said of a token, or of a whole file, by the published keys.

pyHanko is imported by the function that needs it: it costs every process half a second otherwise, and most
never look into a file.
"""

import asyncio
import hashlib
import io
import json
from dataclasses import dataclass
from typing import Final

import structlog
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from shared.documents import claim as claims
from shared.documents.claim import HASH, Claim, Verdict
from shared.documents.keys import KeySet

MARK: Final = b"\nJAMAA-SEAL-1 "
"""What stands before the token and the data inside a file, uncompressed: a page without a PDF library finds
them. No value that is printed can hold it, for none holds a line break."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """`claim` and `content` (canonical) are given only when their signature holds."""

    verdict: Verdict
    claim: Claim | None = None
    content: str | None = None


def check_token(token: str, keys: KeySet) -> Checked:
    verdict, claim = claims.read(token, keys)
    return Checked(verdict=verdict, claim=claim)


def check_file(pdf: bytes, keys: KeySet) -> Checked:
    """Every byte of the file: the one signature covers it whole, holds, and is by the key of the token; the
    data inside are those that the token names. Blocks for some 20 ms of a processor.
    """
    carried = unpacked(pdf)
    if carried is None:
        return Checked(verdict=Verdict.UNREADABLE)
    token, content = carried
    verdict, claim = claims.read(token, keys)
    if claim is None:
        return Checked(verdict=verdict)
    signer = keys[claim.kid].certificate
    if digest(content)[:HASH] != claim.digest or not _signed_whole(pdf, signer):
        return Checked(verdict=Verdict.ALTERED)
    return Checked(verdict=verdict, claim=claim, content=content)


def digest(canonical: str) -> bytes:
    return hashlib.sha256(canonical.encode()).digest()


def packed(token: str, canonical: str) -> bytes:
    inside = json.dumps({"token": token, "content": canonical}, ensure_ascii=False).encode()
    return MARK + str(len(inside)).encode() + b"\n" + inside


def unpacked(pdf: bytes) -> tuple[str, str] | None:
    """The token and the canonical content that a file carries, or None."""
    start = pdf.find(MARK)
    length, _, rest = pdf[start + len(MARK) :].partition(b"\n")
    if start < 0 or not length.isdigit() or len(length) > 7:
        return None
    try:
        said = json.loads(rest[: int(length)])
        return str(said["token"]), str(said["content"])
    except (ValueError, KeyError, TypeError):
        return None


def _signed_whole(pdf: bytes, signer: Certificate) -> bool:
    from asn1crypto import x509 as asn1  # noqa: PLC0415 -- see above
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415 -- see above
    from pyhanko.sign.validation import async_validate_pdf_signature  # noqa: PLC0415 -- see above
    from pyhanko.sign.validation.status import SignatureCoverageLevel  # noqa: PLC0415 -- see above
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415 -- see above

    try:
        (seal,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        # Whom to believe is the key set's to say: no other path is built, nothing is fetched.
        root = asn1.Certificate.load(signer.public_bytes(Encoding.DER))
        context = ValidationContext(trust_roots=[root], allow_fetching=False)
        status = asyncio.run(async_validate_pdf_signature(seal, context))
    except Exception as error:  # noqa: BLE001 -- an altered structure makes the reader raise whatever it meets
        log.info("documents.unreadable_file", error=type(error).__name__)
        return False
    return bool(
        status.intact
        and status.valid
        and status.coverage is SignatureCoverageLevel.ENTIRE_FILE
        and status.signing_cert.dump() == root.dump()
    )
