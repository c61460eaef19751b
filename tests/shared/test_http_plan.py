"""What a route may not declare is refused when its module is imported, not at its first request."""

from collections.abc import Callable
from typing import Annotated

import pytest
from fastapi import Cookie

from shared.http import Body, Router


class One(Body):
    n: int


class Other(Body):
    name: str


def of_union(body: One | Other) -> None: ...


def of_nothing_perhaps(body: One | None = None) -> None: ...


def of_a_list(body: list[One]) -> None: ...


def of_two(one: One, other: Other) -> None: ...


def of_a_cookie(seen: Annotated[str, Cookie()]) -> None: ...


@pytest.mark.parametrize("endpoint", [of_union, of_nothing_perhaps, of_a_list, of_two, of_a_cookie])
def test_what_a_plan_cannot_do_is_refused_at_import(endpoint: Callable[..., None]) -> None:
    with pytest.raises(TypeError, match=f"{endpoint.__name__}.*(one model|no cookies)"):
        Router().post("/things")(endpoint)
