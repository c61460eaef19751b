"""Contents that documents may have, the awkward ones first."""

from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from shared.documents import Content, Field

ID: Final = UUID("0190a3f2-6c00-7000-8000-000000000007")
DAY: Final = date(2026, 11, 22)
ISSUED: Final = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
URL: Final = "https://verification.example.ma/verify"

HEAD: Final = (
    {"ar": "المملكة المغربية", "fr": "Royaume du Maroc"},
    {"ar": "وزارة الداخلية", "fr": "Ministère de l'Intérieur"},
    {"ar": "جماعة الدار البيضاء", "fr": "Commune : Casablanca"},
)
INJECTION: Final = '#read("/etc/passwd") *b* $1$ <x> \\u{41} @y //'


def line(label_ar: str, label_fr: str, **value: str) -> Field:
    return Field(label={"ar": label_ar, "fr": label_fr}, value=value)


def _content(title: str, **more: object) -> Content:
    said: dict[str, object] = {
        "issuer": HEAD,
        "title": {"ar": "نسخة كاملة من رسم الولادة", "fr": title},
        "reference": "1987/0042",
        "issued": {"ar": "الأحد 22 نونبر 2026", "fr": "dimanche 22 novembre 2026"},
    }
    return Content(**(said | more))  # type: ignore[arg-type]  # the tests check what comes out


PLAIN: Final = _content(
    "Copie intégrale d'acte de naissance",
    holder={"ar": "محمد العلوي", "fr": "Mohammed El Alaoui"},
    fields=(line("رقم الرسم", "N° de l'acte", und="1987/0042"), line("محل", "Lieu", ar="أنفا", fr="Anfa")),
)
LONG_NAMES: Final = _content(
    "Noms longs",
    holder={
        "ar": "محمد عبد الرحمن بن المختار بن عبد القادر الإدريسي الحسني العلوي السجلماسي الفيلالي",
        "fr": "Mohammed Abderrahmane Ben El Mokhtar Ben Abdelkader El Idrissi El Hassani Es-Sijilmassi",
        "zgh": "ⵎⵓⵃⵎⵎⴷ ⵄⴱⴷ ⵔⵔⵃⵎⴰⵏ ⴱⵏ ⵍⵎⵓⵅⵜⴰⵔ",
    },
)
NO_LATIN: Final = _content(
    "Nom latin absent",
    holder={"ar": "فاطمة بنت علي"},
    fields=(line("الأم", "Mère", ar="زينب بنت أحمد"), line("الأب", "Père", ar="علي بن حمو", fr="")),
)
TIFINAGH: Final = _content("Tifinagh", holder={"ar": "تيزيري", "fr": "Tiziri", "zgh": "ⵜⵉⵣⵉⵔⵉ"})
TWENTY: Final = _content(
    "Vingt mentions",
    holder={"ar": "محمد العلوي", "fr": "Mohammed El Alaoui"},
    mentions=tuple(
        {
            "ar": f"زواج بتاريخ {n} يناير 20{n:02d}، المحكمة الابتدائية بالدار البيضاء، رسم عدد {n * 17}",
            "fr": f"Mariage le {n} janvier 20{n:02d}, tribunal de Casablanca, acte {n * 17}",
        }
        for n in range(1, 21)
    ),
)
MARKUP: Final = _content(
    "Gabarit", holder={"ar": INJECTION, "fr": INJECTION}, notes=({"ar": "#v(1fr)", "fr": "*"},)
)
LONG_WORD: Final = _content("Mot long", holder={"ar": "عبد" * 33, "fr": "Abd" * 33})

SAMPLES: Final = {
    "plain": PLAIN,
    "long_names": LONG_NAMES,
    "no_latin": NO_LATIN,
    "tifinagh": TIFINAGH,
    "twenty_mentions": TWENTY,
    "markup": MARKUP,
    "long_word": LONG_WORD,
}
