"""What is printed: an output of the register, or what a person states, as the lines of a document."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import chain
from typing import Any, Final

from services.watiqa.domain.catalogue import Layout, catalogue
from services.watiqa.domain.request import Request
from services.watiqa.domain.values import Statement
from shared.data import Names
from shared.documents.content import Content, Field, Texts
from shared.territory import territory
from shared.time import MONTHS, civil_day, day_text

Said = Mapping[str, Any]
"""An output as the register sealed it: `output`, `kind`, `office`, `year`, `number`, `blocks`, `mentions`."""

LABELS: Final[dict[str, Names]] = {
    "number": {"ar": "رقم الرسم", "fr": "N° de l'acte", "en": "Act no."},
    "office": {"ar": "مكتب الحالة المدنية", "fr": "Bureau d'état civil", "en": "Civil status office"},
    "identifier": {"ar": "المعرف", "fr": "Identifiant", "en": "Identifier"},
    "birth": {"ar": "تاريخ الولادة", "fr": "Date de naissance", "en": "Date of birth"},
    "death": {"ar": "تاريخ الوفاة", "fr": "Date de décès", "en": "Date of death"},
    "hijri": {"ar": "الموافق (هجري)", "fr": "Date hégirienne", "en": "Hijri date"},
    "hijri_computed": {
        "ar": "الموافق حسابا",
        "fr": "Hégire (calculé)",
        "en": "Hijri (computed)",
    },
    "time": {"ar": "الساعة", "fr": "Heure", "en": "Hour"},
    "place": {"ar": "المكان", "fr": "Lieu", "en": "Place"},
    "facility": {"ar": "المؤسسة الصحية", "fr": "Établissement de santé", "en": "Health facility"},
    "sex": {"ar": "الجنس", "fr": "Sexe", "en": "Sex"},
    "nationality": {"ar": "الجنسية", "fr": "Nationalité", "en": "Nationality"},
    "father": {"ar": "الأب", "fr": "Père", "en": "Father"},
    "mother": {"ar": "الأم", "fr": "Mère", "en": "Mother"},
    "spouse": {"ar": "الزوج(ة)", "fr": "Conjoint", "en": "Spouse"},
    "declarant": {"ar": "المصرح", "fr": "Déclarant", "en": "Declarant"},
    "occupation": {"ar": "المهنة", "fr": "Profession", "en": "Occupation"},
    "birthplace": {"ar": "مكان الازدياد", "fr": "Lieu de naissance", "en": "Place of birth"},
    "address": {"ar": "العنوان", "fr": "Adresse", "en": "Address"},
    "died_on": {"ar": "بيان الوفاة", "fr": "Décédé(e) le", "en": "Died on"},
    "status": {"ar": "الحالة العائلية", "fr": "Situation de famille", "en": "Marital status"},
    "seen_on": {"ar": "شوهد(ت) على قيد الحياة بتاريخ", "fr": "Vu(e) en vie le", "en": "Seen alive on"},
}
SEX: Final[dict[str, Names]] = {
    "female": {"ar": "أنثى", "fr": "féminin", "en": "female"},
    "male": {"ar": "ذكر", "fr": "masculin", "en": "male"},
}
STATUS: Final[dict[str, Names]] = {
    "marriage": {"ar": "متزوج(ة)", "fr": "marié(e)", "en": "married"},
    "dissolution": {"ar": "انحل ميثاق زواجه(ا)", "fr": "mariage dissous", "en": "marriage dissolved"},
    "": {"ar": "لا بيان بالزواج", "fr": "aucune mention de mariage", "en": "no mention of marriage"},
}
NOTES: Final[dict[Layout, Names]] = {
    Layout.RECORD: {
        "ar": "حرر طبقا للسجل الوطني للحالة المدنية"
        " (القانون 36-21، المادتان 14 و43؛ المرسوم 2.22.04، المادتان 44 و45).",
        "fr": "Délivré d'après le registre national de l'état civil"
        " (loi 36-21, art. 14 et 43 ; décret 2-22-04, art. 44 et 45).",
    },
    Layout.LIFE: {
        "ar": "يشهد ضابط الحالة المدنية أن المعني بالأمر حضر أمامه على قيد الحياة.",
        "fr": "L'officier d'état civil certifie que la personne s'est présentée, vivante, devant lui.",
    },
    Layout.RESIDENCE: {
        "ar": "سلمت هذه الشهادة بناء على تصريح المعني بالأمر وعلى ما أدلى به من حجج.",
        "fr": "Délivré sur la déclaration de l'intéressé et au vu des preuves produites.",
    },
}
NOTES[Layout.MULTILINGUAL] = NOTES[Layout.SHEET] = NOTES[Layout.RECORD]

DETAILS: Final = ("birthplace", "occupation", "address")
HIJRI: Final[dict[str, tuple[str, ...]]] = {
    "ar": (
        *("محرم", "صفر", "ربيع الأول", "ربيع الآخر", "جمادى الأولى", "جمادى الآخرة"),
        *("رجب", "شعبان", "رمضان", "شوال", "ذو القعدة", "ذو الحجة"),
    ),
    "fr": (
        *("moharrem", "safar", "rabii I", "rabii II", "joumada I", "joumada II"),
        *("rejeb", "chaabane", "ramadan", "chaoual", "kaada", "hija"),
    ),
    "en": (
        *("Muharram", "Safar", "Rabi I", "Rabi II", "Jumada I", "Jumada II"),
        *("Rajab", "Shaban", "Ramadan", "Shawwal", "Dhu al-Qada", "Dhu al-Hijja"),
    ),
}
"""The months of the Hijri year; in French as the Bulletin officiel writes them."""


def paper(request: Request, said: Said | None, now: datetime) -> Content:
    """The page of this request. `said` is None for what the person states. Raises Invalid for what cannot be
    printed, when it is: its text is checked by `canonical`.
    """
    layout = request.listed.layout
    mentions: tuple[Texts, ...] = ()
    if said is None:
        assert request.statement is not None
        holder, lines, reference = _stated(request.statement), _residence(request.statement), str(request.id)
    else:
        holder, reference = _called(said["blocks"]["subject"]), _reference(said)
        lines = chain(_event(layout, said), _people(layout, said["blocks"]), _standing(layout, said, now))
        if layout is Layout.RECORD:
            mentions = tuple(_two(one["text"]) for one in said.get("mentions", ()))
    return Content(
        issuer=_letterhead(request.collectivity),
        title=_translated(request.listed.title, both=layout is Layout.MULTILINGUAL),
        reference=reference,
        issued=_two(day_text(civil_day(now))),
        holder=holder,
        fields=tuple(lines),
        mentions=mentions,
        notes=(NOTES[layout],),
    )


def died(said: Said) -> bool:
    """Whether the register knows that the person of an act of birth is dead: by its margin, or by an act."""
    return (
        bool(said.get("deceased"))
        or said.get("died_on") is not None
        or any(one["kind"] == "death" for one in said.get("mentions", ()))
    )


def _event(layout: Layout, said: Said) -> Iterator[Field]:
    both = layout is Layout.MULTILINGUAL
    event, subject = said["blocks"]["event"], said["blocks"]["subject"]
    yield _line("number", {"und": _reference(said)}, both=both)
    yield _line("office", _place(said["office"].rpartition("-")[0]), both=both)
    yield _line(said["kind"], _day(event["on"], both=both), both=both)
    if hijri := event["on"].get("hijri"):
        label = "hijri_computed" if event["on"].get("hijri_computed") else "hijri"
        yield _line(label, _hijri(hijri, both=both), both=both)
    for label, value in (("time", event.get("time")), ("identifier", said.get("identifier"))):
        if value:
            yield _line(label, {"und": value}, both=both)
    yield _line("place", _own(event["place"]), both=both)
    if event.get("facility"):
        yield _line("facility", _own(event["facility"]), both=both)
    if subject.get("sex"):
        yield _line("sex", _translated(SEX[subject["sex"]], both=both), both=both)
    if layout is Layout.RECORD:
        yield from _details(subject)


def _people(layout: Layout, blocks: Said) -> Iterator[Field]:
    both = layout is Layout.MULTILINGUAL
    for who in ("father", "mother", "spouse"):
        if person := blocks.get(who):
            yield _line(who, _called(person), both=both)
            if layout is Layout.RECORD:
                yield from _details(person)
    if layout is Layout.RECORD and blocks.get("declarant"):
        declarant = blocks["declarant"]["person"]
        yield _line("declarant", _called(declarant))
        yield from _details(declarant)


def _details(person: Said) -> Iterator[Field]:
    """What a copy says of somebody besides the name: all that the act has (2-22-04 art. 44); an extract has
    none of it. The register takes a nationality for Moroccan where nobody stated another.
    """
    if person.get("born"):
        yield _line("birth", _day(person["born"], both=False))
    if person.get("nationality", "MA") != "MA":
        yield _line("nationality", {"und": person["nationality"]})
    for detail in DETAILS:
        if person.get(detail):
            yield _line(detail, _own(person[detail]))


def _standing(layout: Layout, said: Said, now: datetime) -> Iterator[Field]:
    if layout is Layout.LIFE:
        yield _line("seen_on", _two(day_text(civil_day(now))))
        return
    if layout is Layout.SHEET:
        noted = [one["kind"] for one in said["mentions"] if one["kind"] in STATUS]
        yield _line("status", _two(STATUS[noted[-1] if noted else ""]))
    if said.get("died_on"):
        both = layout is Layout.MULTILINGUAL
        yield _line(
            "died_on", _translated(day_text(date.fromisoformat(said["died_on"])), both=both), both=both
        )


def _residence(statement: Statement) -> Iterator[Field]:
    if statement.born_on:
        yield _line("birth", _two(day_text(statement.born_on)))
    yield _line("address", _own(statement.address))


def _reference(said: Said) -> str:
    return f"{said['number']}/{said['year']}"


def _line(label: str, value: Texts, *, both: bool = False) -> Field:
    return Field(label=_translated(LABELS[label], both=both), value=value)


def _translated(text: Names, *, both: bool) -> Texts:
    return {"ar": text["ar"], "fr": f"{text['fr']} / {text['en']}" if both else text["fr"]}


def _called(person: Said) -> Texts:
    """In every script in which the register has the given name; a family name that one lacks is left out."""
    names = [person["given"]] + ([person["family"]] if person.get("family") else [])
    scripts = {"ar": "ar", "fr": "latin", "zgh": "tifinagh"}
    return {
        language: " ".join(str(name[script]) for name in names if name.get(script))
        for language, script in scripts.items()
        if person["given"].get(script)
    }


def _stated(statement: Statement) -> Texts:
    latin = " ".join(one for one in (statement.given_latin, statement.family_latin) if one)
    return {"ar": f"{statement.given_ar} {statement.family_ar}"} | ({"fr": latin} if latin else {})


def _day(on: Said, *, both: bool) -> Texts:
    """As exact as the register knows it."""
    if on.get("day"):
        return _translated(day_text(date(on["year"], on["month"], on["day"])), both=both)
    if on.get("month"):
        named = {lang: f"{names.split()[on['month'] - 1]} {on['year']}" for lang, names in MONTHS.items()}
        return _translated(named, both=both)
    return {"und": str(on["year"])}


def _hijri(day: str, *, both: bool) -> Texts:
    """`1447-09-01`, in words."""
    year, month, in_month = (int(part) for part in day.split("-"))
    first = {"ar": "فاتح", "fr": "1er"} if in_month == 1 else {}
    named = {
        lang: f"{first.get(lang, in_month)} {months[month - 1]} {year}" for lang, months in HIJRI.items()
    }
    return _translated(named, both=both)


def _own(text: str) -> Texts:
    """Somebody's own words stand in the script that they are written in."""
    arabic = any("\u0600" <= letter <= "\u06ff" for letter in text)
    return {"ar": text} if arabic else {"fr": text}


