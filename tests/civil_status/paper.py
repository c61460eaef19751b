"""Pages, volumes and keyings, as an office of digitisation sends them."""

import struct
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

import httpx

from tests.civil_status.filed import ALAMI, OFFICE, WHY
from tests.support.http import Api

YEAR: Final = 1962
NAMES: Final = ("أمين", "بشرى", "جميلة", "داود", "هدى", "وداد", "زينب", "حسن", "طارق", "يوسف")
"""Of the children of a volume, by number: no two resemble each other."""


def png(mark: int = 0, *, width: int = 1000, height: int = 1400) -> bytes:
    """A blank grey page, told from another by its shade; small, for it is compressed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes([mark % 256]) * width) * height
    text = b"Comment\0page " + str(mark).encode()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", text)
        + chunk(b"IDAT", zlib.compress(rows, 1))
        + chunk(b"IEND", b"")
    )


def jpeg(mark: int = 0, *, width: int = 1000, height: int = 1400) -> bytes:
    """The segments of a baseline JPEG; nobody decodes what lies between."""
    frame = struct.pack(">HBHHBBBB", 11, 8, height, width, 1, 1, 0x11, 0)
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc0"
        + frame
        + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
        + b"\x12\xff\x00\x34\xff\xd0\x56"
        + mark.to_bytes(2, "big").replace(b"\xff", b"\xfe")
        + b"\xff\xd9"
    )


def keyed(
    number: int, *, latin: str | None = None, margin: Sequence[Any] = (), **more: Any
) -> dict[str, Any]:
    """What the page says of the act of this number."""
    given: dict[str, Any] = {"ar": NAMES[number % len(NAMES)]}
    if latin is not None:
        given["latin"] = latin
    blocks = {
        "event": {
            "on": {"on": f"{YEAR}-{number % 12 + 1:02d}-{number % 27 + 1:02d}"},
            "place": "الدار البيضاء",
        },
        "subject": {"given": given, "family": ALAMI, "sex": "female" if number % 2 else "male"},
        "father": {"given": {"ar": "محمد"}},
        "mother": {"given": {"ar": "فاطمة"}},
    }
    return {"blocks": blocks | more, "margin": list(margin)}


@dataclass(slots=True)
class Volume:
    """A volume over HTTP, with what people do to it. `ids` are its acts in work, by number."""

    api: Api
    path: str
    ids: dict[int, str] = field(default_factory=dict)

    async def scan(self, page: int, content: bytes | None = None, **options: Any) -> httpx.Response:
        image = {"file": ("scan.png", png(page) if content is None else content, "image/png")}
        who = options.pop("persona", "keying_operator")
        return await self.api.post(f"{self.path}/pages/{page}", who, files=image, **options)

    async def does(self, step: str, persona: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.api.post(f"{self.path}/{step}", persona, json=body or {}, **options)

    async def read(self, persona: str = "civil_status_officer") -> dict[str, Any]:
        answer = await self.api.get(self.path, persona)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def list_acts(self, acts: dict[int, list[int]]) -> None:
        body = {"acts": [{"number": number, "pages": pages} for number, pages in acts.items()]}
        answer = await self.does("listing", "civil_status_officer", body)
        assert answer.status_code == 200, answer.text
        listed = await self.api.get(f"{self.path}/entries?limit=200", "civil_status_officer")
        self.ids = {one["number"]: one["id"] for one in listed.json()["items"]}

    async def hold(self, number: int, persona: str, **options: Any) -> httpx.Response:
        return await self.api.post(f"/v1/entries/{self.ids[number]}/hold", persona, json={}, **options)

    async def step(
        self, number: int, step: str, persona: str, body: Any = None, *, held: bool = True, **options: Any
    ) -> httpx.Response:
        """Holds the act first, as people do."""
        if held:
            answer = await self.hold(number, persona)
            assert answer.status_code == 200, answer.text
        path = f"/v1/entries/{self.ids[number]}/{step}"
        return await self.api.post(path, persona, json=body or {}, **options)

    async def key(self, number: int, operator: int = 1, **said: Any) -> dict[str, Any]:
        answer = await self.step(number, "keying", f"keying_operator{operator}", keyed(number, **said))
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def look(self, number: int, persona: str = "civil_status_officer") -> dict[str, Any]:
        answer = await self.api.get(f"/v1/entries/{self.ids[number]}", persona, headers=WHY)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def accepted(self) -> dict[str, Any]:
        """A sample of all that is settled, found as the pages say."""
        drawn = await self.does("sample", "quality_controller")
        assert drawn.status_code == 200, drawn.text
        for number in drawn.json()["lot"]["sample"]:
            checked = await self.step(number, "check", "quality_controller", {"defects": []})
            assert checked.status_code == 200, checked.text
        concluded = await self.does("conclusion", "quality_controller")
        assert concluded.status_code == 200, concluded.text
        shown: dict[str, Any] = concluded.json()
        return shown


def volume_body(last: int = 6, **changes: Any) -> dict[str, Any]:
    opened = {"office": OFFICE, "kind": "birth", "year": YEAR, "volume": 1, "first": 1, "last": last}
    return opened | changes


async def opened(api: Api, last: int = 6, **changes: Any) -> Volume:
    answer = await api.post("/v1/volumes", "civil_status_officer", json=volume_body(last, **changes))
    assert answer.status_code == 201, answer.text
    return Volume(api, f"/v1/volumes/{answer.json()['id']}")


async def listed(api: Api, last: int = 2, **changes: Any) -> Volume:
    """One page with all acts on it, ready to be keyed."""
    volume = await opened(api, last, **changes)
    content = png(int(changes.get("volume", 1)) + 100 * int(changes.get("year", YEAR)))
    assert (await volume.scan(1, content)).status_code == 201
    await volume.list_acts({number: [1] for number in range(1, last + 1)})
    return volume


async def settled(api: Api, last: int = 2, **changes: Any) -> Volume:
    """Keyed twice, alike."""
    volume = await listed(api, last, **changes)
    for number in volume.ids:
        for operator in (1, 2):
            await volume.key(number, operator)
    return volume


def image(mark: int) -> dict[str, Any]:
    return {"multipart": {"file": ("scan.png", png(mark), "image/png")}}


BODIES: Final[dict[str, Any]] = {
    "/v1/volumes": volume_body(volume=2),
    "/pages/{page}": image(50),
    "/replacement": image(51),
    "/listing": {"acts": [{"number": 1, "pages": [1]}]},
    "/damage": {"damage": "volume_damaged"},
    "/takeover": {"reason": "absent"},
    "/keying": keyed(1),
    "/adjudication": keyed(1),
    "/entries/{paper_id}/reject": {"ground": "act_unfinished"},
    "/reopening": {"pages": [1]},
    "/duplicate-decision": {"same": None},
}
"""By the end of the path, for whoever knocks at every door."""

Sent = Callable[[str, str, dict[str, Any]], Awaitable[httpx.Response]]


async def digitised(sent: Sent, secret: str) -> dict[str, str]:
    """A volume with one act, keyed once and held, in all services behind one port: what fills paths."""
    root, officer, operator = "/civil_status/v1", "civil_status_officer", "keying_operator1"

    async def posted(path: str, persona: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await sent(f"{root}{path}", persona, body)
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json()
        return made

    volume = (await posted("/volumes", officer, volume_body(1)))["id"]
    await posted(f"/volumes/{volume}/pages/1", operator, image(1))
    await posted(f"/volumes/{volume}/listing", officer, BODIES["/listing"])
    entry = str(uuid5(UUID(volume), "1"))
    await posted(f"/entries/{entry}/hold", operator, {})
    said = keyed(1, mother={"given": {"ar": "فاطمة"}, "address": secret})
    await posted(f"/entries/{entry}/keying", operator, said)
    await posted(f"/entries/{entry}/hold", "keying_operator2", {})
    return {"volume_id": volume, "paper_id": entry, "page": "1"}
