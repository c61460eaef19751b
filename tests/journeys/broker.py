"""Topics as a Kafka client reads them that is none of ours: kcat."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    key: str
    headers: Mapping[str, str]
    value: str

    @property
    def what(self) -> str:
        return self.headers["ce_type"].split(".")[-2]


async def read(program: str, bootstrap: str, topic: str) -> list[Record]:
    """The whole topic, each partition from its beginning to its end."""
    process = await asyncio.create_subprocess_exec(
        *(program, "-b", bootstrap, "-C", "-e", "-q", "-J", "-o", "beginning", "-t", topic),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return [_record(json.loads(line)) for line in said.decode().splitlines()]


def _record(said: Mapping[str, object]) -> Record:
    flat = said["headers"]
    assert isinstance(flat, list)
    headers = dict(zip(flat[::2], flat[1::2], strict=True))
    return Record(str(said["topic"]), str(said["key"]), headers, str(said["payload"]))
