"""HTTP, the same in every service: what a route module needs is imported from here."""

from shared.http.app import create_app, unguarded
from shared.http.idempotency import forget_keys
from shared.http.openapi import problems
from shared.http.problems import Refusal, refused
from shared.http.route import PUBLIC, Authorizer, Caller, Router
from shared.http.values import (
    Body,
    Collectivity,
    Configured,
    Day,
    IfMatch,
    IfRead,
    Instant,
    Listing,
    Page,
    Paging,
    Texts,
    etag,
)

__all__ = [
    "PUBLIC",
    "Authorizer",
    "Body",
    "Caller",
    "Collectivity",
    "Configured",
    "Day",
    "IfMatch",
    "IfRead",
    "Instant",
    "Listing",
    "Page",
    "Paging",
    "Refusal",
    "Router",
    "Texts",
    "create_app",
    "etag",
    "forget_keys",
    "problems",
    "refused",
    "unguarded",
]
