"""The sealed file: the printed content, the data it was printed from, and one signature over all its bytes.

Sealing is the work of a processor for some 40 ms and perhaps of hardware and a timestamp service: it is
called in a worker thread, outside every transaction.
"""

import asyncio
import io
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from asn1crypto import algos
from asn1crypto import x509 as asn1
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.embed import EmbeddedFileObject, FileSpec, embed_file
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import HTTPTimeStamper, TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from shared.documents import claim as claims
from shared.documents import render
from shared.documents.check import packed
from shared.documents.claim import Claim
from shared.documents.content import Content
from shared.documents.keys import Key, der, key_of
from shared.settings import Settings
from shared.time import civil_day

PLAIN: Final = 8_192  # bytes reserved for the signature: without it pyHanko signs twice to find out
STAMPED: Final = 24_576  # with a timestamp and its chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """`pdf` is PDF/A-3b with a PAdES signature (ETSI EN 319 142-1, B-B, or B-T with a timestamp)."""

    pdf: bytes
    token: str


@dataclass(frozen=True, slots=True)
class Sealer:
    """A key, the address of the page that verifies, and if there is one the timestamp service (RFC 3161)."""

    key: Key
    url: str
    timestamps: TimeStamper | None = None

    def seal(
        self,
        content: Content,
        *,
        id: UUID,  # noqa: A002 -- its name
        service: str,
        kind: str,
        issued_at: datetime,
        expires_at: datetime | None = None,
    ) -> Sealed:
        """Blocks. Raises Invalid for a content that cannot be printed."""
        claim = Claim(
            id=id,
            service=service,
            kind=kind,
            digest=content.digest,
            issued_at=issued_at,
            expires_at=expires_at,
            names=content.holder,
        )
        token = claims.sign(claim, self.key)
        page = render.pdf(content, id=id, day=civil_day(issued_at), url=self.url, token=token)
        return Sealed(pdf=self._signed(page, token, content.canonical), token=token)

    def _signed(self, page: bytes, token: str, canonical: str) -> bytes:
        # The printer ends without an end of line; what is appended begins on one (ISO 19005-3, 6.1.9).
        writer = IncrementalPdfFileWriter(io.BytesIO(page + b"\n"))
        data = EmbeddedFileObject.from_file_data(
            writer,
            data=packed(token, canonical),
            mime_type="application/json",
            compress=False,
        )
        embed_file(
            writer,
            FileSpec(
                "seal.json",
                file_name="seal.json",
                embedded_data=data,
                description="What is printed, and its seal",
                af_relationship=pdf_name("/Data"),
            ),
        )
        metadata = signers.PdfSignatureMetadata(
            field_name="Seal", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
        )
        signer = signers.PdfSigner(metadata, signer=_Signer(self.key), timestamper=self.timestamps)
        out = io.BytesIO()
        # Its own loop: pyHanko is asynchronous, a worker thread is not.
        asyncio.run(
            signer.async_sign_pdf(writer, output=out, bytes_reserved=STAMPED if self.timestamps else PLAIN)
        )
        return out.getvalue()


class _Signer(signers.Signer):
    """pyHanko's way to a key of ours."""

    def __init__(self, key: Key) -> None:
        self._key = key
        certificate = asn1.Certificate.load(key.certificate.public_bytes(Encoding.DER))
        super().__init__(
            signing_cert=certificate,
            cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]  # pyHanko's
            signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
        )

    async def async_sign_raw(
        self,
        data: bytes,
        digest_algorithm: str,  # noqa: ARG002 -- pyHanko's signature; the mechanism has it
        dry_run: bool = False,  # noqa: ARG002 -- as above
    ) -> bytes:
        return der(self._key.sign(data))


@cache
def sealer_of(settings: Settings) -> Sealer:
    """Raises SettingsError as `key_of`."""
    stamps: Any = HTTPTimeStamper(settings.documents_tsa) if settings.documents_tsa else None
    return Sealer(key_of(settings), settings.needed("documents_url"), stamps)
