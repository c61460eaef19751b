"""Uploaded and produced files: checked, hashed, and stored once under the hash of their content.

Metadata (name, owner, access) belongs in the service's tables; this store only knows content.
"""

import asyncio
import hashlib
import os
import re
import unicodedata
import zipfile
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self
from urllib.parse import quote

import puremagic
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from shared.errors import Invalid, NotFound, Problem, TooLarge, Unavailable, Unsupported
from shared.settings import Settings, SettingsError

if TYPE_CHECKING:
    from obstore.store import RetryConfig  # exists for type checkers only

MAX_BYTES: Final = 20 * 1024 * 1024
CHUNK: Final = 256 * 1024
NAME_LENGTH: Final = 200
RETRIES: Final["RetryConfig"] = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
"""Somebody waits for the answer: an object store that is away is told in seconds, not after three minutes."""
RETRY_AFTER: Final = 30  # seconds that a caller is asked to wait

PDF: Final = "application/pdf"
JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

EXTENSIONS: Final = {PDF: ("pdf",), JPEG: ("jpg", "jpeg"), PNG: ("png",), DOCX: ("docx",), XLSX: ("xlsx",)}
"""The allow-list: what may be stored, and the extensions it may be called by, the usual one first."""
Kinds = Mapping[str, tuple[re.Pattern[bytes], tuple[str, ...]]]
"""What one service takes beyond it, by media type: what such a content matches, and its extensions."""
NO_OTHER: Final[Kinds] = {}

