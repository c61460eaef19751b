"""What is known of a request before anybody looks at it."""

import re
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers

LANGUAGES: Final = ("ar", "fr", "en")
LONGEST: Final = 200  # characters of Accept-Language that are read
CORRELATION: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

MEMBER: Final = r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}"
# W3C Trace Context: up to 32 members; no more than the 512 characters that everybody must pass on.
TRACESTATE: Final = re.compile(rf"(?=.{{1,512}}\Z){MEMBER}(?:,[ \t]*(?:{MEMBER})?){{0,31}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """`correlation_id` is the caller's or ours and follows the request into events and logs."""

    correlation_id: str
    traceparent: str | None
    tracestate: str | None
    language: str

    @classmethod
    def of(cls, headers: Headers, *, follow: bool) -> "Arrival":
        """With `follow` the caller's trace goes on, else it is as if he had sent none."""
        correlation = headers.get("x-correlation-id", "")
        traceparent = headers.get("traceparent", "") if follow else ""
        tracestate = headers.get("tracestate", "") if TRACEPARENT.fullmatch(traceparent) else ""
        return cls(
            correlation_id=correlation if CORRELATION.fullmatch(correlation) else uuid4().hex,
            traceparent=traceparent if TRACEPARENT.fullmatch(traceparent) else None,
            tracestate=tracestate if TRACESTATE.fullmatch(tracestate) else None,
            language=preferred(headers.get("accept-language", "")[:LONGEST]),
        )


ARRIVAL: ContextVar[Arrival] = ContextVar("arrival")


@lru_cache(maxsize=256)
def preferred(accept_language: str) -> str:
    """The best of Arabic (the default), French and English; an unreadable header asks for nothing."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",")[:20]):
        tag, _, weight = part.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = re.fullmatch(r"q=([01](?:\.\d{0,3})?)", weight.strip()) if weight else None
        if (language in LANGUAGES or language == "*") and (quality or not weight):
            wanted.append((-float(quality[1]) if quality else -1.0, place, language))
    best = min((w for w in wanted if w[0] < 0), default=None)
    return LANGUAGES[0] if best is None or best[2] == "*" else best[2]
