"""Uploads: what is stored, what is refused, and that nothing is half-stored."""

import asyncio
import hashlib
import io
import os
import shutil
import socket
import subprocess
import tempfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Invalid, NotFound, Problem, TooLarge, Unavailable, Unsupported
from shared.files import DOCX, JPEG, NAME_LENGTH, PDF, PNG, XLSX, Clamd, Files, display_name
from shared.settings import SettingsError

A_PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
A_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
A_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"


def office(content_types: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("[Content_Types].xml"), content_types)
        archive.writestr(zipfile.ZipInfo("word/document.xml"), "<w:document/>")
    return packed.getvalue()


def main_part(kind: str) -> str:
    return f'<Types><Override PartName="/main.xml" ContentType="{kind}"/></Types>'


A_DOCX = office(main_part(f"{DOCX}.main+xml"))
AN_XLSX = office(main_part(f"{XLSX}.main+xml"))
MACROS = office(main_part("application/vnd.ms-word.document.macroEnabled.main+xml"))
HIDDEN_MACROS = office(
    main_part(f"{DOCX}.main+xml") + '<Override PartName="/word/vbaProject.bin" ContentType="x"/>'
)


async def everything(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def stored(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "files with space"


@pytest.fixture
def files(root: Path) -> Files:
    return Files.at(root.as_uri(), max_bytes=3_000_000)


@pytest.mark.parametrize(
    ("content", "name", "declared", "media_type"),
    [
        (A_PDF, "plan.pdf", PDF, PDF),
        (A_PDF, "PLAN.PDF", f"{PDF}; charset=binary", PDF),
        (A_PDF, "plan.pdf", None, PDF),
        (A_PDF, "plan.pdf", "application/octet-stream", PDF),
        (A_JPEG, "photo.jpg", "image/jpg", JPEG),
        (A_JPEG, "photo.JPEG", JPEG, JPEG),
        (A_PNG, "صورة.png", PNG, PNG),
        (A_DOCX, "rapport.docx", DOCX, DOCX),
        (AN_XLSX, "devis.xlsx", XLSX, XLSX),
    ],
)
async def test_an_accepted_type_is_stored_under_its_hash_and_read_back(
    files: Files, root: Path, *, content: bytes, name: str, declared: str | None, media_type: str
) -> None:
    file = await files.put(content, name=name, content_type=declared)
    sha256 = hashlib.sha256(content).hexdigest()
    assert (file.sha256, file.size, file.media_type, file.name) == (sha256, len(content), media_type, name)
    assert stored(root) == [root / "sha256" / sha256[:2] / sha256[2:4] / sha256]
    assert await everything(await files.open(sha256)) == content


async def test_a_large_file_is_stored_unchanged(files: Files) -> None:
    content = A_PDF + bytes(range(256)) * 10_000
    file = await files.put(content, name="grand.pdf")
    assert await everything(await files.open(file.sha256)) == content


async def test_the_same_content_twice_is_stored_once_even_at_the_same_time(files: Files, root: Path) -> None:
    names = [f"{number}.pdf" for number in range(8)]
    put = await asyncio.gather(*(files.put(A_PDF, name=name) for name in names))
    assert len({file.sha256 for file in put}) == 1
    assert [file.name for file in put] == names
    assert len(stored(root)) == 1


@pytest.mark.parametrize(
    ("content", "name", "declared", "code"),
    [
        (A_PDF, "plan.png", None, "file_type_mismatch"),
        (A_PDF, "plan.pdf", PNG, "file_type_mismatch"),
        (A_PDF, "plan.pdf.exe", PDF, "file_type_mismatch"),
        (A_PDF, "plan.pdf\x00.exe", PDF, "file_type_mismatch"),
        (A_PDF, "plan\u202efdp.exe", PDF, "file_type_mismatch"),
        (A_DOCX, "plan.xlsx", None, "file_type_mismatch"),
        (b"<html><script>alert(1)</script></html>", "plan.pdf", PDF, "file_type_not_accepted"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "plan.png", PNG, "file_type_not_accepted"),
        (b"<html>" + A_PDF, "plan.pdf", PDF, "file_type_not_accepted"),
        (b"MZ\x90\x00\x03", "plan.pdf", PDF, "file_type_not_accepted"),
        (b"GIF89a\x01\x00\x01\x00", "photo.png", PNG, "file_type_not_accepted"),
        (b"date;montant\n2026;10", "devis.xlsx", XLSX, "file_type_not_accepted"),
        (office("<Types/>"), "rapport.docx", DOCX, "file_type_not_accepted"),
        (MACROS, "rapport.docx", DOCX, "file_type_not_accepted"),
        (HIDDEN_MACROS, "rapport.docx", DOCX, "file_type_not_accepted"),
        (A_DOCX[:60], "rapport.docx", DOCX, "file_type_not_accepted"),
        (b"PK\x03\x04" + bytes(80), "rapport.docx", DOCX, "file_type_not_accepted"),
    ],
)
async def test_a_file_that_is_not_what_it_claims_is_refused(
    files: Files, root: Path, *, content: bytes, name: str, declared: str | None, code: str
) -> None:
    with pytest.raises(Unsupported) as refusal:
        await files.put(content, name=name, content_type=declared)
    assert refusal.value.code == code
    assert stored(root) == []


@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", A_DOCX[:-30], b"\xff\xd8\xff", b"%PDF"]))
def test_whatever_the_bytes_the_answer_is_a_file_or_a_problem(content: bytes, head: bytes) -> None:
    async def attempt() -> None:
        file = await Files.at("memory:///").put(head + content, name="x")
        assert file.sha256 == hashlib.sha256(head + content).hexdigest()

    try:
        asyncio.run(attempt())
    except Problem as refusal:
        assert refusal.status in (415, 422)  # noqa: PT017 -- either a file or a problem, both are right


async def test_one_byte_over_the_cap_is_too_large(root: Path) -> None:
    assert (await Files.at(root.as_uri(), max_bytes=len(A_PDF)).put(A_PDF, name="juste.pdf")).size == len(
        A_PDF
    )
    shutil.rmtree(root)
    with pytest.raises(TooLarge) as refusal:
        await Files.at(root.as_uri(), max_bytes=len(A_PDF) - 1).put(A_PDF, name="trop.pdf")
    assert refusal.value.extra == {"max_bytes": len(A_PDF) - 1}
    assert stored(root) == []


async def test_what_is_stored_is_never_written_again(files: Files, root: Path) -> None:
    await files.put(A_PDF, name="plan.pdf")
    (path,) = stored(root)
    before = path.stat()
    await files.put(A_PDF, name="encore.pdf")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_content_and_directories_are_on_disk_before_anything_refers_to_them(
    files: Files, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(
        "os.fsync", lambda handle: flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
    )
    file = await files.put(A_PDF, name="plan.pdf")
    path = root / "sha256" / file.sha256[:2] / file.sha256[2:4] / file.sha256
    assert flushed == [str(entry) for entry in (path, *path.parents[:4])]


async def test_an_empty_file_is_refused(files: Files) -> None:
    with pytest.raises(Invalid, match="file_empty"):
        await files.put(b"", name="vide.pdf")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plan.pdf", "plan.pdf"),
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("..\\..\\windows\\system32\\plan.pdf", "plan.pdf"),
        ("C:\\fakepath\\تصميم البناية.pdf", "تصميم البناية.pdf"),
        ("/etc/passwd", "passwd"),
        ("..", ""),
        ("dossier/", ""),
        (".htaccess", "htaccess"),
        ("plan.pdf. . ", "plan.pdf"),
        ("a\r\nSet-Cookie: x\x00\x7f.pdf", "aSet-Cookie: x.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066a\u2069\u200f\ufeff.pdf", "a.pdf"),
        ("a\u2028b\u00a0  c.pdf", "a b c.pdf"),
        ("lone\ud800.pdf", "lone.pdf"),
        ("e\u0301tude.pdf", "étude.pdf"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("x." + "y" * 300, "x." + "y" * 198),
    ],
)
def test_only_a_safe_display_name_is_kept(name: str, shown: str) -> None:
    assert display_name(name) == shown


@given(st.text(max_size=400))
def test_a_display_name_is_always_safe_and_stable(name: str) -> None:
    shown = display_name(name)
    assert len(shown) <= NAME_LENGTH
    assert not set("/\\\0\r\n\u202e\u2066") & set(shown)
    assert shown not in (".", "..")
    shown.encode()
    assert display_name(shown) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("plan", "plan.pdf"), ("..", "document.pdf"), ("", "document.pdf")]
)
async def test_a_name_without_extension_gets_that_of_its_content(files: Files, name: str, shown: str) -> None:
    assert (await files.put(A_PDF, name=name)).name == shown


