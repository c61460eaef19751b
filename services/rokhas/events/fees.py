"""Fees and payments: amounts in centimes of dirham."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.rokhas.events.common import DossierEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeDue(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.fee_due.v1"
    assessed_at: datetime
    fee: str
    amount: int
    before_delivery: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStarted(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.payment_started.v1"
    started_at: datetime
    payment: str
    fees: tuple[str, ...]
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.paid.v1"
    paid_at: datetime
    payment: str
    fees: tuple[str, ...]
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(DossierEvent):
    TYPE: ClassVar = "ma.jamaa.rokhas.dossier.payment_failed.v1"
    failed_at: datetime
    payment: str
