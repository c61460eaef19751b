"""What whoever runs the platform sees of the paper registers and of the window's questions."""

from prometheus_client import REGISTRY
from sqlalchemy import text

from services.civil_status.measure import look
from tests.civil_status.paper import listed, opened
from tests.support.databases import ServiceDatabase
from tests.support.http import Api

ASKED = text("""
    INSERT INTO civil_status.asked (request, collectivity, asked_at, sealed)
    VALUES ('one', '06.141.01.0', msg.legal_now() - interval '7 minutes', 'x')""")
ANSWERED = text("UPDATE civil_status.asked SET sealed = NULL")


def seen(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"jamaa_{metric}", labels)


async def test_how_far_the_paper_registers_are(api: Api, civil_status: ServiceDatabase) -> None:
    await look(civil_status.worker)
    assert (seen("digitisation_expected"), seen("digitisation_acts", state="waiting")) == (0, 0)
    volume = await listed(api, 2)
    await opened(api, 3, volume=2)
    await volume.key(1, 1)
    await look(civil_status.worker)
    assert (seen("digitisation_expected"), seen("digitisation_pages")) == (5, 1)
    found = [seen("digitisation_acts", state=one) for one in ("waiting", "keyed_once", "registered")]
    assert found == [1, 1, 0]


async def test_a_question_that_nobody_answers_grows_old(civil_status: ServiceDatabase) -> None:
    async with civil_status.worker.transaction() as tx:
        await tx.execute(ASKED)
    await look(civil_status.worker)
    assert seen("register_questions") == 1
    assert 420 <= (seen("register_oldest_question_seconds") or 0) < 4000
    async with civil_status.worker.transaction() as tx:
        await tx.execute(ANSWERED)
    await look(civil_status.worker)
    assert (seen("register_questions"), seen("register_oldest_question_seconds")) == (0, 0)