async def test_a_download_is_an_attachment_that_no_browser_sniffs(files: Files) -> None:
    file = await files.put(A_PDF, name='تصميم "1".pdf')
    assert file.headers == {
        "Content-Type": PDF,
        "Content-Length": str(len(A_PDF)),
        "Content-Disposition": "attachment; filename*=UTF-8''%D8%AA%D8%B5%D9%85%D9%8A%D9%85%20%221%22.pdf",
        "X-Content-Type-Options": "nosniff",
    }


@pytest.mark.parametrize("sha256", ["0" * 64, "A" * 64, "../secret", "", "0" * 63 + "/"])
async def test_an_unknown_address_is_not_found(files: Files, sha256: str) -> None:
    with pytest.raises(NotFound, match="file_not_found"):
        await files.open(sha256)


async def test_damaged_content_never_passes_for_whole(files: Files, root: Path) -> None:
    file = await files.put(A_PDF, name="plan.pdf")
    (path,) = stored(root)
    path.write_bytes(A_PDF.replace(b"Catalog", b"Cat4log"))
    chunks = await files.open(file.sha256)
    with pytest.raises(RuntimeError, match="damaged"):
        await anext(chunks)


async def test_a_store_that_fails_is_a_problem_to_retry(tmp_path: Path) -> None:
    files = Files.at((tmp_path / "files").as_uri())
    (tmp_path / "files" / "sha256").write_text("in the way of the directory")
    with pytest.raises(Unavailable, match="storage_unavailable"):
        await files.put(A_PDF, name="plan.pdf")


