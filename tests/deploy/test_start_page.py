"""The page that a newcomer meets first."""

from deploy.serve import PAGE


def test_a_topic_may_break_after_its_dots_and_is_still_escaped() -> None:
    service = {"title": {}, "streams": [{"topic": "jamaa.<b>.events"}]}
    page = PAGE.render(services=[service])
    assert '<code dir="ltr">jamaa.<wbr>&lt;b&gt;.<wbr>events</code>' in page
