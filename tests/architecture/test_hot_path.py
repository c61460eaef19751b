"""What every request pays for, whatever it asks."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Cookie, Depends
from fastapi.routing import iter_route_contexts

from deploy.registry import SERVICES
from shared.http import Body
from shared.http.route import Route, dependants


def threaded(router: APIRouter) -> list[str]:
    """Dependencies of published routes that the framework runs in a thread, being no coroutines."""
    found = []
    for context in iter_route_contexts(router.routes):
        route = context.original_route
        if isinstance(route, Route) and route.include_in_schema:
            for one in dependants(route.dependant):
                call = one.call
                asked = call if inspect.isroutine(call) else type(call).__call__
                if inspect.isclass(call) or not inspect.iscoroutinefunction(asked):
                    found.append(f"{context.path}: {call}")
    return found


def test_no_dependency_takes_a_thread() -> None:
    """A hop to a thread and back costs more than a round trip to the database."""
    assert [one for service in SERVICES for one in threaded(service.router)] == []


def test_a_dependency_that_is_no_coroutine_is_found() -> None:
    router = APIRouter(route_class=Route)

    def plain() -> int:
        return 1

    @router.get("/planted", dependencies=[Depends(plain)])
    async def planted() -> None: ...

    assert [one.partition(":")[0] for one in threaded(router)] == ["/planted"]


async def asked() -> int:
    return 1


class One(Body):
    n: int


class Other(Body):
    name: str


async def cookie(taste: Annotated[str, Cookie()]) -> None: ...


async def background(tasks: BackgroundTasks) -> None: ...


async def twice(one: Annotated[int, Depends(asked, use_cache=False)]) -> None: ...


async def union(body: One | Other) -> None: ...


async def perhaps(body: One | None = None) -> None: ...


async def several(body: list[One]) -> None: ...


async def two(one: One, other: Other) -> None: ...


UNUSUAL = "no cookies, no background tasks, no dependency asked twice"
BODY = "a body is of one model"


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        (cookie, UNUSUAL),
        (background, UNUSUAL),
        (twice, UNUSUAL),
        (union, BODY),
        (perhaps, BODY),
        (several, BODY),
        (two, BODY),
    ],
)
def test_what_no_plan_knows_stops_the_import(endpoint: Callable[..., Any], why: str) -> None:
    with pytest.raises(TypeError, match=why):
        APIRouter(route_class=Route).post("/planted")(endpoint)
