"""Presidents decide many files at once, and what the law says of the result."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from tests.faults.cluster import Cluster
from tests.faults.people.rokhas import DOSSIERS, REASON
from tests.faults.registry import Trial, Wrong
from tests.faults.seeds import Batch

REFUSED: Final = 0.7  # the share of refusals: they are what a silence excludes
EVENTS: Final = """
    SELECT aggregateid, split_part(type, '.', 5) AS what, occurred_at,
      convert_from(payload, 'UTF8') AS payload
    FROM msg.event_log WHERE aggregateid = ANY($1::text[]) ORDER BY pos"""
ENDS: Final = frozenset({"granted", "refused", "approved_by_silence"})


async def decided(trial: Trial, batch: Batch, which: Sequence[int]) -> float:
    """A decision on each of these files of the batch, in any order; returns decisions a second."""

    async def decide(president: int, file: str) -> None:
        refuses = trial.chance.random() < REFUSED
        body: dict[str, Any] = (
            {"outcome": "refused", "reasons": [REASON]} if refuses else {"outcome": "granted"}
        )
        await trial.crowd.do(
            "rokhas",
            "dossier",
            "decide",
            f"president{president}",
            f"{DOSSIERS}/{file}/decision",
            body,
            subject=file,
            commune=batch.commune,
        )

    return await trial.crowd.each([batch.ids[n] for n in which], decide)


async def outcomes(cluster: Cluster, batch: Batch) -> dict[str, Any]:
    """How many files ended how. Raises Wrong for a file with none or two outcomes, for a refusal at or after
    the instant, and for a silence before it or with another effect.
    """
    async with cluster.sql("rokhas") as sql:
        rows = await sql.fetch(EVENTS, batch.ids)
    ended: dict[str, list[Any]] = defaultdict(list)
    attempts = 0
    for row in rows:
        if row["what"] in ENDS:
            ended[row["aggregateid"]].append(row)
        attempts += row["what"] == "decision_attempted_late"
    counts: Counter[str] = Counter()
    for file in batch.ids:
        story = [row["what"] for row in ended[file]]
        counts[" then ".join(story) or "none"] += 1
        if story not in (
            ["granted"],
            ["refused"],
            ["approved_by_silence"],
            ["approved_by_silence", "granted"],
        ):
            raise Wrong(f"file {file} has the outcomes {story}")
        for row in ended[file]:
            _lawful(file, row, batch.answer_by)
    return dict(counts) | {"late refusals recorded": attempts}


def _lawful(file: str, row: Any, answer_by: datetime) -> None:
    told, what = json.loads(row["payload"]), row["what"]
    if what == "refused" and row["occurred_at"] >= answer_by:
        raise Wrong(f"file {file} was refused at {row['occurred_at']}, due {answer_by}")
    if what == "granted" and told["late"] != (row["occurred_at"] >= answer_by):
        raise Wrong(f"file {file} was granted at {row['occurred_at']}, late: {told['late']}, due {answer_by}")
    if what == "approved_by_silence":
        effective = datetime.fromisoformat(told["effective_at"])
        if effective != answer_by or row["occurred_at"] < answer_by:
            raise Wrong(
                f"file {file} was approved at {row['occurred_at']} as of {effective}, due {answer_by}"
            )
