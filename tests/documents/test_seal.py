"""A sealed file: judged by poppler's pdfsig and by a COSE library, read from paper, and altered."""

import random
import re
import subprocess
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
import typst
import zxingcpp
from cwt import COSE, COSEKey

from shared.documents import Content, Field, check
from shared.documents.check import check_file, check_token, unpacked
from shared.documents.claim import Verdict
from shared.documents.keys import KeySet, jwks
from shared.documents.render import pdf as rendered
from shared.documents.seal import Sealed, Sealer
from tests.documents.conftest import pdfsig, program, verapdf
from tests.documents.samples import DAY, ID, INJECTION, ISSUED, LONG_NAMES, MARKUP, PLAIN, SAMPLES, URL

EXPIRES = ISSUED + timedelta(days=90)
CROOKED = """#set page(width: 240mm, height: 330mm, margin: 10mm)
#rotate(7deg, image("photo.jpg", width: 210mm))"""


def sealed(sealer: Sealer, content: Content = PLAIN, kind: str = "extract") -> Sealed:
    return sealer.seal(content, id=ID, service="rokhas", kind=kind, issued_at=ISSUED, expires_at=EXPIRES)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def spoken(pdf: Path) -> str:
    run = [program("pdftotext", "poppler-utils"), "-layout", str(pdf), "-"]
    return subprocess.run(run, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("content", SAMPLES.values(), ids=SAMPLES)
def test_the_same_content_is_printed_in_the_same_bytes(content: Content) -> None:
    first, second = (rendered(content, id=ID, day=DAY, url=URL, token="A" * 300) for _ in range(2))
    assert first == second
    assert b"/OutputIntents" in first or b"pdfaid" in first


def test_what_is_sealed_is_pdf_a(sealer: Sealer, tmp_path: Path) -> None:
    """Judged by veraPDF, after the signature: what is added to a file may break what the printer kept."""
    files = {
        name: written(tmp_path / f"{name}.pdf", sealed(sealer, content).pdf)
        for name, content in SAMPLES.items()
    }
    assert verapdf(*files.values()) == {str(file): "PDF/A-3b" for file in files.values()}


def test_markup_in_a_name_is_printed_as_it_is(tmp_path: Path) -> None:
    page = written(tmp_path / "page.pdf", rendered(MARKUP, id=ID, day=DAY, url=URL, token="A" * 300))
    said = re.sub(r"[\s\u200b\u202a-\u202e]", "", spoken(page))
    assert re.sub(r"\s+", "", INJECTION.split(" <")[0]) in said
    assert "root:" not in said


@pytest.mark.parametrize("number", ["124-2001", "1987-03-02", "12/2024/06.141.01.0-01", "2024/1201-77"])
def test_a_number_of_several_parts_keeps_their_order_in_an_arabic_line(tmp_path: Path, number: str) -> None:
    """Left to the bidirectional algorithm, the parts around a hyphen change sides: the page would say another
    number than its seal.
    """
    said = replace(PLAIN, fields=(), mentions=({"ar": f"ملخص عدد {number}، بتاريخه"},))
    page = written(tmp_path / "page.pdf", rendered(said, id=ID, day=DAY, url=URL, token="A" * 300))
    run = [program("pdftotext", "poppler-utils"), "-bbox", str(page), "-"]
    words = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60).stdout
    assert re.search(rf">،?{re.escape(number)}[^0-9]*</word>", words), (
        "as it stands on the page, from the left"
    )


def test_both_letterheads_stand_on_the_same_lines(tmp_path: Path) -> None:
    """In Arabic and in French: a line of one, drawn taller, once pushed the next one off its own."""
    ranks = ("أ", "ب", "ج", "د", "ه")
    head = tuple({"ar": rank * 3, "fr": f"Rang {number}"} for number, rank in enumerate(ranks))
    content = replace(PLAIN, issuer=head)
    page = written(tmp_path / "page.pdf", rendered(content, id=ID, day=DAY, url=URL, token="A" * 300))
    lines = [line for line in spoken(page).splitlines() if "Rang" in line]
    assert [rank for rank, line in zip(ranks, lines, strict=True) if rank in line] == list(ranks)


