"""What people report, from the receipt to their satisfaction; what is another administration's; what nobody
answers. Chikaya and the clocks are processes of their own, on real Kafka.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from deploy.demo.stage import Stage, instant
from tests.journeys.people import REASON, SETTAT, past
from tests.journeys.reporting import API, DESK, opened, said, with_account, without_account
from tests.journeys.window import somebody

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHO = {"name": "Zineb-Idrissi-Alaoui", "email": "zineb@example.ma"}


async def test_without_an_account_from_the_report_to_satisfaction(on: Stage, home: Path) -> None:
    await opened(on)
    reporter = await without_account(on, said("street_light", contact=WHO))
    shown = await reporter.shown()
    assert (shown["state"], shown["collectivity"]) == ("acknowledged", SETTAT)
    due = await reporter.due("chikaya.reply")
    assert due - instant(shown["received_at"]) >= timedelta(days=60)
    stranger = await without_account(on, said("waste"))
    answer = await on.client.get(on.url(reporter.path), headers=stranger.person.headers)
    assert answer.status_code == 404, "another report's code opens nothing"

    confirmation = await reporter.told(home, "confirmation")
    assert confirmation["recipient"] == f"mailto:{WHO['email']}"
    code = confirmation["content"]["en"]["text"].split()[-1].rstrip(".")
    await reporter.do("contact-confirmation", {"code": code})
    await reporter.answered("planned")
    reply = (await reporter.shown())["replies"][0]
    assert (reply["text"], reply["desk"]["address"]) == (REASON, DESK["address"])
    told = await reporter.told(home, "answered")
    assert told["recipient"] == f"mailto:{WHO['email']}"
    assert REASON not in str(told), "the reply is read where the code is asked for"

    reopened = await reporter.do("reopening", {"reasons": REASON})
    assert (reopened["state"], reopened["round"]) == ("reopened", 2)
    assert await reporter.due("chikaya.reply_again") >= due
    await reporter.answered("resolved")
    rated = await reporter.do("rating", {"satisfied": True})
    assert rated["state"] == "closed"
    assert [(one["satisfied"], one["round"]) for one in rated["ratings"]] == [(True, 2)]
    assert [one["outcome"] for one in rated["replies"]] == ["planned", "resolved"]

    everybody = await on.anybody.get(f"{API}/public-reports/{reporter.id}")
    assert (everybody["state"], everybody["text"]) == ("closed", None), "nobody decided that it may be shown"


async def test_what_is_not_ours_goes_to_another_administration(on: Stage, home: Path) -> None:
    await opened(on)
    reporter = await with_account(somebody(on), said("street_light"))
    kept = await reporter.due("chikaya.reply")
    agent, instructor = reporter.officer("agent"), reporter.officer("instructor")
    routing = {"category": "electricity", "collectivity": SETTAT, "reasons": REASON}
    routed = await agent.post(f"{reporter.office}/routing", routing)
    assert (routed["competence"], routed["body"]) == ("operator", "srm_06")
    assert [one["category"] for one in routed["history"]] == ["street_light"]
    assert await reporter.due("chikaya.reply") == kept, "who has it changes no date"

    refused = {"body": "nobody", "reasons": REASON}
    await instructor.refused(f"{reporter.office}/redirection", refused, 422, "body_unknown")
    await instructor.post(f"{reporter.office}/redirection", {"body": "srm_06", "reasons": REASON})
    shown = await reporter.shown()
    assert (shown["state"], shown["answer_by"], shown["actions"]) == ("redirected", None, ["read"])
    assert (shown["finding"]["body"], shown["finding"]["reasons"]) == ("srm_06", REASON)
    assert (await reporter.told(home, "redirected"))["recipient"] == reporter.person.name
    await instructor.refused(
        f"{reporter.office}/answer", {"outcome": "explained", "text": REASON}, 409, "action_not_permitted"
    )


async def test_sixty_days_of_silence_are_the_governors_and_the_reply_is_due_still(
    on: Stage, home: Path
) -> None:
    await opened(on)
    reporter = await with_account(somebody(on), said("waste"))
    due = await reporter.due("chikaya.reply")
    await past(on, due + timedelta(days=4))  # and more than any feast that is only estimated
    told = await reporter.told(home, "escalated")
    assert told["recipient"] == f"governor:{SETTAT[:6]}"
    shown = await reporter.shown()
    assert (shown["state"], instant(shown["escalated_at"])) == ("acknowledged", due), (
        "silence decides nothing"
    )
    governor = reporter.officer("governor")
    overdue = [one["id"] async for one in governor.every(f"{API}/queue", escalated=True)]
    assert reporter.id in overdue
    instructor = reporter.officer("instructor")
    late = {"defect": "unclear", "reasons": REASON}
    await instructor.refused(f"{reporter.office}/defect", late, 409, "period_over")
    reply = await reporter.answered("explained")
    assert reply["state"] == "answered"
    overdue = [one["id"] async for one in governor.every(f"{API}/queue", escalated=True)]
    assert reporter.id not in overdue
    await past(on, await reporter.due("chikaya.reopening"))
    closed = await reporter.until_state("closed")
    assert closed["actions"] == ["read"], "the time to reopen is over too"
