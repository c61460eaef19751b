"""What the rules point out, and what a person then shows to everybody."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from services.chikaya.domain import Action, Report, State
from services.chikaya.domain.moderation import CUT, flags_in, proposed, read, rules
from services.chikaya.domain.values import Attachment
from services.chikaya.events.report import Outcome
from shared.auth import Role
from shared.data import BadData
from shared.errors import Conflict, Forbidden, Invalid
from tests.chikaya import cases
from tests.chikaya.cases import AGENT, CITIZEN, DESK, NOW, OFFICER, REASONS

NUMBER: Final = "06 12 34 56 78"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("اتصلوا بي على ٠٦ ١٢ ٣٤ ٥٦ ٧٨ من فضلكم", {"phone": "٠٦ ١٢ ٣٤ ٥٦ ٧٨"}),
        ("mon numéro: +212 6.12.34.56.78.", {"phone": "+212 6.12.34.56.78"}),
        ("00212522000000", {"phone": "00212522000000"}),
        ("écrivez à Amina.B@example.ma !", {"email": "Amina.B@example.ma"}),
        ("بطاقتي الوطنية BE123456", {"cin": "BE123456"}),
        ("la voiture 12345-أ-6 stationne ici", {"plate": "12345-أ-6"}),
        ("السيارة ١٢٣٤٥ | ب | ٢٦", {"plate": "١٢٣٤٥ | ب | ٢٦"}),
        ("camion 4521 A 33", {"plate": "4521 A 33"}),
        ("WW 123456", {"plate": "WW 123456", "cin": "WW 123456"}),
        ("RIB 011 519 0000012050005349 21", {"bank_account": "011 519 0000012050005349 21"}),
        ("وهاد الحقيييير ما دار والو", {"insult_ar": "الحقيييير"}),
        ("وَلَدُ الكَلْبِ هذا", {"insult_darija": "وَلَدُ الكَلْبِ"}),
        ("الزوامـــل ديال الجماعة", {"insult_darija": "الزوامـــل"}),
        ("wld L9ahba dyal moqaddem", {"insult_darija_latin": "wld L9ahba"}),
        ("Quels CONNNNARDS", {"insult_fr": "CONNNNARDS"}),
        ("espèce d’ordure", {"insult_fr": "espèce d’ordure"}),
        ("un enculé", {"insult_fr": "enculé"}),
    ],
)
def test_what_is_pointed_out(text: str, found: dict[str, str]) -> None:
    assert {flag.rule: text[flag.start : flag.end] for flag in flags_in(text)} == found
    assert all(span not in proposed(text) for span in found.values())
    assert CUT in proposed(text)


@pytest.mark.parametrize(
    "text",
    [
        "حفرة كبيرة أمام المدرسة، سقط فيها طفل عمره 5 و 10 سنوات",
        "كلاب ضالة وكلب ميت قرب السوق، وحمار في الطريق الوطنية 6",
        "Des chiens errants et des ordures devant le 12, rue 15, depuis 2026-11-22 à 08:30",
        "Le conseil a condamné la conduite ; le contenu est inconnu",
        "RN 6 PK 120, lot 12345, facture 000123456789",
        "kayn 7ofra kbira f zen9a 12",
    ],
)
def test_what_people_report_is_not_pointed_out(text: str) -> None:
    assert flags_in(text) == ()
    assert proposed(text) == text


def test_every_rule_finds_what_it_lists_and_says_where_it_is_from() -> None:
    for rule in rules().values():
        assert set(rule.name) == {"ar", "fr", "en"}
        assert rule.source
        for word in rule.words:
            found = [flag for flag in flags_in(f"- {word} -") if flag.rule == rule.code]
            assert [(flag.start, flag.end) for flag in found] == [(2, 2 + len(word))], word


@pytest.mark.parametrize(
    ("was", "wrong"), [("pattern: '(", "pattern: '(("), ("words: [con,", "pattern: x\n  words: [con,")]
)
def test_a_rule_that_is_none_is_refused_with_its_line(tmp_path: Path, was: str, wrong: str) -> None:
    text = (Path("services/chikaya/catalogue/moderation.yaml")).read_text(encoding="utf-8")
    (tmp_path / "moderation.yaml").write_text(text.replace(was, wrong, 1), encoding="utf-8")
    with pytest.raises(BadData, match=r"moderation\.yaml:\d+: "):
        read(tmp_path / "moderation.yaml")


def _flagged(**changes: Any) -> Report:
    return cases.acknowledged(text=f"حفرة كبيرة، اتصلوا على {NUMBER}", **changes)


def test_nothing_is_shown_before_a_person_says_so() -> None:
    made = _flagged()
    assert (made.flagged, made.published, made.to_review, made.review) == (True, False, True, None)
    assert cases.acknowledged().flagged is False


def test_what_is_flagged_is_shown_with_cuts_or_with_reasons() -> None:
    made = _flagged()
    with pytest.raises(Invalid) as refusal:
        made.publish(by=AGENT, now=NOW)
    assert (refusal.value.code, refusal.value.extra["flags"]) == ("flagged", ["phone"])
    assert not made.published
    cut = made.publish(text=f"حفرة كبيرة، {CUT}", by=AGENT, now=NOW)
    assert (cut.redacted, cut.flags) == (True, ())
    assert made.review is not None
    assert (made.published, made.review.text) == (True, f"حفرة كبيرة، {CUT}")
    assert made.text.endswith(NUMBER), "what was written stays"
    whole = made.publish(reasons="C'est le standard de la commune.", by=AGENT, now=NOW)
    assert (whole.redacted, whole.flags) == (False, ("phone",))


@pytest.mark.parametrize(
    "shown",
    [
        "حفرة صغيرة",
        "حفرة كبيرة",  # a cut that nothing shows
        f"طريق {CUT}",
        f"{NUMBER} {CUT} حفرة كبيرة",
    ],
)
def test_nothing_is_put_into_anybodys_mouth(shown: str) -> None:
    made = _flagged()
    with pytest.raises(Invalid, match="not_a_redaction"):
        made.publish(text=shown, reasons=REASONS, by=AGENT, now=NOW)


def test_a_reply_is_shown_once_somebody_looked_at_it_and_a_later_one_is_looked_at_again() -> None:
    made = cases.acknowledged()
    with pytest.raises(Invalid, match="no_reply"):
        made.publish(reply=REASONS, by=AGENT, now=NOW)
    made.publish(by=AGENT, now=NOW)
    assert made.to_review is False
    cases.in_progress(made)
    made.answer(Outcome.EXPLAINED, f"{REASONS} Appelez le {NUMBER}.", DESK, by=OFFICER, now=NOW)
    assert (made.to_review, made.flagged) == (True, True)
    assert made.review is not None
    assert made.review.reply is None
    made.publish(reply=f"{REASONS} {CUT}.", by=AGENT, now=NOW)
    assert not made.to_review
    assert made.review.reply == f"{REASONS} {CUT}."


def test_photos_are_shown_by_a_persons_word_one_by_one() -> None:
    files = (
        Attachment(file="a", media_type="image/jpeg"),
        Attachment(file="b", media_type="image/png"),
        Attachment(file="c", media_type="audio/mpeg"),
    )
    made = cases.acknowledged(attachments=files)
    for wrong in ("c", "d"):
        with pytest.raises(Invalid, match="photo_unknown"):
            made.publish(photos={wrong: "x"}, by=AGENT, now=NOW)
    with pytest.raises(Invalid, match="photo_unreadable"):
        made.publish(photos={"a": None}, by=AGENT, now=NOW)
    assert made.publish(photos={"b": "x"}, by=AGENT, now=NOW).photos == 1
    assert [(one.public, one.shown_as) for one in made.attachments] == [
        (False, None),
        (True, "x"),
        (False, None),
    ]
    made.withhold(REASONS, by=AGENT, now=NOW)
    assert not any(one.public or one.shown_as for one in made.attachments)
    assert (made.published, made.to_review) == (False, False)


def test_whoever_reported_does_not_publish_it_and_the_office_elsewhere_neither() -> None:
    roles = frozenset({Role.CITIZEN, Role.AGENT})
    both = type(CITIZEN)(subject=CITIZEN.subject, roles=roles, communes=AGENT.communes)
    for by in (both, cases.ELSEWHERE, cases.GOVERNOR, cases.STRANGER):
        with pytest.raises(Forbidden):
            cases.acknowledged().publish(by=by, now=NOW)


def test_what_is_nobodys_to_see_is_not_published() -> None:
    made = cases.acknowledged(category="reception")
    assert made.to_review is False
    with pytest.raises(Conflict, match="category_not_public"):
        made.publish(by=AGENT, now=NOW)
    abusive = cases.REACH[State.INADMISSIBLE]()
    assert abusive.to_review is False
    assert Action.PUBLISH not in abusive.actions(AGENT)


def test_marks_and_spans_are_those_of_the_text_as_it_was_written() -> None:
    text = "e\u0301crivez au " + "٠٦١٢٣٤٥٦٧٨"
    [flag] = flags_in(text)
    assert re.fullmatch(r"[٠-٩]{10}", text[flag.start : flag.end])
