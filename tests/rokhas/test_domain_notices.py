"""The words of notices and of the timeline, for every step in every state."""

from dataclasses import replace
from uuid import UUID

import pytest

from services.rokhas.domain import Action, Dossier
from services.rokhas.domain.notices import notices
from services.rokhas.domain.sentences import SENTENCES
from services.rokhas.domain.values import ClockChange, ExtensionGround
from services.rokhas.domain.words import sentence, short
from services.rokhas.events import DOSSIER, DossierEvent, Outcome
from tests.rokhas import cases


@pytest.mark.parametrize("action", sorted(cases.TAKE))
def test_every_step_has_its_sentence_in_three_languages(action: Action) -> None:
    for dossier, event in _taken(action):
        assert "{" not in str(sentence(event, dossier.procedure).values())
        for notice in notices(event, dossier):
            for language in ("ar", "fr", "en"):
                assert notice.told.title[language]
                said = notice.text[language]
                assert "None" not in said
                assert "{" not in said


def _taken(action: Action) -> list[tuple[Dossier, DossierEvent]]:
    _, step = cases.TAKE[action]
    found = []
    for reach in cases.REACH.values():
        dossier = reach()
        entered = {Action.CONFIRM_HANDOVER, Action.REJECT_HANDOVER}  # possible once a handover was recorded
        if (Action.RECORD_HANDOVER if action in entered else action) in dossier.available:
            found.append((dossier, step(dossier)))
    assert found
    return found


def test_every_event_has_a_sentence_and_no_sentence_is_without_its_event() -> None:
    events = {short(kind) for kind in DOSSIER.events if issubclass(kind, DossierEvent)}
    assert {key.partition(".")[0] for key in SENTENCES} == events
    assert all(set(said) == {"ar", "fr", "en"} for said in SENTENCES.values())


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_happened_elsewhere_was_told_there(outcome: Outcome) -> None:
    dossier, submitted = Dossier.imported(
        UUID(int=1),
        procedure=cases.PROCEDURES.at("construction_small", cases.FILED.date()),
        collectivity=cases.CASABLANCA,
        applicant="citizen-1",
        reference="2022/7",
        submitted_at=cases.FILED,
        by=cases.PRESIDENT,
        now=cases.SOON,
    )
    assert notices(submitted, dossier) == []
    running = dossier.observe(cases.clock(), ClockChange.STARTED)
    assert running is not None
    assert [notice.recipient for notice in notices(running, dossier)] == ["citizen-1"]
    dossier.version = 1
    done = dossier.decided_elsewhere(outcome, notified_at=cases.SOON, by=cases.PRESIDENT, now=cases.SOON)
    assert notices(done, dossier) == []


@pytest.mark.parametrize(
    ("days", "arabic"),
    [
        (1, "يوم واحد"),
        (2, "يومين"),
        (5, "5 أيام"),
        (10, "10 أيام"),
        (15, "15 يوما"),
        (30, "30 يوما"),
        (100, "100 يوم"),
    ],
)
def test_55_19_art_17_an_extension_counts_its_days_in_good_arabic(days: int, arabic: str) -> None:
    dossier = cases.running()
    event = dossier.extend(1, ExtensionGround.EXPERTISE, by=cases.INSTRUCTOR, now=cases.SOON)
    said = sentence(replace(event, days=days), dossier.procedure)
    assert f"ولمدة {arabic} لإنجاز" in said["ar"]


def test_a_handover_entered_after_the_expiry_is_told_to_applicant_governor_and_audit() -> None:
    late, in_time = cases.silent(), cases.running()
    for dossier, now in ((late, cases.LATE), (in_time, cases.SOON)):
        event = dossier.record_handover(
            Outcome.REFUSED,
            handed_over_at=cases.SOON,
            evidence=cases.DIGEST,
            reasons=[cases.REASON],
            by=cases.AGENT,
            now=now,
        )
        told = {notice.recipient for notice in notices(event, dossier)}
        watching = {"governor:06.141", "audit:06.141.01.0"} if dossier is late else set()
        assert told == {"citizen-1", "office:06.141.01.0"} | watching


def test_rgc_37_no_notice_threatens_for_a_complementary_document() -> None:
    dossier = cases.running()
    dossier.attach("surface_certificate", cases.DIGEST, by=cases.CITIZEN, now=cases.SOON)
    event = dossier.request_replacement(
        "r1", "surface_certificate", "Illisible", by=cases.INSTRUCTOR, now=cases.SOON
    )
    notice = next(n for n in notices(event, dossier) if n.recipient == "citizen-1")
    assert "30 jours" not in notice.text["fr"]
    assert "Le délai court toujours" in notice.text["fr"]
    assert "يستمر سريانه" in notice.text["ar"]
