"""Nobody answers: silence approves, its applicant invokes it, the governor attests for a silent president."""

from datetime import timedelta

import pytest

from deploy.demo.stage import Stage, until
from tests.journeys.people import REASON, past, submitted

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_from_silence_to_the_governors_attestation(on: Stage) -> None:
    applicant = await submitted(on, "construction_small")
    await applicant.officer("instructor").refused(
        f"{applicant.path}/return", {}, 409, "action_not_permitted"
    )  # a complete file is not returned: it is decided, or the law decides
    await past(on, await applicant.due("construction_small"))
    shown = await applicant.until_state("approved_by_silence")
    assert shown["binding_opinion"] == "missing", "the applicant is warned before works begin"
    assert shown["effective_at"] == shown["silence_at"]
    refusal = {"outcome": "refused", "reasons": [{"article": "loi 12-90, art. 43", "text": REASON}]}
    await applicant.officer("president").refused(f"{applicant.path}/decision", refusal, 409, "late_refusal")

    await applicant.do("invocation")
    due = await applicant.due("invocation.delivery")
    await applicant.person.refused(f"{applicant.path}/attestation-request", {}, 409, "too_early")
    await past(on, due)
    await applicant.do("attestation-request")
    assert (await applicant.due("invocation.attestation")) > due + timedelta(days=10)
    governor = applicant.officer("governor")
    await governor.post(f"{applicant.path}/explanations", {})  # suspends nothing
    shown = await governor.post(f"{applicant.path}/attestation", {})
    assert shown["state"] == "attested"

    told = ["submitted", "approved_by_silence", "decision_attempted_late", "silence_invoked"]
    told += ["attestation_requested", "explanations_requested", "attested"]
    assert [what for what in await applicant.timeline() if what in told] == told
    answer = await applicant.person.get(f"{applicant.path}/explanation")
    explained = {clock["rule"]: clock["explanation"] for clock in answer["clocks"]}
    assert {"construction_small", "invocation.delivery", "invocation.attestation"} <= set(explained)
    assert all(step["text"]["ar"] and step["text"]["fr"] for step in explained["construction_small"])
    assert "31" in str([step["article"] for step in explained["construction_small"]]), "francs: 55-19 art. 31"

    async def told_at_once() -> bool:
        """In both languages, with the one action to take."""
        texts = [str(notice["text"]) for notice in await applicant.notices()]
        return any("سكوت" in text and "silence" in text for text in texts)

    await until("a notice of the approval by silence", told_at_once, expected=True)