async def test_an_s3_that_is_away_is_a_problem_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:  # listens there
        nobody.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    for name, value in {
        "ENDPOINT": endpoint,
        "ACCESS_KEY_ID": "key",
        "SECRET_ACCESS_KEY": "secret",
        "REGION": "us-east-1",
        "ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    files = Files.at("s3://bucket/prefix")
    with pytest.raises(Unavailable, match="storage_unavailable"):
        await files.put(A_PDF, name="plan.pdf")
    with pytest.raises(Unavailable, match="storage_unavailable"):
        await files.open(hashlib.sha256(A_PDF).hexdigest())


def test_a_variable_of_s3_that_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", "perhaps")
    with pytest.raises(SettingsError, match=r"JAMAA_FILES_URL or a variable AWS_.*perhaps"):
        Files.at("s3://bucket/prefix")


class Daemon:
    """What clamd answers on its socket, and what it was sent; whatever it answers."""

    def __init__(self, verdict: bytes) -> None:
        self.verdict = verdict
        self.received = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            self.received += await reader.readexactly(size)
        writer.write(self.verdict)
        writer.close()


async def scanned(root: Path, daemon: Daemon, content: bytes) -> Files:
    async with await asyncio.start_server(daemon, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        files = Files.at(root.as_uri(), scanner=Clamd.at(f"{host}:{port}"))
        await files.put(content, name="plan.pdf")
    return files


async def test_clamd_is_sent_the_whole_file_before_it_is_stored(root: Path) -> None:
    daemon = Daemon(b"stream: OK\0")
    content = A_PDF + bytes(700_000)
    files = await scanned(root, daemon, content)
    assert daemon.received == content
    assert await everything(await files.open(hashlib.sha256(content).hexdigest())) == content


@pytest.mark.parametrize(
    ("answer", "problem", "code"),
    [
        (b"stream: Eicar-Test-Signature FOUND\0", Invalid, "file_infected"),
        (b"INSTREAM size limit exceeded. ERROR\0", Unavailable, "scanner_unavailable"),
        (b"", Unavailable, "scanner_unavailable"),
    ],
)
async def test_what_clamd_does_not_clear_is_not_stored(
    root: Path, answer: bytes, problem: type[Problem], code: str
) -> None:
    with pytest.raises(problem, match=code):
        await scanned(root, Daemon(answer), A_PDF)
    assert stored(root) == []


async def test_a_scanner_that_is_away_refuses_rather_than_lets_pass(root: Path) -> None:
    async with await asyncio.start_server(Daemon(b""), "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
    files = Files.at(root.as_uri(), scanner=Clamd(host, port))
    with pytest.raises(Unavailable, match="scanner_unavailable"):
        await files.put(A_PDF, name="plan.pdf")
    assert stored(root) == []


async def test_a_scanner_that_never_answers_is_given_up(root: Path) -> None:
    class Silent:
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

    async with await asyncio.start_server(Silent(), "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        files = Files.at(root.as_uri(), scanner=Clamd(host, port, timeout=0.05))
        with pytest.raises(Unavailable, match="scanner_unavailable"):
            await files.put(A_PDF, name="plan.pdf")


EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture
async def clamd() -> AsyncIterator[str]:
    """ClamAV's own daemon, where it is installed, with the one signature of the harmless test virus."""
    program = shutil.which("clamd", path=f"{os.defpath}:/usr/sbin")
    if program is None:
        pytest.skip("no clamd here: apt-get install clamav-daemon")
    with tempfile.TemporaryDirectory() as place, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host, port = free.getsockname()
        free.close()
        conf = clamd_configured(Path(place), port)
        daemon = await asyncio.create_subprocess_exec(program, "-c", conf, stdout=subprocess.DEVNULL)
        try:
            async with asyncio.timeout(30):
                while not await listens(host, port):  # noqa: ASYNC110 -- it tells nobody
                    await asyncio.sleep(0.05)
            yield f"{host}:{port}"
        finally:
            daemon.kill()
            await daemon.wait()


def clamd_configured(home: Path, port: int) -> Path:
    home.chmod(0o755)  # started by root, it gives its rights up
    (home / "eicar.ndb").write_text(f"Eicar:0:*:{EICAR.hex()}\n")
    conf = home / "clamd.conf"
    conf.write_text(f"TCPSocket {port}\nTCPAddr 127.0.0.1\nDatabaseDirectory {home}\nForeground yes\n")
    return conf


async def listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_real_clamd_lets_a_clean_file_pass_and_no_infected_one(root: Path, clamd: str) -> None:
    files = Files.at(root.as_uri(), scanner=Clamd.at(clamd))
    with pytest.raises(Invalid, match="file_infected"):
        await files.put(A_PDF + EICAR, name="plan.pdf")
    assert stored(root) == []
    clean = await files.put(A_PDF, name="plan.pdf")
    assert await everything(await files.open(clean.sha256)) == A_PDF