_SYNONYMS: Final = {"image/jpg": JPEG, "image/pjpeg": JPEG, "application/x-pdf": PDF}
_UNDECLARED: Final = ("", "application/octet-stream")  # what a browser says when it does not know
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """`sha256` in lower-case hex is the address; `size` in bytes; `name` is safe to display."""

    sha256: str
    size: int
    media_type: str
    name: str

    @property
    def headers(self) -> dict[str, str]:
        """For the download: always an attachment, so that no browser runs a citizen's file inline."""
        return {
            "Content-Type": self.media_type,
            "Content-Length": str(self.size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(self.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
        }


class Scanner(Protocol):
    """Looks for malware before a file is stored."""

    async def scan(self, content: bytes) -> str | None:
        """The name of what was found, or None. Raises Unavailable when it cannot tell."""


class NoScanner:
    """For development, and where another gate scans."""

    async def scan(self, content: bytes) -> str | None:  # noqa: ARG002 -- the port's signature
        return None


@dataclass(frozen=True, slots=True)
class Clamd:
    """ClamAV's daemon over TCP, command INSTREAM (clamd(8)). `timeout` is in seconds, for one file."""

    host: str
    port: int
    timeout: float = 60.0

    @classmethod
    def at(cls, address: str) -> Self:
        """`host:port`."""
        host, _, port = address.rpartition(":")
        return cls(host.strip("[]"), int(port))

    async def scan(self, content: bytes) -> str | None:
        try:
            async with asyncio.timeout(self.timeout):
                verdict = await self._ask(content)
        except (OSError, asyncio.IncompleteReadError) as reason:
            log.warning("scanner unavailable", error=type(reason).__name__)
            raise _scanner_unavailable() from reason
        if verdict == "OK":
            return None
        if verdict.endswith(" FOUND"):
            return verdict.removesuffix(" FOUND")
        log.error("clamd refused a file", verdict=verdict)
        raise _scanner_unavailable()

    async def _ask(self, content: bytes) -> str:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(b"zINSTREAM\0")
            for start in range(0, len(content), CHUNK):
                chunk = content[start : start + CHUNK]
                writer.write(len(chunk).to_bytes(4, "big") + chunk)
                await writer.drain()
            writer.write(bytes(4))
            answer = await reader.readuntil(b"\0")
        finally:
            writer.close()
        return answer.rstrip(b"\0").decode().removeprefix("stream: ")


class Files:
    """The object store of one service. Content is write-once and addressed by its SHA-256."""

    def __init__(
        self, store: ObjectStore, *, scanner: Scanner | None = None, max_bytes: int = MAX_BYTES
    ) -> None:
        self._store = store
        self._scanner = scanner or NoScanner()
        self._max_bytes = max_bytes

    @classmethod
    def at(cls, url: str, *, scanner: Scanner | None = None, max_bytes: int = MAX_BYTES) -> Self:
        """`file:///…` (created if missing) or `s3://bucket/prefix`, all else about it from `AWS_*`.

        Raises SettingsError for a variable of S3 that is wrong.
        """
        try:
            if url.startswith("file:"):
                return cls(LocalStore.from_url(url, mkdir=True), scanner=scanner, max_bytes=max_bytes)
            # No client_options: they would replace what AWS_* says of the client, AWS_ALLOW_HTTP for one.
            store = from_url(url, retry_config=RETRIES)
        except BaseError as reason:
            said = str(reason).partition("\n")[0]
            raise SettingsError(f"JAMAA_FILES_URL or a variable AWS_… is wrong: {said}") from reason
        return cls(store, scanner=scanner, max_bytes=max_bytes)

    async def put(
        self, content: bytes, *, name: str, content_type: str | None = None, also: Kinds = NO_OTHER
    ) -> StoredFile:
        """Check and store an upload; when this returns, the content is on disk.

        `name` and `content_type` are the sender's claims. The same content twice is stored once. Raises
        TooLarge, Unsupported (type not accepted, or not the one claimed), Invalid (empty or infected),
        Unavailable (scanner or store). Nothing is stored when it raises. Call it before the transaction
        that refers to the file: a file that nothing refers to does no harm, a dangling reference would.
        """
        self._refuse_size(content)
        media_type = await asyncio.to_thread(_sniff, content, also)
        shown = _checked_name(name, content_type, media_type, accepted(also)[media_type])
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
        if found := await self._scanner.scan(content):
            log.warning("infected upload refused", sha256=sha256, found=found)
            raise Invalid(
                "file_infected",
                {
                    "ar": "الملف مصاب ببرنامج خبيث",
                    "fr": "Le fichier contient un logiciel malveillant",
                    "en": "The file contains malware",
                },
            )
        with _storing():
            await self._write(sha256, content)
        return StoredFile(sha256=sha256, size=len(content), media_type=media_type, name=shown)

    async def open(self, sha256: str) -> AsyncIterator[bytes]:
        """The content in chunks. Raises NotFound and Unavailable at once, not at the first chunk.

        The last chunk is held back until the hash agrees: damage breaks the download off.
        """
        if not _SHA256.fullmatch(sha256):
            raise _not_found()
        try:
            found = await self._store.get_async(_key(sha256))
        except FileNotFoundError as reason:
            raise _not_found() from reason
        except (BaseError, OSError) as reason:
            log.exception("file not read", sha256=sha256)
            raise Unavailable(
                "storage_unavailable",
                {
                    "ar": "تعذرت قراءة الملف، أعد المحاولة لاحقا",
                    "fr": "Le fichier n'a pas pu être lu, réessayez plus tard",
                    "en": "The file could not be read, try again later",
                },
                retry_after=RETRY_AFTER,
            ) from reason
        return _verified(sha256, found.stream(CHUNK))

    def _refuse_size(self, content: bytes) -> None:
        if len(content) > self._max_bytes:
            raise TooLarge(
                "file_too_large",
                {
                    "ar": "حجم الملف أكبر من الحد المسموح",
                    "fr": "Le fichier dépasse la taille permise",
                    "en": "The file is larger than allowed",
                },
                max_bytes=self._max_bytes,
            )
        if not content:
            raise Invalid("file_empty", {"ar": "الملف فارغ", "fr": "Fichier vide", "en": "The file is empty"})

    async def _write(self, sha256: str, content: bytes) -> None:
        key = _key(sha256)
        # One request, no multipart: only then is the conditional creation atomic.
        with suppress(AlreadyExistsError):
            await self._store.put_async(key, content, mode="create", use_multipart=False)
        if isinstance(self._store, LocalStore) and self._store.prefix is not None:
            await asyncio.to_thread(_fsync, Path(self._store.prefix), key)


def accepted(also: Kinds) -> dict[str, tuple[str, ...]]:
    """All that a service takes, with its extensions."""
    return EXTENSIONS | {kind: extensions for kind, (_, extensions) in also.items()}


@cache
def files_of(settings: Settings) -> Files:
    """The store that the service was told of, with its scanner. Raises SettingsError for a wrong variable."""
    scanner = Clamd.at(settings.clamd) if settings.clamd else None
    return Files.at(settings.files_url, scanner=scanner, max_bytes=settings.max_upload_bytes)


@contextmanager
def _storing() -> Iterator[None]:
    """A store that is away and a disk that is full are no bugs."""
    try:
        yield
    except (BaseError, OSError) as reason:
        log.exception("file not stored")
        raise Unavailable(
            "storage_unavailable",
            {
                "ar": "تعذر حفظ الملف، أعد المحاولة لاحقا",
                "fr": "Le fichier n'a pas pu être enregistré, réessayez plus tard",
                "en": "The file could not be stored, try again later",
            },
            retry_after=RETRY_AFTER,
        ) from reason


def display_name(name: str) -> str:
    """The last component of a file name, without what could deceive a reader or a file system.

    Drops directories of either kind, control, invisible and bidi characters, lone surrogates, and leading
    or trailing dots. At most 200 characters, the extension kept. Empty when nothing remains.
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(
        " " if unicodedata.category(letter).startswith("Z") else letter
        for letter in unicodedata.normalize("NFC", last)
        if unicodedata.category(letter)[0] != "C"
    )
    clean = re.sub(r" +", " ", kept).strip(" .")
    stem, dot, extension = clean.rpartition(".")
    if len(clean) > NAME_LENGTH and dot and len(extension) < NAME_LENGTH // 2:
        return f"{stem[: NAME_LENGTH - len(extension) - 1].rstrip(' .')}.{extension}"
    return clean[:NAME_LENGTH].rstrip(" .")


def _checked_name(name: str, content_type: str | None, sniffed: str, extensions: tuple[str, ...]) -> str:
    claimed = (content_type or "").partition(";")[0].strip().lower()
    claimed = _SYNONYMS.get(claimed, claimed)
    if claimed not in (*_UNDECLARED, sniffed):
        raise _mismatch(sniffed)
    shown = display_name(name) or "document"
    extension = shown.rpartition(".")[2].lower() if "." in shown else None
    if extension is None:
        return f"{shown[: NAME_LENGTH - len(extensions[0]) - 1]}.{extensions[0]}"
    if extension not in extensions:
        raise _mismatch(sniffed)
    return shown


def _mismatch(sniffed: str) -> Unsupported:
    return Unsupported(
        "file_type_mismatch",
        {
            "ar": "محتوى الملف لا يطابق اسمه أو نوعه المصرح به",
            "fr": "Le contenu du fichier ne correspond pas à son nom ou au type déclaré",
            "en": "The file's content is not what its name or declared type says",
        },
        detected=sniffed,
    )


def _sniff(content: bytes, also: Kinds) -> str:
    """The media type by content. Raises Unsupported for what is not on the allow-list."""
    for kind, (sign, _) in also.items():
        if sign.match(content):
            return kind
    if content.startswith(b"PK\x03\x04"):
        found = _office(content)
    else:
        try:
            found = puremagic.from_string(content[:4096], mime=True)
        except puremagic.PureError:
            found = None
    if found not in EXTENSIONS:
        taken = ", ".join(extensions[0].upper() for extensions in accepted(also).values())
        raise Unsupported(
            "file_type_not_accepted",
            {
                "ar": f"أنواع الملفات المقبولة: {taken}",
                "fr": f"Types de fichier acceptés : {taken}",
                "en": f"Accepted file types: {taken}",
            },
            accepted=list(accepted(also)),
        )
    return found


# What zipfile raises for missing, encrypted, truncated or otherwise forged entries.
_FORGED: Final = (KeyError, ValueError, NotImplementedError, RuntimeError, OSError, EOFError)
_MAIN_PARTS: Final = {DOCX: DOCX + ".main+xml", XLSX: XLSX + ".main+xml"}


def _office(content: bytes) -> str | None:
    """Which Office document a zip is by the type of its main part; None for any other zip, or macros."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive, archive.open("[Content_Types].xml") as part:
            types = part.read(1024 * 1024).decode()  # a bound, for a zip can claim any size
    except (zipfile.BadZipFile, zlib.error, *_FORGED):
        return None
    if "vbaProject" in types or "macroEnabled" in types:
        return None
    return next((media for media, main in _MAIN_PARTS.items() if f'"{main}"' in types), None)


async def _verified(sha256: str, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    digest = hashlib.sha256()
    held = b""
    async for chunk in chunks:
        if held:
            yield held
        held = bytes(chunk)
        digest.update(held)
    if digest.hexdigest() != sha256:
        raise RuntimeError(f"the stored content of {sha256} is damaged")
    if held:
        yield held


def _key(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _fsync(root: Path, key: str) -> None:
    """The store writes atomically but leaves the content in the page cache; a reference to it is durable."""
    path = root / key
    for entry in (path, *path.parents):
        handle = os.open(entry, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if entry == root:
            break


def _not_found() -> Problem:
    return NotFound(
        "file_not_found", {"ar": "الملف غير موجود", "fr": "Fichier introuvable", "en": "No such file"}
    )


def _scanner_unavailable() -> Problem:
    return Unavailable(
        "scanner_unavailable",
        {
            "ar": "تعذر فحص الملف، أعد المحاولة لاحقا",
            "fr": "Le fichier n'a pas pu être analysé, réessayez plus tard",
            "en": "The file could not be scanned, try again later",
        },
        retry_after=RETRY_AFTER,
    )
