"""A child is declared, a parent asks for the extract, anybody checks it without a network; a divorce is
noted, and what was issued is superseded. Both services are processes of their own, on real Kafka.
"""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.demo.stage import Stage
from shared.documents.check import check_file
from shared.documents.claim import Verdict
from shared.documents.keys import published
from shared.time import civil_day
from tests.journeys.browser import verifying
from tests.journeys.people import SETTAT
from tests.journeys.window import (
    MOTHER,
    REQUESTS,
    asked,
    declared,
    documents,
    reading,
    somebody,
    unheard,
    until_state,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_from_the_request_to_a_sealed_page_that_a_divorce_supersedes(on: Stage, home: Path) -> None:
    parent, name = somebody(on), unheard()
    act = await declared(on, parent, name)
    born = civil_day(await on.legal_now()) - timedelta(days=2)
    about = {"given": name, "event_on": born.isoformat()}
    request = await asked(parent, "birth_full_copy", capacity="ascendant", act=about)
    await until_state(parent, request, "issued")
    [document] = await documents(parent, request)
    page = await parent.get(document["href"])
    (home / "page.pdf").write_bytes(page)

    keys = published(home / "documents")  # the published set, as a copy: no server is asked
    checked = await asyncio.to_thread(check_file, page, keys)
    assert checked.verdict is Verdict.VALID
    assert json.loads(checked.content or "")["holder"]["ar"].startswith(name)
    bent = page.replace(b"Zohra", b"Zahra")
    assert bent != page
    assert (await asyncio.to_thread(check_file, bent, keys)).verdict is not Verdict.VALID

    officer = reading(on.person("civil_status_officer", SETTAT))
    for kind, reference in (("marriage", "12/2026"), ("dissolution", "34/2026")):
        noted = {"kind": kind, "reference": reference, "on": born.isoformat(), "spouse": MOTHER}
        await officer.post(f"/civil_status/v1/acts/{act}/mentions", noted)
    found = await until_state(parent, request, "superseded")
    assert "reissue" in found["actions"]
    withdrawn = (await on.anybody.get("/watiqa/v1/withdrawn-documents"))["withdrawn"]
    assert document["id"] in {one["id"] for one in withdrawn}
    await parent.post(f"{REQUESTS}/{request}/reissue", {})
    await until_state(parent, request, "issued")
    old, new = await documents(parent, request)
    assert (old["state"], new["state"]) == ("superseded", "issued")
    again = await asyncio.to_thread(check_file, await parent.get(new["href"]), keys)
    assert len(json.loads(again.content or "")["mentions"]) == 2


async def test_an_extract_is_judged_in_a_browser_without_a_network(on: Stage, home: Path) -> None:
    """Anybody who opened the page once: of a divorce noted since, it knows once it heard the register again,
    and goes on knowing.
    """
    parent, name = somebody(on), unheard()
    act = await declared(on, parent, name)
    day = (civil_day(await on.legal_now()) - timedelta(days=2)).isoformat()
    request = await asked(parent, "birth_extract", capacity="ascendant", act={"given": name, "event_on": day})
    await until_state(parent, request, "issued")
    [document] = await documents(parent, request)
    extract, bent = home / "extract.pdf", home / "bent.pdf"
    extract.write_bytes(await parent.get(document["href"]))
    bent.write_bytes(extract.read_bytes().replace(b"Idriss", b"Driss "))
    assert bent.read_bytes() != extract.read_bytes()

    async with verifying(on.variables["JAMAA_WATIQA_URL"].removesuffix("/watiqa")) as browser:
        await browser.unplugged()
        assert await browser.verdict(extract) == "valid"
        assert await browser.page.get_attribute("#answer", "data-whole") == "true"
        assert name in await browser.page.inner_text("#facts")
        assert await browser.verdict(bent) == "altered"
        await browser.plugged()

        officer = reading(on.person("civil_status_officer", SETTAT))
        for kind, reference in (("marriage", "12/2026"), ("dissolution", "34/2026")):
            noted = {"kind": kind, "reference": reference, "on": day, "spouse": MOTHER}
            await officer.post(f"/civil_status/v1/acts/{act}/mentions", noted)
        await until_state(parent, request, "superseded")
        assert await browser.verdict(extract) == "superseded"
        await browser.unplugged()
        assert await browser.verdict(extract) == "superseded", "the register as it was last heard"
        assert await browser.page.inner_text("#verdict") == "حلت محلها وثيقة أحدث"
