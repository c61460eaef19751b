"""An administration and what every reply says of it (2-17-265 art. 10)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.chikaya.domain.permissions import demand
from services.chikaya.domain.states import Action
from services.chikaya.domain.values import PHONE, Desk, legible
from services.chikaya.events import ContactPublished
from shared.auth import Actor
from shared.errors import Conflict, Invalid

WEB: Final = re.compile(r"https?://[^\s<>\"]{4,200}", re.ASCII)


@dataclass(kw_only=True)
class Administration:
    """By the code of its collectivity; `version` is the sequence of its last event."""

    code: str
    desk: Desk | None = None
    version: int = 0

    @property
    def collectivity(self) -> str:
        return self.code

    def publish(
        self, address: str, phone: str, web: str, fax: str | None, *, by: Actor, now: datetime
    ) -> ContactPublished:
        """Raises Forbidden, Invalid."""
        demand(Action.PUBLISH_CONTACT, by, self.code)
        for number in (phone, fax):
            if number is not None and not PHONE.fullmatch(number):
                raise Invalid("phone_malformed", "A number such as +212522000000.")
        if not WEB.fullmatch(web):
            raise Invalid("web_malformed", "An address such as https://www.casablancacity.ma.")
        self.desk = Desk(
            collectivity=self.code, address=legible(address, "address", 300), phone=phone, web=web, fax=fax
        )
        self.version += 1
        return ContactPublished(collectivity=self.code, published_at=now)

    def demand_desk(self) -> Desk:
        """Raises Conflict `contact_missing`: no reply leaves without it."""
        if self.desk is None:
            raise Conflict(
                "contact_missing",
                {
                    "ar": "يتضمن كل جواب عنوان الإدارة وهاتفها وفاكسها وموقعها (المادة 10): انشروها أولا.",
                    "fr": "Toute réponse porte les coordonnées de l'administration (art. 10) :"
                    " publiez-les d'abord.",
                    "en": "Every reply carries the contact block (art. 10): publish it first.",
                },
                publish=f"/chikaya/v1/administrations/{self.code}",
            )
        return self.desk
