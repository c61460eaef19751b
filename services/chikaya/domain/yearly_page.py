"""The yearly report as the lines of a sealed page."""

from datetime import datetime
from typing import Final

from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.yearly_report import (
    SPACE,
    TITLES,
    Account,
    Statement,
    YearlyReport,
    grouped,
    lines,
    percent,
    shown,
)
from shared.data import Names
from shared.documents.content import Content, Field
from shared.territory import territory
from shared.time import civil_day, day_text

YEARLY: Final = "yearly_report"
KINDS: Final[dict[str, Names]] = {
    YEARLY: {
        "ar": "التقرير السنوي حول الشكايات والملاحظات والاقتراحات",
        "fr": "Rapport annuel sur les réclamations, observations et suggestions",
        "en": "Yearly report on complaints, observations and suggestions",
    }
}
"""Every document that this service issues, by its code."""
MOST_CAUSES: Final = 15
CAUSE: Final[Names] = {"ar": "السبب المتكرر {}", "fr": "Cause récurrente {}"}
OTHERS: Final[Names] = {"ar": "أسباب أخرى", "fr": "Autres causes"}
COUNTED: Final[Names] = {
    "ar": f"{{name}}: {{number}}{SPACE}({{share}})",
    "fr": f"{{name}}{SPACE}: {{number}}{SPACE}({{share}})",
}
PROPOSALS: Final[Names] = {"ar": "اقتراحات المصلحة:", "fr": "Propositions du service :"}
NONE: Final[Names] = {"ar": "لم يقدم أي اقتراح.", "fr": "Aucune proposition n'a été faite."}
CORRECTION: Final[Names] = {"ar": "تصحيح", "fr": "Correction"}
CORRECTED: Final[Names] = {
    "ar": "يحل محل التقرير المنشور يوم {}.",
    "fr": "Remplace le rapport publié le {}.",
}
REASONS: Final[Names] = {"ar": "سبب التصحيح", "fr": "Motif"}
BASIS: Final[Names] = {
    "ar": "حرر طبقا للمادتين 14 و18 من المرسوم رقم 2.17.265. تحتسب التبليغات في السنة التي توصلت"
    " بها الإدارة. الأجل الوسيط هو ما لم يتجاوزه نصف الأجوبة، ثم ما لم يتجاوزه تسعة أعشارها، بالأيام"
    " الكاملة من التوصل إلى الجواب الأول. نسبة ما أجيب عنه في أجل 60 يوما من مجموع ما أجيب عنه وما"
    " انصرم أجله. يرفع إلى العامل ما انصرم أجله دون جواب.",
    "fr": "Établi en application des articles 14 et 18 du décret 2-17-265. Les signalements sont comptés"
    " l'année de leur réception. Le délai médian, et celui de neuf réponses sur dix, vont de la réception à"
    " la première réponse, en jours entiers. La part des 60 jours est celle des signalements répondus ou"
    " dont le délai est passé. Sont portés au gouverneur ceux dont il est passé sans réponse.",
}


def page(report: YearlyReport) -> Content:
    """Of a report that is published, or corrected."""
    assert report.account is not None
    assert report.published_at is not None
    place = territory().get(report.collectivity)
    province = territory().province_of(place.code)
    total = report.account.total
    fields = [
        Field(label={"ar": "السنة", "fr": "Année"}, value={"und": str(report.year)}),
        *_correction(report, report.published_at),
        *(
            Field(label=TITLES[name], value={"und": shown(name, value)})
            for name, value in lines(total).items()
        ),
        *_causes(report.account),
    ]
    proposals: list[Names] = [
        _said(one, {"ar": f"{number}. {{}}", "fr": f"{number}. {{}}"})
        for number, one in enumerate(report.proposals, start=1)
    ]
    return Content(
        issuer=(
            {"ar": "المملكة المغربية", "fr": "Royaume du Maroc"},
            {"ar": "وزارة الداخلية", "fr": "Ministère de l'Intérieur"},
            {"ar": f"عمالة {province.name_ar}", "fr": f"Préfecture : {province.name_fr}"}
            if province.prefecture
            else {"ar": f"إقليم {province.name_ar}", "fr": f"Province : {province.name_fr}"},
            {"ar": f"مقاطعة {place.name_ar}", "fr": f"Arrondissement : {place.name_fr}"}
            if place.kind == "arrondissement"
            else {"ar": f"جماعة {place.name_ar}", "fr": f"Commune : {place.name_fr}"},
        ),
        title=_two(KINDS[YEARLY]),
        reference=f"{place.code} / {report.year}",
        issued=_day(report.corrected_at or report.published_at),
        fields=tuple(fields),
        notes=(PROPOSALS if proposals else NONE, *proposals, BASIS),
    )


def _correction(report: YearlyReport, published_at: datetime) -> list[Field]:
    if report.correction is None:
        return []
    day = _day(published_at)
    said = {language: text.format(day[language]) for language, text in CORRECTED.items()}
    return [
        Field(label=CORRECTION, value=said),
        Field(label=REASONS, value=_said(report.correction, {"ar": "{}", "fr": "{}"})),
    ]


def _causes(account: Account) -> list[Field]:
    """The most frequent first; what the page has no room for is one line."""
    found: list[tuple[Names, Names, int]] = []
    for number, (code, figures) in enumerate(account.causes.items(), start=1):
        label = {language: text.format(number) for language, text in CAUSE.items()}
        found.append((label, catalogue().category(code).name, figures.received))
    if rest := sum(received for _, _, received in found[MOST_CAUSES:]):
        found[MOST_CAUSES:] = [(OTHERS, OTHERS, rest)]
    return [Field(label=label, value=_counted(name, n, account.total.received)) for label, name, n in found]


def _counted(name: Names, received: int, total: int) -> Names:
    number, share = grouped(received), percent(received / total)
    return {
        language: text.format(name=name[language], number=number, share=share)
        for language, text in COUNTED.items()
    }


def _said(one: Statement, around: Names) -> Names:
    """In the languages in which the office says it."""
    said = {"ar": one.ar, "fr": one.fr}
    return {language: around[language].format(text) if text else "" for language, text in said.items()}


def _day(instant: datetime) -> Names:
    return _two(day_text(civil_day(instant)))


def _two(text: Names) -> Names:
    return {language: text[language] for language in ("ar", "fr")}
