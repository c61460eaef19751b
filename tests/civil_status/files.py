"""Files of acts as other systems write them."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from services.civil_status.domain.taken_over import OPTIONAL, REQUIRED

OFFICE = "06.141.01.0-01"
COLUMNS = (*REQUIRED, *OPTIONAL)


def line(number: int, **changes: str) -> dict[str, str]:
    """A birth in Casablanca, 1987."""
    return {
        "kind": "birth",
        "office": OFFICE,
        "year": "1987",
        "number": str(number),
        "event_on": "1987-03-02",
        "place": "الدار البيضاء",
        "given_ar": "محمد",
        "given_latin": "Mohamed",
        "family_ar": "بنعلي",
        "family_latin": "Benali",
        "sex": "male",
        "father_given_ar": "أحمد",
        "father_given_latin": "Ahmed",
        "mother_given_ar": "فاطمة",
        "mother_given_latin": "Fatima",
        "drawn_up_on": "1987-03-10",
    } | changes


def lines(amount: int) -> list[dict[str, str]]:
    """Distinct acts, of two offices."""
    return [
        line(number // 2 + 1, office=OFFICE if number % 2 else "06.141.01.0-02") for number in range(amount)
    ]


def written(
    path: Path,
    rows: Iterable[Mapping[str, str]],
    *,
    columns: Iterable[str] = COLUMNS,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(columns), restval="", extrasaction="ignore", delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path
