"""What everybody gets of a photo: the picture, and nothing that a telephone wrote beside it.

`photos/` were written by Pillow 13: sixteen by eight colours with an author, a device, a day and a place in
Exif, XMP, a comment, a colour profile and PNG's texts, to be shown turned by ninety degrees.
"""

import hashlib
import zlib
from pathlib import Path
from typing import Any, Final

import pytest
import typst

from services.chikaya.domain.photo import NoPicture, bare
from tests.chikaya.filed import TEXT, anonymous, filed, problem, shown, step
from tests.chikaya.test_moderation import public
from tests.support.http import Api

FOLDER: Final = Path(__file__).parent / "photos"
TOLD: Final = (b"Amina", b"Telephone", b"SERIAL", b"2026:", b"xmpmeta", b"ICC", b"iCCP", b"tEXt", b"GPS")
FILM: Final = b"\0\0\0\x18ftypmp42" + b"Amina Secret" * 9
PHOTOS: Final = ["telephone.jpg", "progressive.jpg", "telephone.png"]


def photo(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def drawn(content: bytes, name: str, folder: Path) -> bytes:
    """As somebody else's decoders see it, turned as it says."""
    (folder / name).write_bytes(content)
    page = folder / "page.typ"
    page.write_text(f'#set page(width: auto, height: auto, margin: 0pt)\n#image("{name}", width: 64pt)')
    return typst.compile(page, format="png")


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("after", [b"", FILM])
def test_the_same_picture_and_nothing_beside_it(name: str, after: bytes, tmp_path: Path) -> None:
    content = photo(name)
    picture = bare(content + after)
    assert any(word in content for word in TOLD)
    assert not [word for word in TOLD if word in picture]
    assert drawn(picture, name, tmp_path) == drawn(content, name, tmp_path)
    assert bare(picture) == picture


@pytest.mark.parametrize("name", PHOTOS)
def test_which_way_up_it_is_stays(name: str, tmp_path: Path) -> None:
    """Seen, because a picture that lost it would be drawn otherwise."""
    picture = bare(photo(name))
    straight = picture.replace(b"\x01\x12\0\3\0\0\0\1\0\6", b"\x01\x12\0\3\0\0\0\1\0\1")
    if name.endswith("png"):
        at = straight.index(b"eXIf")
        straight = (
            straight[: at + 30] + zlib.crc32(straight[at : at + 30]).to_bytes(4, "big") + straight[at + 34 :]
        )
    assert straight != picture
    assert drawn(straight, name, tmp_path) != drawn(picture, name, tmp_path)


@pytest.mark.parametrize("name", PHOTOS)
def test_what_is_cut_short_or_damaged_is_no_picture(name: str) -> None:
    content = photo(name)
    for end in range(len(content) - 1):
        with pytest.raises(NoPicture):
            bare(content[:end])
    with pytest.raises(NoPicture):
        bare(b"%PDF-1.4" + content)


def test_the_small_picture_of_jfif_is_left_out(tmp_path: Path) -> None:
    """Of what the picture showed before it was cut."""
    content = photo("telephone.jpg")
    assert content[:11] == b"\xff\xd8\xff\xe0\0\x10JFIF\0"
    small = content[:4] + (16 + 27).to_bytes(2, "big") + content[6:18] + b"\3\3" + b"Amina" * 6
    found = bare(small[: 20 + 27] + content[20:])
    assert b"Amina" not in found
    assert found == bare(content)


def test_a_directory_that_leads_nowhere_is_upright() -> None:
    content = photo("telephone.jpg")
    at = content.index(b"Exif\0\0") + 6
    for wrong in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        assert b"Exif" not in bare(content[: at + 4] + wrong + content[at + 8 :])


async def brought(api: Api, name: str, persona: str | None = "citizen") -> str:
    answer = await api.post("/v1/files", persona, files={"file": (name, photo(name))})
    assert answer.status_code == 201, answer.text
    digest: str = answer.json()["sha256"]
    return digest


@pytest.mark.parametrize("name", PHOTOS)
async def test_everybody_gets_the_picture_alone_and_the_office_what_came(api: Api, name: str) -> None:
    original = await brought(api, name)
    report = await filed(api, files=[original])
    await step(api, report, "publication", "agent", {"photos": [original]})
    [copy] = (await public(api, report))["photos"]
    assert copy != original == hashlib.sha256(photo(name)).hexdigest()
    given = await api.get(f"/v1/public-reports/{report}/photos/{copy}")
    assert given.content == bare(photo(name))
    assert hashlib.sha256(given.content).hexdigest() == copy
    assert problem(await api.get(f"/v1/public-reports/{report}/photos/{original}")) == (404, "photo_unknown")
    kept = await api.get(f"/v1/reports/{report}/attachments/{original}", "instructor")
    assert kept.content == photo(name)
    [one] = (await shown(api, report))["attachments"]
    assert (one["file"], one["public"], one["shown_as"]) == (original, True, copy)
    [listed] = (await api.get("/open311/v2/requests.json")).json()
    assert listed["media_url"].endswith(f"/public-reports/{report}/photos/{copy}")


async def test_nobody_brings_what_everybody_sees_as_their_own(api: Api) -> None:
    """All who have no account bring under one name: what they could learn the digest of, they could have."""
    original = await brought(api, "telephone.jpg", None)
    made = await api.post("/v1/anonymous-reports", json=anonymous(files=[original]))
    report = made.json()["report"]["id"]
    await step(api, report, "publication", "agent", {"photos": [original]})
    [copy] = (await public(api, report))["photos"]
    other = await api.post("/v1/anonymous-reports", json=anonymous(files=[copy]))
    assert problem(other) == (422, "file_unknown")


@pytest.mark.parametrize(
    ("content", "name"),
    [(photo("telephone.jpg")[:-40], "a.jpg"), (b"\x89PNG\r\n\x1a\n" + bytes(64), "a.png")],
)
async def test_a_damaged_photo_is_kept_and_not_shown(api: Api, content: bytes, name: str) -> None:
    stored = await api.post("/v1/files", "citizen", files={"file": (name, content)})
    digest = stored.json()["sha256"]
    report = await filed(api, files=[digest])
    answer = await api.post(f"/v1/reports/{report}/publication", "agent", json={"photos": [digest]})
    assert problem(answer) == (422, "photo_unreadable")
    assert (await public(api, report))["text"] is None
    await step(api, report, "publication", "agent")
    assert (await public(api, report))["text"] == TEXT


async def test_formats_that_are_not_taken(api: Api) -> None:
    """So nothing of them is ever shown: what they may hold is not looked for."""
    heic: Any = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(40)
    for content, name in ((photo("plain.webp"), "a.webp"), (heic, "a.heic"), (heic, "a.jpg")):
        answer = await api.post("/v1/files", "citizen", files={"file": (name, content)})
        assert problem(answer) == (415, "file_type_not_accepted")