def _place(code: str) -> Texts:
    place = territory().get(code)
    return {"ar": place.name_ar, "fr": place.name_fr}


def _letterhead(code: str) -> tuple[Names, ...]:
    """From the State down to the office that issues."""
    place, province = territory().get(code), territory().province_of(code)
    kind_ar, kind_fr = ("عمالة", "Préfecture") if province.prefecture else ("إقليم", "Province")
    own_ar, own_fr = ("مقاطعة", "Arrondissement") if place.kind == "arrondissement" else ("جماعة", "Commune")
    return (
        {"ar": "المملكة المغربية", "fr": "Royaume du Maroc"},
        {"ar": "وزارة الداخلية", "fr": "Ministère de l'Intérieur"},
        {"ar": f"{kind_ar} {province.name_ar}", "fr": f"{kind_fr} : {province.name_fr}"},
        {"ar": f"{own_ar} {place.name_ar}", "fr": f"{own_fr} : {place.name_fr}"},
        {"ar": "مكتب الحالة المدنية", "fr": "Bureau de l'état civil"},
    )


def _two(text: Names) -> Names:
    return {language: text[language] for language in ("ar", "fr")}


KINDS: Final[dict[str, Names]] = {code: one.title for code, one in catalogue().documents.items()}
"""Every document that this service issues, by its code."""
