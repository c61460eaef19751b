"""A decision is never refused for how its ground is written; events carry only what can name nobody."""

import pytest

from services.rokhas.domain.references import LONGEST, act, ground
from tests.rokhas import cases


@pytest.mark.parametrize(
    "written",
    [
        "12-90, art. 43",
        "RGC art. 40",
        "loi 12-90, art. 43 (2)",
        "loi 12-90, art. 1er",
        "loi 12-90, art. 43 et 47",
        "loi n° 12-90, art. 43, 44 et 47",
        "loi organique 113-14, art. 101",
        "arrêté 1839.23, art. 2",
        "décret n° 2-18-577, article 5",
        "RGU, art. 12 bis",
        "plan d'aménagement, art. 5",
        "plan d’aménagement, art. 5",
        "المادة 43 من القانون رقم 12-90",
    ],
)
def test_a_ground_in_a_usual_form_travels(written: str) -> None:
    assert ground(written) == written
    assert ground(f"  {written.replace(' ', '  ')}") == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        "x",
        "M. Bennani n'a pas payé, art. 4",
        "loi 12-90, art. 43, M. Bennani",
        "loi Bennani, art. 4",
        "BENNA art. 4",
        "loi 12-90, art. 43\nM. Bennani",
        "loi 12-90, art. " + ", ".join(["100-200"] * 10),
    ],
)
def test_any_other_stays_in_the_file(written: str) -> None:
    assert ground(written) is None


def test_the_longest_ground_is_bounded() -> None:
    written = "loi 12-90, art. " + ", ".join(["100-200"] * 7)
    assert (len(written), ground(written)) == (77, written)
    assert len(written) <= LONGEST


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("TA 12/2026", "TA 12/2026"),
        ("TA-CASA 12/2026", "TA-CASA 12/2026"),
        ("TA Casablanca 12/2026", "TA Casablanca 12/2026"),
        ("CAA Rabat n° 7110/7206/2026", "CAA Rabat n° 7110/7206/2026"),
        ("TA Bennani 12/2026", None),
        ("Jugement contre M. Bennani", None),
        ("", None),
    ],
)
def test_the_number_of_an_act(written: str, said: str | None) -> None:
    assert act(written) == said


def test_the_file_keeps_what_the_event_leaves_out() -> None:
    reason = cases.REASON
    odd = type(reason)(article="Règlement du lotissement Al Amal", text="Retrait insuffisant.")
    dossier = cases.running()
    event = dossier.refuse([odd, reason], by=cases.PRESIDENT, now=cases.SOON)
    assert event.TYPE.endswith("refused.v1")
    assert getattr(event, "articles", None) == (reason.article,)
    assert dossier.decision is not None
    assert dossier.decision.reasons == (odd, reason)
    permit = cases.delivered()
    annulled = permit.annul("Jugement n° 12 du 3 mars", by=cases.GOVERNOR, now=cases.SOON)
    assert (annulled.act, permit.annulment) == ("", "Jugement n° 12 du 3 mars")
