"""Which route answers a path, by one look into a dictionary.

The framework asks its routes one after the other, and a router within a router asks its own twice; the
cost grows with every route (0035). What is not found here goes the framework's way: another method, a path
without a route.
"""

from collections.abc import Iterable
from typing import NamedTuple

from fastapi.routing import RouteContext

from shared.http.route import Route


class Found(NamedTuple):
    """`place` is the route's in the order of declaration: the first that fits answers."""

    place: int
    route: Route
    parameters: tuple[tuple[int, str], ...]


class Directory:
    """Of a router's `contexts` (`fastapi.routing.iter_route_contexts`). Raises TypeError for a parameter that
    is not one whole segment, as text: an endpoint's annotation says what it is read as.
    """

    def __init__(self, contexts: Iterable[RouteContext]) -> None:
        self._routes: dict[tuple[str, tuple[str | None, ...]], Found] = {}
        self._shapes: dict[tuple[str, int], dict[tuple[int, ...], None]] = {}
        for place, context in enumerate(contexts):
            route = context.original_route
            if not isinstance(route, Route):
                continue
            parts = (context.path or "").split("/")
            names = tuple((i, part[1:-1]) for i, part in enumerate(parts) if part.startswith("{"))
            known: list[str | None] = list(parts)
            for i, name in names:
                known[i] = None
                if not name.isidentifier():
                    raise TypeError(f"{context.path}: a parameter is one whole segment")
            for method in context.methods or ():
                self._routes.setdefault((method, tuple(known)), Found(place, route, names))
                self._shapes.setdefault((method, len(parts)), {})[tuple(i for i, _ in names)] = None

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route that answers, and its parameters."""
        parts = path.split("/")
        best: Found | None = None
        for shape in self._shapes.get((method, len(parts)), ()):
            key: list[str | None] = list(parts)
            for i in shape:
                key[i] = None
            found = self._routes.get((method, tuple(key)))
            if found and all(parts[i] for i in shape) and (best is None or found.place < best.place):
                best = found
        return best and (best.route, {name: parts[i] for i, name in best.parameters})