@pytest.mark.parametrize("last", ["fields", "mentions", "notes"])
def test_the_seal_is_never_alone_on_a_page(tmp_path: Path, last: str) -> None:
    """At every length at which the document goes on to a second page: what comes last comes with the seal."""
    pages = set()
    for length in range(10, 40):
        texts = [{"ar": f"سطر {number}", "fr": f"Ligne {number}."} for number in range(length)]
        fields = tuple(Field(label={"ar": "سطر", "fr": "Ligne"}, value=text) for text in texts)
        said: dict[str, Any] = {last: fields if last == "fields" else tuple(texts)}
        content = replace(PLAIN, **said)
        made = rendered(content, id=ID, day=DAY, url=URL, token="A" * 370)
        *before, sealing, _ = spoken(written(tmp_path / "page.pdf", made)).split("\f")
        assert f"Ligne {length - 1}." in sealing
        assert URL in sealing
        assert f"{len(before) + 1}/{len(before) + 1}" in sealing
        assert PLAIN.reference in sealing
        pages.add(len(before) + 1)
    assert pages == {1, 2}


def test_an_independent_program_accepts_the_signature(sealer: Sealer, tmp_path: Path) -> None:
    said = pdfsig(written(tmp_path / "sealed.pdf", sealed(sealer).pdf))
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said
    assert "SHA-256" in said


@pytest.mark.parametrize("seed", range(6))
def test_one_bit_of_what_is_signed_makes_both_refuse_it(
    sealer: Sealer, keys: KeySet, tmp_path: Path, seed: int
) -> None:
    content = sealed(sealer).pdf
    start, stop, after, rest = _byte_range(content)
    assert (start, after + rest) == (0, len(content))
    chance = random.Random(seed)
    at = chance.choice([chance.randrange(stop), chance.randrange(after, len(content))])
    altered = bytearray(content)
    altered[at] ^= 1 << chance.randrange(8)
    assert check_file(bytes(altered), keys).verdict not in {Verdict.VALID, Verdict.EXPIRED}
    assert "Signature is Valid" not in pdfsig(written(tmp_path / "altered.pdf", bytes(altered)))


def test_what_is_added_after_the_seal_makes_it_no_longer_whole(sealer: Sealer, keys: KeySet) -> None:
    """An incremental update leaves the signed bytes as they are and changes what a reader shows."""
    assert (
        check_file(sealed(sealer).pdf + b"\n1 0 obj\n<<>>\nendobj\n%%EOF\n", keys).verdict is Verdict.ALTERED
    )


def test_the_data_of_one_file_in_another_is_altered(sealer: Sealer, keys: KeySet) -> None:
    one, other = sealed(sealer), sealed(sealer, LONG_NAMES)
    (_, _), (token, canonical) = unpacked(one.pdf) or ("", ""), unpacked(other.pdf) or ("", "")
    start = one.pdf.index(check.MARK)
    swapped = one.pdf[:start] + check.packed(token, canonical) + one.pdf[start:]
    assert check_file(swapped, keys).verdict is Verdict.ALTERED


def test_a_file_without_a_seal_is_unreadable(keys: KeySet) -> None:
    page = rendered(PLAIN, id=ID, day=DAY, url=URL, token="A" * 300)
    for content in (page, b"", b"%PDF-1.7", check.MARK, check.MARK + b"99999\n{", check.MARK + b"2\n{}"):
        assert check_file(content, keys).verdict is Verdict.UNREADABLE


def test_a_library_of_others_reads_the_token(sealer: Sealer, keys: KeySet) -> None:
    token = sealed(sealer, LONG_NAMES).token
    (jwk,) = jwks(keys)["keys"]
    public = COSEKey.from_jwk(
        {**{name: jwk[name] for name in ("kty", "crv", "x", "y", "alg")}, "kid": jwk["kid"]}
    )
    import base64

    raw = base64.b32decode(token + "=" * (-len(token) % 8))
    head, _, _, _ = cbor2.loads(raw).value
    assert cbor2.loads(head)[4].hex() == jwk["kid"]
    said: Any = cbor2.loads(COSE.new().decode(raw, keys=[_named(public, cbor2.loads(head)[4])]))
    assert said[1] == "rokhas"
    assert said[7] == ID.bytes
    assert (said[6], said[4]) == (int(ISSUED.timestamp()), int(EXPIRES.timestamp()))
    kind, digest, names = said[-65537]
    assert (kind, digest) == ("extract", LONG_NAMES.digest[:16])
    assert names["zgh"] == LONG_NAMES.holder["zgh"]
    assert all(len(name) <= 40 for name in names.values())


