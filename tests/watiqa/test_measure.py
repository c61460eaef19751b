"""What whoever runs the platform sees of the window."""

from prometheus_client import REGISTRY

from services.watiqa.measure import look
from tests.civil_status.conftest import Says
from tests.civil_status.filed import OFFICE, marriage, own_act
from tests.support.databases import ServiceDatabase
from tests.support.http import Api
from tests.watiqa.conftest import World
from tests.watiqa.filed import noted, paper, submitted


def seen(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"jamaa_window_{metric}", labels)


async def test_what_waits_is_counted_by_what_it_waits_for(
    api: Api, register: Api, register_clock_says: Says, world: World, watiqa: ServiceDatabase
) -> None:
    act = await own_act(register, register_clock_says)
    await submitted(api)
    await look(watiqa.worker)
    assert seen("questions") == 1
    assert (seen("oldest_question_seconds") or 0) > 0
    assert seen("waiting", state="under_control") == 0
    assert seen("most_waiting", office=OFFICE) is None

    await submitted(api, "citizen2", proofs={"identity": await paper(api, "citizen2")})
    await world.settle()
    await look(watiqa.worker)
    assert (seen("questions"), seen("oldest_question_seconds")) == (0, 0)
    assert seen("waiting", state="under_control") == seen("most_waiting", office=OFFICE) == 1
    assert seen("withdrawn_documents", state="superseded") == 0

    await noted(register, act, marriage())
    await world.settle()
    await look(watiqa.worker)
    assert seen("withdrawn_documents", state="superseded") == 1


async def test_a_question_that_the_register_leaves_open_grows_old(
    api: Api, register: Api, register_clock_says: Says, world: World, watiqa: ServiceDatabase
) -> None:
    await own_act(register, register_clock_says)
    await submitted(api)
    world.answering = False
    await world.settle()
    await look(watiqa.worker)
    before = seen("oldest_question_seconds") or 0
    await look(watiqa.worker)
    assert seen("questions") == 1
    assert (seen("oldest_question_seconds") or 0) > before > 0
