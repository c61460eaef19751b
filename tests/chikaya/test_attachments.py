"""What is attached to a report: photos, documents and sound, told by their content and not by their name."""

import pytest

from services.rokhas.app import SERVICE as ROKHAS
from tests.chikaya.filed import REASONS, anonymous, filed, problem, published, step
from tests.support.http import Api


def box(kind: bytes, *content: bytes) -> bytes:
    inside = b"".join(content)
    return (len(inside) + 8).to_bytes(4, "big") + kind + inside


def track(handler: bytes) -> bytes:
    return box(b"trak", box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(13))))


def page(codec: bytes) -> bytes:
    """The first page of a stream in Ogg."""
    return b"OggS\0\2" + bytes(20) + b"\1" + bytes([len(codec)]) + codec


def element(codec: bytes) -> bytes:
    """A track of WebM, by its CodecID."""
    return b"\xae\x90\xd7\x81\1\x86" + bytes([0x80 | len(codec)]) + codec


FTYP = box(b"ftyp", b"mp42", bytes(4), b"isommp42")
MDAT = box(b"mdat", bytes(range(256)) * 20)
EBML = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm"
MP4 = FTYP + MDAT + box(b"moov", track(b"soun"))
OGG = page(b"OpusHead\1\1") + b"OggS\0\0" + bytes(60)
WEBM = EBML + element(b"A_OPUS") + bytes(900)
MP3 = b"ID3\4\0\0" + bytes(300)
EXECUTABLE = b"\x7fELF\2\1\1" + bytes(200)
WINDOWS = b"MZ\x90\0" + bytes(200)


@pytest.mark.parametrize(
    ("content", "name", "declared", "kind"),
    [
        (MP4, "memo.m4a", "audio/mp4", "audio/mp4"),
        (MP4, "memo.mp4", "", "audio/mp4"),
        (OGG, "PTT-20261122.opus", "audio/ogg; codecs=opus", "audio/ogg"),
        (page(b"\x01vorbis") + bytes(40), "a.ogg", "audio/ogg", "audio/ogg"),
        (WEBM, "blob", "audio/webm;codecs=opus", "audio/webm"),
        (MP3, "شكاية.mp3", "audio/mpeg", "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(400), "a.mp3", None, "audio/mpeg"),
    ],
)
async def test_sound_is_attached_and_given_back(
    api: Api, *, content: bytes, name: str, declared: str | None, kind: str
) -> None:
    stored = await api.post("/v1/files", "citizen", files={"file": (name, content, declared)})
    assert (stored.status_code, stored.json()["media_type"]) == (201, kind), stored.text
    report = await filed(api, files=[stored.json()["sha256"]])
    given = await api.get(f"/v1/reports/{report}/attachments/{stored.json()['sha256']}", "instructor")
    assert (given.content, given.headers["content-type"]) == (content, kind)
    assert given.headers["content-disposition"].startswith("attachment")


async def test_who_has_no_account_reads_what_the_reply_came_with(api: Api) -> None:
    made = (await api.post("/v1/anonymous-reports", json=anonymous())).json()
    report, key = made["report"], {"Follow-Up-Code": made["follow_up_code"]}
    await published(api)
    await step(api, report["id"], "assignment", "instructor", {"assignee": "instructor"})
    await step(api, report["id"], "start")
    stored = await api.post("/v1/files", "instructor", files={"file": ("memo.mp3", MP3)})
    digest = stored.json()["sha256"]
    body = {"outcome": "explained", "text": REASONS, "files": [digest]}
    await step(api, report["id"], "answer", "instructor", body)
    where = f"/v1/followed/{report['reference']}/attachments/{digest}"
    assert (await api.get(where, headers=key)).content == MP3
    unknown = await api.get(where.replace(digest, "0" * 64), headers=key)
    assert problem(unknown) == (404, "attachment_unknown")
    wrong = await api.get(where, headers={"Follow-Up-Code": "2222-2222"})
    assert problem(wrong) == (404, "report_unknown")


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (MP3, "trou.jpg", "file_type_mismatch"),
        (OGG, "trou.jpg", "file_type_mismatch"),
        (MP4, "trou.png", "file_type_mismatch"),
        (EXECUTABLE, "memo.mp3", "file_type_not_accepted"),
        (WINDOWS, "memo.m4a", "file_type_not_accepted"),
        (WINDOWS, "trou.jpg", "file_type_not_accepted"),
        (FTYP + box(b"moov", track(b"soun"), track(b"vide")) + MDAT, "film.mp4", "file_type_not_accepted"),
        (FTYP + box(b"moov", track(b"vide")) + MDAT, "film.m4a", "file_type_not_accepted"),
        (FTYP + MDAT, "rien.m4a", "file_type_not_accepted"),
        (page(b"\x80theora") + OGG, "film.ogg", "file_type_not_accepted"),
        (OGG + page(b"\x80theora"), "film.ogg", "file_type_not_accepted"),
        (EBML + element(b"A_OPUS") + element(b"V_VP9"), "film.webm", "file_type_not_accepted"),
    ],
)
async def test_what_is_no_sound_or_is_called_something_else_is_refused(
    api: Api, content: bytes, name: str, code: str
) -> None:
    answer = await api.post("/v1/files", files={"file": (name, content)})
    assert problem(answer) == (415, code)
    if code == "file_type_not_accepted":
        assert {"image/jpeg", "audio/mpeg", "audio/mp4"} <= set(answer.json()["accepted"])
        assert "M4A" in answer.json()["detail"], answer.text


@pytest.mark.parametrize("declared", ["audio/mpeg", "application/octet-stream"])
async def test_sound_named_as_a_photo_is_refused_whatever_is_said_of_its_type(
    api: Api, declared: str
) -> None:
    answer = await api.post("/v1/files", files={"file": ("trou.jpg", MP3, declared)})
    assert problem(answer) == (415, "file_type_mismatch")


async def test_a_film_of_200_megabytes_is_refused_before_it_is_read(api: Api) -> None:
    """By what it says of its length; one that does not say is cut off at the cap (tests/shared)."""
    headers = {"Content-Length": str(200 * 1024 * 1024), "Content-Type": "multipart/form-data; boundary=x"}
    answer = await api.post("/v1/files", content=b"--x", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "MB" in answer.json()["detail"], "how much may be sent is said in words"


class TestElsewhere:
    """Where no sound is asked for, none is taken."""

    @pytest.fixture
    def service(self) -> object:
        return ROKHAS

    @pytest.mark.parametrize("content", [MP4, OGG, WEBM, MP3])
    async def test_no_other_service_takes_sound(self, api: Api, content: bytes) -> None:
        answer = await api.post("/v1/files", "citizen", files={"file": ("memo", content)})
        assert problem(answer) == (415, "file_type_not_accepted")
