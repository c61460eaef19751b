"""The catalogue, for everybody: what may be asked for, by whom, how, and for how much."""

from typing import Annotated

from pydantic import BaseModel

from services.watiqa.api.common import authorize
from services.watiqa.domain.catalogue import Catalogue, Confidence, catalogue
from services.watiqa.events.request import Channel, Delivery
from shared.db import Tx
from shared.http import PUBLIC, Router, Texts

router = Router(prefix="/catalogue")


class WayOut(BaseModel):
    """`fee` in centimes."""

    delivery: Delivery
    fee: int
    source: str
    confidence: Confidence


class ProofOut(BaseModel):
    code: str
    label: Texts
    article: str
    confidence: Confidence


class CapacityOut(BaseModel):
    """`by_register`: no proof is wanted where the register knows that the act is of whoever asks;
    `authorisation`: the central authority decides first.
    """

    code: str
    label: Texts
    proofs: list[ProofOut]
    article: str
    confidence: Confidence
    by_register: bool
    authorisation: bool


class DocumentOut(BaseModel):
    """`needs_act`: say which act; otherwise state what is to be attested. Each fact has its source, and how
    well it is known: `C` text read, `P` secondary source, `B` general knowledge, `U` uncertain.
    """

    code: str
    title: Texts
    needs_act: bool
    automatic: bool
    channels: list[Channel]
    deliveries: list[WayOut]
    capacities: list[CapacityOut]
    source: str
    confidence: Confidence


class CatalogueOut(BaseModel):
    items: list[DocumentOut]


@router.get("")
async def documents(tx: Annotated[Tx, authorize(PUBLIC)]) -> CatalogueOut:
    """Who may ask is the list of law 36-21 art. 43."""
    known = catalogue()
    items = []
    for one in known.documents.values():
        capacities = [
            CapacityOut(
                code=code,
                label=Texts(**known.who.capacities[code].label),
                proofs=[_proof(known, proof) for proof in known.wanted(one, code)],
                article=known.who.capacities[code].article,
                confidence=known.who.capacities[code].confidence,
                by_register=known.who.capacities[code].by_register,
                authorisation=known.who.capacities[code].authorisation,
            )
            for code in one.capacities or known.who.capacities
        ]
        ways = [
            WayOut(delivery=way.delivery, fee=way.fee, source=way.source, confidence=way.confidence)
            for way in one.deliveries
        ]
        items.append(
            DocumentOut(
                code=one.code,
                title=Texts(**one.title),
                needs_act=one.register is not None,
                automatic=one.automatic,
                channels=list(one.channels),
                deliveries=ways,
                capacities=capacities,
                source=one.source,
                confidence=one.confidence,
            )
        )
    return CatalogueOut(items=items)


def _proof(known: Catalogue, code: str) -> ProofOut:
    proof = known.who.proofs[code]
    return ProofOut(code=code, label=Texts(**proof.label), article=proof.article, confidence=proof.confidence)
