"""Reported, acknowledged at once, completed."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, Self
from uuid import UUID

from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.forgetting import CONTACT as UNCONFIRMED
from services.chikaya.domain.moderation import flags_in
from services.chikaya.domain.permissions import not_allowed
from services.chikaya.domain.report.core import MOST_ATTACHMENTS, A, Core, S, reporter_without_account
from services.chikaya.domain.values import Attachment, Contact, Place, legible
from services.chikaya.events import report as told
from services.chikaya.events.report import Channel, Kind
from shared.auth import Actor, Role
from shared.errors import Invalid

BY_AGENT: Final = frozenset({Channel.CALL_CENTRE, Channel.COUNTER, Channel.EMAIL})
"""Channels at which an agent types in what a person says or wrote."""
LINK: Final = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:\d{1,5})?([/?#][!-~]{0,700})?", re.ASCII)
ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nobody reads 0 for O, 1 for I


def reference_of(id: UUID, now: datetime) -> str:  # noqa: A002 -- the aggregate's field has this name
    """What people dictate over a telephone: the year, and eight letters drawn with the identifier, so that no
    number tells how many reports there are.
    """
    drawn = id.int & ((1 << 40) - 1)
    letters = "".join(ALPHABET[(drawn >> (5 * place)) & 31] for place in range(8))
    return f"{now.year}-{letters[:4]}-{letters[4:]}"


class Filing(Core):
    @classmethod
    def receive(
        cls,
        id: UUID,  # noqa: A002 -- the aggregate's field has this name
        *,
        kind: Kind,
        category: str,
        collectivity: str,
        channel: Channel,
        text: str,
        place: Place,
        by: Actor,
        now: datetime,
        account: bool,
        contact: Contact | None = None,
        attachments: tuple[Attachment, ...] = (),
        answers: Mapping[str, Sequence[str]] = MappingProxyType({}),
        links: Sequence[str] = (),
        sent_by: str | None = None,
    ) -> tuple[Self, told.Received]:
        """By whoever reports, with an account or without; at a counter, on the telephone and for a letter by
        an agent, of whatever commune, for somebody who has no account here. Raises Forbidden, Invalid,
        NotFound.
        """
        typed = channel in BY_AGENT
        if typed and (account or not by.holds(Role.AGENT)):
            raise not_allowed()
        if not typed and account and not by.holds(Role.CITIZEN):
            raise not_allowed()
        _few(attachments)
        route = catalogue().route(category, collectivity)
        self = cls(
            id=id,
            reference=reference_of(id, now),
            kind=kind,
            category=category,
            collectivity=collectivity,
            competence=route.competence,
            body=route.body,
            channel=channel,
            reporter=by.subject if account else reporter_without_account(id),
            filed_by=by.subject if account or typed else "",
            received_at=now,
            text=legible(text, "text"),
            place=place,
            contact=contact.checked() if contact else None,
            attachments=attachments,
            answers=catalogue().category(category).answered(answers),
            links=_links(links),
            sent_by=sent_by,
        )
        self.flagged = bool(flags_in(self.text))
        received = self._announce(
            told.Received,
            received_at=now,
            kind=kind,
            channel=channel,
            competence=route.competence,
            body=route.body,
            account=account,
        )
        return self, received

    def acknowledge(self, now: datetime) -> told.Acknowledged:
        """In the transaction that received it (art. 5)."""
        return self._announce(
            told.Acknowledged, to=S.ACKNOWLEDGED, acknowledged_at=now, reference=self.reference
        )

    def confirm_contact(self, *, by: Actor, now: datetime) -> told.ContactConfirmed:
        """Whoever holds the code that was sent there."""
        self._may(A.CONFIRM_CONTACT, by)
        self.contact_confirmed_at = now
        return self._announce(told.ContactConfirmed, confirmed_at=now)

    def forget_contact(self, now: datetime) -> told.ContactForgotten | None:
        """Where to write, which nobody confirmed in time; else nothing changes. What an agent typed in stays:
        that person gave it to the office.
        """
        contact = self.contact
        if self.filed_by or self.contact_confirmed_at is not None or contact is None:
            return None
        if contact.address is None or now < self.received_at + UNCONFIRMED:
            return None
        self.contact = Contact(name=contact.name) if contact.name else None
        return self._announce(told.ContactForgotten, forgotten_at=now)

    def complete(
        self, text: str, attachments: tuple[Attachment, ...] = (), *, by: Actor, now: datetime
    ) -> told.Completed:
        """What was asked for (art. 11): then it is processed."""
        self._may(A.COMPLETE, by)
        said = legible(text, "text")
        _few((*self.attachments, *attachments))
        self.completions = (*self.completions, said)
        self.attachments = (*self.attachments, *attachments)
        return self._announce(told.Completed, to=S.COMPLETED, completed_at=now)


def _links(links: Sequence[str]) -> tuple[str, ...]:
    if len(links) > MOST_ATTACHMENTS:
        raise Invalid("too_many_links", f"At most {MOST_ATTACHMENTS}.", most=MOST_ATTACHMENTS)
    if not all(LINK.fullmatch(link) for link in links):
        raise Invalid("link_malformed", "An https:// or http:// address, of at most 1000 characters.")
    return tuple(links)


def _few(attachments: tuple[Attachment, ...]) -> None:
    if len(attachments) > MOST_ATTACHMENTS:
        raise Invalid("too_many_attachments", f"At most {MOST_ATTACHMENTS}.", most=MOST_ATTACHMENTS)
