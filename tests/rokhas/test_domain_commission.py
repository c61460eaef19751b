"""Individual opinions, the sitting, its minutes; fees and payments."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.rokhas.domain.recueil import Confidence, FeeKind, ListedFee
from services.rokhas.domain.values import PaymentState
from services.rokhas.events import OpinionOutcome
from shared.errors import Conflict, Invalid, NotFound
from tests.rokhas.cases import (
    AGENT,
    CITIZEN,
    DIGEST,
    GOVERNOR,
    INSTRUCTOR,
    LATE,
    PRESIDENT,
    SOON,
    granted,
    running,
)


def test_rgc_38_the_minutes_record_individual_opinions() -> None:
    dossier = running()
    dossier.forward(by=INSTRUCTOR, now=SOON)
    dossier.convene(SOON + timedelta(days=5), by=INSTRUCTOR, now=SOON)
    dossier.give_opinion("commune", OpinionOutcome.FAVOURABLE, by=AGENT, now=SOON)
    dossier.give_opinion("province", OpinionOutcome.WITH_RESERVATIONS, reasons="Accès", by=GOVERNOR, now=SOON)
    dossier.give_opinion(
        "urban_agency", OpinionOutcome.UNFAVOURABLE, reasons="Zone", document=DIGEST, by=AGENT, now=SOON
    )
    minutes = dossier.sign_minutes(DIGEST, by=INSTRUCTOR, now=LATE)
    assert minutes.favourable == ("commune", "province")
    assert minutes.unfavourable == ("urban_agency",)
    assert minutes.silent == ("networks",)
    with pytest.raises(Conflict, match="minutes_signed"):
        dossier.sign_minutes(DIGEST, by=INSTRUCTOR, now=LATE)
    with pytest.raises(Conflict, match="minutes_signed"):
        dossier.convene(LATE, by=INSTRUCTOR, now=SOON)


def test_rgc_22_24_only_the_procedures_actors_are_asked_each_once() -> None:
    dossier = running()
    assert dossier.request_opinion("urban_agency", by=INSTRUCTOR, now=SOON).binding
    with pytest.raises(Conflict, match="opinion_requested"):
        dossier.request_opinion("urban_agency", by=INSTRUCTOR, now=SOON)
    with pytest.raises(Invalid, match="opinion_not_collected"):
        dossier.request_opinion("land_registry", by=INSTRUCTOR, now=SOON)
    with pytest.raises(Invalid, match="opinion_not_collected"):
        dossier.convene(LATE, ["land_registry"], by=INSTRUCTOR, now=SOON)
    opinion = {"document": DIGEST, "by": AGENT, "now": SOON}
    dossier.give_opinion("urban_agency", OpinionOutcome.FAVOURABLE, **opinion)  # type: ignore[arg-type]  # by name
    with pytest.raises(Conflict, match="opinion_given"):
        dossier.give_opinion("urban_agency", OpinionOutcome.FAVOURABLE, **opinion)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("document", [None, " "])
def test_113_14_art_101_a_binding_opinion_is_on_paper(document: str | None) -> None:
    dossier = running()
    with pytest.raises(Invalid, match="opinion_document_missing"):
        dossier.give_opinion("urban_agency", OpinionOutcome.FAVOURABLE, document=document, by=AGENT, now=SOON)
    dossier.give_opinion("urban_agency", OpinionOutcome.FAVOURABLE, document=DIGEST, by=AGENT, now=SOON)
    assert dossier.opinions["urban_agency"].document == DIGEST


def test_rgc_38_no_opinion_once_the_minutes_are_signed() -> None:
    dossier = running("construction_small")
    dossier.sign_minutes(DIGEST, by=INSTRUCTOR, now=SOON)
    with pytest.raises(Conflict, match="minutes_signed"):
        dossier.give_opinion("commune", OpinionOutcome.FAVOURABLE, by=AGENT, now=LATE)


def test_rgc_18_a_sitting_lies_within_90_days() -> None:
    dossier = running()
    with pytest.raises(Invalid, match="sitting_too_far") as refusal:
        dossier.convene(datetime(9000, 1, 1, tzinfo=UTC), by=INSTRUCTOR, now=SOON)
    assert refusal.value.extra["latest"] == "2026-06-03T10:00:00Z"
    with pytest.raises(Invalid, match="sitting_too_far"):
        dossier.convene(SOON + timedelta(days=90, seconds=1), by=INSTRUCTOR, now=SOON)
    assert dossier.sitting is None
    assert dossier.convene(SOON + timedelta(days=90), by=INSTRUCTOR, now=SOON)


def test_an_opinion_that_is_not_plainly_favourable_is_reasoned() -> None:
    for outcome in (OpinionOutcome.UNFAVOURABLE, OpinionOutcome.WITH_RESERVATIONS):
        with pytest.raises(Invalid, match="reasons_missing"):
            running().give_opinion("commune", outcome, by=AGENT, now=SOON)


def test_rgc_18_19_a_large_project_is_convened_a_small_one_heard_on_the_spot() -> None:
    with pytest.raises(Conflict, match="not_convened"):
        running("construction_large").sign_minutes(DIGEST, by=INSTRUCTOR, now=SOON)
    assert running("construction_small").sign_minutes(DIGEST, by=INSTRUCTOR, now=SOON)
    with pytest.raises(Conflict, match="action_not_permitted"):
        running("construction_small").forward(by=INSTRUCTOR, now=SOON)
    with pytest.raises(Conflict, match="action_not_permitted"):
        running("trench").convene(LATE, by=INSTRUCTOR, now=SOON)
    large = running("construction_large")
    large.forward(by=INSTRUCTOR, now=SOON)
    with pytest.raises(Conflict, match="already_forwarded"):
        large.forward(by=INSTRUCTOR, now=SOON)
    with pytest.raises(Invalid, match="sitting_in_past"):
        large.convene(SOON, by=INSTRUCTOR, now=LATE)


def test_rgc_31_33_network_fees_are_paid_before_delivery() -> None:
    dossier = granted()
    dossier.assess_fee("network_fees", amount=120_000, by=AGENT, now=SOON)
    dossier.assess_fee("service_fee", amount=5_000, by=AGENT, now=SOON)
    with pytest.raises(Conflict, match="fees_unpaid") as refusal:
        dossier.deliver(by=PRESIDENT, now=SOON)
    assert refusal.value.extra["fees"] == ["network_fees"]
    started = dossier.start_payment("p1", ["network_fees", "service_fee"], by=CITIZEN, now=SOON)
    assert started.amount == 125_000
    paid = dossier.settle_payment("p1", 125_000, now=SOON)
    assert paid is not None
    assert paid.fees == ("network_fees", "service_fee")
    dossier.deliver(by=PRESIDENT, now=SOON)


def test_a_fee_off_the_recueil_is_not_charged_and_none_twice() -> None:
    dossier = granted()
    with pytest.raises(Invalid, match="fee_not_in_recueil"):
        dossier.assess_fee("baksheesh", amount=1, by=AGENT, now=SOON)
    dossier.assess_fee("service_fee", amount=5_000, by=AGENT, now=SOON)
    with pytest.raises(Conflict, match="fee_assessed"):
        dossier.assess_fee("service_fee", amount=5_000, by=AGENT, now=SOON)


def test_a_duplicate_or_forged_callback_changes_nothing() -> None:
    dossier = granted()
    dossier.assess_fee("service_fee", amount=5_000, by=AGENT, now=SOON)
    dossier.start_payment("p1", ["service_fee"], by=CITIZEN, now=SOON)
    version = dossier.version
    with pytest.raises(Invalid, match="payment_amount"):
        dossier.settle_payment("p1", 4_999, now=SOON)
    with pytest.raises(NotFound, match="payment_unknown"):
        dossier.settle_payment("p2", 5_000, now=SOON)
    assert dossier.version == version
    assert dossier.settle_payment("p1", 5_000, now=SOON)
    assert dossier.settle_payment("p1", 5_000, now=LATE) is None
    assert dossier.fail_payment("p1", now=LATE) is None
    assert dossier.fees["service_fee"].paid_at == SOON
    assert dossier.version == version + 1


def test_a_failed_payment_is_tried_again_and_late_money_counts() -> None:
    dossier = granted()
    dossier.assess_fee("service_fee", amount=5_000, by=AGENT, now=SOON)
    dossier.start_payment("p1", ["service_fee"], by=CITIZEN, now=SOON)
    with pytest.raises(Conflict, match="payment_in_progress"):
        dossier.start_payment("p2", ["service_fee"], by=CITIZEN, now=SOON)
    with pytest.raises(Conflict, match="payment_exists"):
        dossier.start_payment("p1", ["service_fee"], by=CITIZEN, now=SOON)
    assert dossier.fail_payment("p1", now=SOON)
    dossier.start_payment("p2", ["service_fee"], by=CITIZEN, now=SOON)
    assert dossier.settle_payment("p1", 5_000, now=LATE)
    assert dossier.payments["p1"].state is PaymentState.PAID
    with pytest.raises(Invalid, match="fee_not_due"):
        dossier.start_payment("p3", ["service_fee"], by=CITIZEN, now=LATE)


def fee(kind: FeeKind, rate: int | None) -> ListedFee:
    return ListedFee(code="f", kind=kind, rate=rate, source="test", confidence=Confidence.UNCERTAIN)


@pytest.mark.parametrize(
    ("listed", "quantity", "stated", "due"),
    [
        (fee(FeeKind.FIXED, 2_000), None, None, 2_000),
        (fee(FeeKind.PER_UNIT, 2_000), Decimal("120.5"), None, 241_000),
        (fee(FeeKind.PER_UNIT, 3), Decimal("0.5"), None, 2),
        (fee(FeeKind.SHARE, 400), Decimal(1_000_050), None, 40_002),
        (fee(FeeKind.SHARE, 400), Decimal(1_000_050), 40_002, 40_002),
        (fee(FeeKind.ASSESSED, None), None, 7, 7),
    ],
)
def test_a_fee_is_computed_in_centimes(
    listed: ListedFee, quantity: Decimal | None, stated: int | None, due: int
) -> None:
    assert listed.amount(quantity=quantity, stated=stated) == due


@pytest.mark.parametrize(
    ("listed", "quantity", "stated", "problem"),
    [
        (fee(FeeKind.PER_UNIT, 2_000), None, None, "fee_quantity_missing"),
        (fee(FeeKind.PER_UNIT, 2_000), Decimal(-1), None, "fee_quantity_missing"),
        (fee(FeeKind.FIXED, 2_000), None, 1_999, "fee_amount_differs"),
        (fee(FeeKind.ASSESSED, None), Decimal(3), None, "fee_amount_missing"),
        (fee(FeeKind.ASSESSED, None), None, 0, "fee_amount_missing"),
    ],
)
def test_a_fee_wants_the_right_figure(
    listed: ListedFee, quantity: Decimal | None, stated: int | None, problem: str
) -> None:
    with pytest.raises(Invalid, match=problem):
        listed.amount(quantity=quantity, stated=stated)
