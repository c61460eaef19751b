"""The dictionary of routes answers as the framework's own search would."""

from itertools import product

import pytest
from fastapi.routing import RouteContext, iter_route_contexts

from deploy.registry import SERVICES
from shared.http import Router as ServiceRouter
from shared.http.directory import Directory
from shared.service import Service

METHODS = ("GET", "POST", "PUT", "DELETE")


def searched(contexts: list[RouteContext], method: str, path: str) -> tuple[object, dict[str, str]] | None:
    """As the framework does: one after the other, the first that fits."""
    for context in contexts:
        if (fits := context.path_regex.match(path)) and method in (context.methods or ()):
            return context.original_route, fits.groupdict()
    return None


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_path_finds_the_route_that_the_framework_would_find(service: Service) -> None:
    contexts = list(iter_route_contexts(service.router.routes))
    directory = Directory(contexts)
    segments = sorted(
        {part for c in contexts for part in (c.path or "").split("/") if not part.startswith("{")}
    )
    paths = {
        "/".join(s if p.startswith("{") else p for p in c.path.split("/"))
        for c in contexts
        if c.path
        for s in ["x", "", *segments]
    }
    assert len(paths) >= len({c.path for c in contexts})
    for method, path in product(METHODS, sorted(paths | {path + "/" for path in paths})):
        found = directory.find(method, path)
        assert (found and (found[0], found[1])) == searched(contexts, method, path), (
            method,
            path,
        )


@pytest.mark.parametrize("literal_first", [True, False])
def test_the_first_declared_answers_where_two_fit(literal_first: bool) -> None:
    router = ServiceRouter()
    paths = ["/things/new", "/things/{thing}"]
    for path in paths if literal_first else reversed(paths):
        router.get(path)(lambda: None)
    contexts = list(iter_route_contexts(router.routes))
    found = Directory(contexts).find("GET", "/v1/things/new")
    assert found is not None
    assert found[0] is contexts[0].original_route


@pytest.mark.parametrize("path", ["/{rest:path}", "/{name}.json"])
def test_a_parameter_that_is_no_whole_segment_is_refused_at_the_start(path: str) -> None:
    router = ServiceRouter()
    router.get(path)(lambda: None)
    with pytest.raises(TypeError, match="one whole segment"):
        Directory(iter_route_contexts(router.routes))