def _named(public: Any, kid: bytes) -> Any:
    public._kid = kid  # from_jwk takes text for a key's name, ours is bytes
    return public


@pytest.mark.parametrize("content", SAMPLES.values(), ids=SAMPLES)
def test_the_code_is_read_from_the_page_at_100_dpi(
    sealer: Sealer, keys: KeySet, tmp_path: Path, content: Content
) -> None:
    made = sealed(sealer, content)
    assert _code(written(tmp_path / "sealed.pdf", made.pdf), dpi=100) == f"{sealer.url}#{made.token}"
    checked = check_token(made.token, keys)
    assert checked.claim is not None
    assert checked.claim.digest == content.digest[:16]


@pytest.mark.parametrize("content", [PLAIN, LONG_NAMES], ids=["plain", "long_names"])
def test_the_code_is_read_from_a_crooked_and_compressed_copy(
    sealer: Sealer, tmp_path: Path, content: Content
) -> None:
    made = sealed(sealer, content)
    page = written(tmp_path / "sealed.pdf", made.pdf)
    convert = [
        program("pdftoppm", "poppler-utils"),
        "-r",
        "100",
        "-jpeg",
        "-jpegopt",
        "quality=35",
        "-singlefile",
    ]
    subprocess.run([*convert, page, tmp_path / "photo"], check=True, timeout=60)
    crooked = written(tmp_path / "crooked.typ", CROOKED.encode())
    typst.compile(crooked, output=tmp_path / "crooked.pdf")
    assert _code(tmp_path / "crooked.pdf", dpi=200) == f"{sealer.url}#{made.token}"


def test_tokens_that_are_none_are_unreadable(keys: KeySet) -> None:
    for token in (
        "",
        "A",
        "1",
        "é",
        "A" * 5_000,
        "MZXW6YTBOI",
        "AAAAAAAA",
        "2KCEIAAA",
        "77777777",
        "GEZDGNBV" * 20,
    ):
        assert check_token(token, keys).verdict is Verdict.UNREADABLE


def test_every_letter_of_a_token_counts(sealer: Sealer, keys: KeySet) -> None:
    token = sealed(sealer).token
    for at in range(0, len(token) - 1, 7):
        other = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert check_token(other, keys).claim is None


def test_threads_seal_side_by_side(sealer: Sealer, keys: KeySet) -> None:
    made: list[Sealed] = []
    workers = [threading.Thread(target=lambda: made.append(sealed(sealer))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [check_file(one.pdf, keys).verdict for one in made] == [Verdict.VALID] * 4


def _byte_range(content: bytes) -> tuple[int, int, int, int]:
    found = re.search(rb"/ByteRange\s*\[\s*(\d+) (\d+) (\d+) (\d+)", content)
    assert found
    first, stop, after, rest = map(int, found.groups())
    return first, stop, after, rest


def _code(pdf: Path, *, dpi: int) -> str | None:
    """What the QR code of the last page says, as a reader of barcodes sees it."""
    out = pdf.with_suffix("")
    run = [program("pdftoppm", "poppler-utils"), "-r", str(dpi), "-gray", str(pdf), str(out)]
    subprocess.run(run, check=True, timeout=60)
    last = max(pdf.parent.glob(f"{out.name}-*.pgm")).read_bytes()
    kind, width, height, *_ = last.split(maxsplit=4)
    assert kind == b"P5"
    size = int(width) * int(height)
    grey = memoryview(last[-size:]).cast("B", (int(height), int(width)))
    found = zxingcpp.read_barcodes(grey, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return found[0].text if found else None
