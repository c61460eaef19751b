"""A service of one file, for the kernel's tests: notes that citizens write and officers answer."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import File, Response, UploadFile
from pydantic import BaseModel, Field, RootModel
from sqlalchemy import text

from shared.access import access_stream, recorded
from shared.auth import OFFICERS, Role
from shared.db import Tx
from shared.errors import Conflict, NotFound, Stale
from shared.events import Event, Stream
from shared.http import (
    PUBLIC,
    Authorizer,
    Body,
    Caller,
    IfMatch,
    Instant,
    Listing,
    Page,
    Refusal,
    Router,
    etag,
    problems,
    refused,
)
from shared.service import Service


class Action(StrEnum):
    WRITE = "write"
    READ = "read"
    ANSWER = "answer"


MAY = {
    Action.WRITE: frozenset({Role.CITIZEN}),
    Action.READ: OFFICERS | {Role.CITIZEN},
    Action.ANSWER: frozenset({Role.PRESIDENT}),
}
authorize = Authorizer(MAY)
router = Router()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written(Event):
    TYPE = "ma.jamaa.toy.note.written.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted(Event):
    TYPE = "ma.jamaa.toy.note.attempted.v1"


NOTES = Stream("toy", "note", (Written, Attempted))


class NoteIn(Body):
    commune: str = Field(pattern=r"^\d{2}\.[\d.]{1,12}$")
    body: str = Field(max_length=2000)
    at: Instant | None = None
    copies: int = Field(default=1, ge=1, le=9)


class NoteOut(BaseModel):
    id: UUID
    commune: str
    owner: str
    body: str
    version: int
    at: Instant | None = None


class Sizes(RootModel[dict[str, int]]):
    """Bytes by file name."""


INSERT = text("INSERT INTO toy.note VALUES (:id, :commune, :owner, :body, 1, :signature)")
ONE = text("SELECT id, commune, owner, body, version FROM toy.note WHERE id = :id")
LIST = text(
    "SELECT id, commune, owner, body, version FROM toy.note WHERE body LIKE 'listed%'"
    " AND (CAST(:body AS text) IS NULL OR (body, id) > (:body, CAST(:id AS uuid)))"
    " ORDER BY body, id LIMIT :limit"
)
UPDATE = text("UPDATE toy.note SET body = :body, version = version + 1 WHERE id = :id AND version = :version")
FAIL = (
    text("SELECT set_config('toy.planted', :state, true)"),
    text("DO $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = current_setting('toy.planted'); END $$"),
)
SLEEP = text("SELECT pg_sleep(0.2)")
runs: list[str] = []  # how often a handler was entered


@router.post("/notes", status_code=201)
async def write(tx: Annotated[Tx, authorize(Action.WRITE)], note: NoteIn, response: Response) -> NoteOut:
    """Write a note to a commune."""
    runs.append("write")
    one = uuid4()
    await tx.execute(
        INSERT,
        {
            "id": one,
            "commune": note.commune,
            "owner": tx.actor.subject,
            "body": note.body,
            "signature": None,
        },
    )
    await tx.emit(NOTES, one, note.commune, Written())
    response.headers["Location"] = f"/toy/v1/notes/{one}"
    etag(response, 1)
    return NoteOut(
        id=one, commune=note.commune, owner=tx.actor.subject, body=note.body, version=1, at=note.at
    )


@router.get("/notes")
async def list_notes(tx: Annotated[Tx, authorize(Action.READ)], paging: Listing) -> Page[NoteOut]:
    body, one = paging.after(str, UUID) or (None, None)
    rows = (await tx.execute(LIST, {"body": body, "id": one, "limit": paging.fetch})).all()
    return paging.page(rows, key=lambda row: (row.body, row.id), to=lambda row: NoteOut(**row._mapping))


@router.get("/notes/{note}")
async def read(tx: Annotated[Tx, authorize(Action.READ)], note: UUID, response: Response) -> NoteOut:
    row = (await tx.execute(ONE, {"id": note})).first()
    if row is None:
        raise NotFound("note_unknown")
    etag(response, row.version)
    await recorded(
        tx,
        "toy",
        action=Action.READ,
        aggregate="note",
        owners={str(row.id): row.owner},
        collectivity=row.commune,
    )
    return NoteOut(**row._mapping)


@router.put("/notes/{note}")
async def rewrite(
    tx: Annotated[Tx, authorize(Action.WRITE)], note: UUID, version: IfMatch, content: NoteIn
) -> NoteOut:
    changed = await tx.execute(UPDATE, {"id": note, "version": version, "body": content.body})
    if not changed.rowcount:
        raise Stale("note_stale")
    return NoteOut(**(await tx.execute(ONE, {"id": note})).one()._mapping)


@router.post("/notes/{note}/answer")
async def answer(tx: Annotated[Tx, authorize(Action.ANSWER)], note: UUID) -> NoteOut | Refusal:
    """Always too late here: recorded, announced, refused."""
    runs.append("answer")
    await tx.emit(NOTES, note, "06.141.01.0", Attempted())
    return refused(Conflict("too_late", {"ar": "فات الأجل", "fr": "Trop tard", "en": "Too late"}, at=tx.now))


@router.post("/notes/{note}/reminder", status_code=204)
async def remind(tx: Annotated[Tx, authorize(Action.ANSWER)], note: UUID) -> None:
    """There is nothing to answer."""
    runs.append("remind")
    await tx.emit(NOTES, note, "06.141.01.0", Attempted())


@router.post("/notes/{note}/trouble")
async def trouble(
    tx: Annotated[Tx, authorize(Action.ANSWER)], note: UUID, times: int, kind: str
) -> dict[str, int]:
    """Fails that many times with the SQLSTATE `kind`; or by a bug, a policy, a deferred constraint."""
    runs.append("trouble")
    await tx.emit(NOTES, note, "06.141.01.0", Attempted())
    if kind == "bug":
        raise RuntimeError("secret of AB123456")
    if kind in ("rls", "commit"):
        commune, unknown = ("01.051.01.01", None) if kind == "rls" else ("06.141.01.0", "nobody")
        row = {"id": note, "commune": commune, "owner": "x", "body": "", "signature": unknown}
        await tx.execute(INSERT, row)
    if len(runs) <= times:
        await tx.execute(FAIL[0], {"state": kind})
        await tx.execute(FAIL[1])
    return {"attempts": len(runs)}


@router.post("/files", max_body_size=4096)
async def upload(
    caller: Annotated[Caller, authorize.caller(Action.WRITE)], file: Annotated[UploadFile, File()]
) -> Sizes:
    content = await file.read()
    runs.append("upload")
    tx = await caller.begin()
    await tx.emit(NOTES, "file", "06.141.01.0", Written())
    return Sizes({file.filename or "": len(content)})


@router.post("/estimates", responses=problems(409))
async def estimate(
    tx: Annotated[Tx, authorize(PUBLIC, idempotent=False, limit="5/minute")], note: NoteIn
) -> dict[str, Any]:
    await tx.execute(SLEEP if note.body == "slow" else ONE, {} if note.body == "slow" else {"id": uuid4()})
    return {"caller": tx.actor.subject, "at": note.at}


SERVICE = Service(
    name="toy",
    title={"ar": "مذكرات", "fr": "Notes", "en": "Notes"},
    router=router,
    streams=(NOTES, access_stream("toy")),
    migrations=Path(__file__).parent / "migrations",
)
