"""What is printed: an output of the register, or what a person states, as the lines of a document."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import chain
from typing import Any, Final

from services.watiqa.domain.catalogue import Layout, Output, catalogue, countries
from services.watiqa.domain.request import Request
from services.watiqa.domain.spelled import in_letters
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
    "in_letters": {"ar": "التاريخ بالحروف", "fr": "En toutes lettres", "en": "In words"},
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
    "relation": {"ar": "صفة المصرح", "fr": "Qualité du déclarant", "en": "Declarant's relation"},
    "drawn_up_on": {"ar": "تاريخ تحرير الرسم", "fr": "Acte dressé le", "en": "Drawn up on"},
    "occupation": {"ar": "المهنة", "fr": "Profession", "en": "Occupation"},
    "birthplace": {"ar": "مكان الازدياد", "fr": "Lieu de naissance", "en": "Place of birth"},
    "address": {"ar": "العنوان", "fr": "Adresse", "en": "Address"},
    "died_on": {"ar": "بيان الوفاة", "fr": "Décédé(e) le", "en": "Died on"},
    "status": {"ar": "الحالة العائلية", "fr": "Situation de famille", "en": "Marital status"},
    "seen_on": {"ar": "شوهد(ت) على قيد الحياة بتاريخ", "fr": "Vu(e) en vie le", "en": "Seen alive on"},
}
OF: Final[dict[str, Names]] = {
    "father": {"ar": "الأب", "fr": "père", "en": "father"},
    "mother": {"ar": "الأم", "fr": "mère", "en": "mother"},
    "spouse": {"ar": "الزوج(ة)", "fr": "conjoint", "en": "spouse"},
    "declarant": {"ar": "المصرح", "fr": "déclarant", "en": "declarant"},
}
"""Of whom a detail is, said on its own line: a page may end before it."""
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
        " (القانون 36.21، المادتان 14 و43؛ المرسوم 2.22.04، المادتان 44 و45).",
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
NOTES[Layout.SHEET] = NOTES[Layout.RECORD]
NOTES[Layout.MULTILINGUAL] = NOTES[Layout.RECORD] | {
    "fr": NOTES[Layout.RECORD]["fr"].removesuffix(".") + " / Issued from the national civil status register"
    " (law 36-21, art. 14 and 43; decree 2-22-04, art. 44 and 45)."
}

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
        title=_titled(request.listed.title, both=layout is Layout.MULTILINGUAL),
        reference=reference,
        issued=_titled(day_text(civil_day(now)), both=layout is Layout.MULTILINGUAL),
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
    yield _line("office", _office(said["office"]), both=both)
    yield _line(said["kind"], _day(event["on"], both=both), both=both)
    if layout is Layout.RECORD and event["on"].get("day"):
        yield _line("in_letters", in_letters(_date(event["on"])))
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
        yield from _details(subject, "")


def _people(layout: Layout, blocks: Said) -> Iterator[Field]:
    both = layout is Layout.MULTILINGUAL
    for who in ("father", "mother", "spouse"):
        if person := blocks.get(who):
            yield _line(who, _called(person), both=both)
            if layout is Layout.RECORD:
                yield from _details(person, who)
    if layout is Layout.RECORD and blocks.get("declarant"):
        declarant = blocks["declarant"]
        yield _line("declarant", _called(declarant["person"]))
        if relation := declarant.get("relation_text"):
            yield _line("relation", _two(relation))
        yield from _details(declarant["person"], "declarant")


def _details(person: Said, who: str) -> Iterator[Field]:
    """What a copy says of somebody besides the name: all that the act has (2-22-04 art. 44); an extract has
    none of it. The register takes a nationality for Moroccan where nobody stated another.
    """
    details: dict[str, Texts] = {}
    if person.get("born"):
        details["birth"] = _day(person["born"], both=False)
    if (state := person.get("nationality", "MA")) != "MA":
        details["nationality"] = _two(countries()[state]) if state in countries() else {"und": state}
    details |= {detail: _own(person[detail]) for detail in DETAILS if person.get(detail)}
    for detail, value in details.items():
        label = _two(LABELS[detail])
        if who:
            label = {language: f"{words} ({OF[who][language]})" for language, words in label.items()}
        yield Field(label=label, value=value)


def _standing(layout: Layout, said: Said, now: datetime) -> Iterator[Field]:
    if layout is Layout.LIFE:
        yield _line("seen_on", _two(day_text(civil_day(now))))
        return
    if said["output"] != Output.EXTRACT and layout is Layout.RECORD and said.get("drawn_up_on"):
        yield _line("drawn_up_on", _two(day_text(date.fromisoformat(said["drawn_up_on"]))))
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


def _titled(text: Names, *, both: bool) -> Texts:
    """What the template prints of its own accord in a third language where there is one."""
    return dict(text) if both else _two(text)


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
        return _translated(day_text(_date(on)), both=both)
    if on.get("month"):
        named = {lang: f"{names.split()[on['month'] - 1]} {on['year']}" for lang, names in MONTHS.items()}
        return _translated(named, both=both)
    return {"und": str(on["year"])}


def _date(on: Said) -> date:
    return date(on["year"], on["month"], on["day"])


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


def _office(code: str) -> Texts:
    """A commune may have several, and each numbers its own acts."""
    commune, _, number = code.rpartition("-")
    place = territory().get(commune)
    return {"ar": f"{place.name_ar}، مكتب {number}", "fr": f"{place.name_fr}, bureau {number}"}


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
