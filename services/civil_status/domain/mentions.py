"""The sentences of the margin, in the order and the words of the registers."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from services.civil_status.domain.values import Person
from services.civil_status.events import MentionKind
from shared.data import Names
from shared.time import day_text

SENTENCES: Final[dict[MentionKind, Names]] = {
    MentionKind.MARRIAGE: {
        "ar": "تزوج(ت) من {spouse} بتاريخ {day}، ملخص عدد {reference}.",
        "fr": "Marié(e) à {spouse} le {day}, sommaire n° {reference}.",
        "en": "Married to {spouse} on {day}, summary no. {reference}.",
    },
    MentionKind.DISSOLUTION: {
        "ar": "انحل ميثاق الزوجية{with_spouse} بتاريخ {day}، ملخص عدد {reference}.",
        "fr": "Mariage dissous{with_spouse} le {day}, sommaire n° {reference}.",
        "en": "Marriage dissolved{with_spouse} on {day}, summary no. {reference}.",
    },
    MentionKind.DEATH: {
        "ar": "توفي(ت) بتاريخ {day}، رسم وفاة عدد {reference}.",
        "fr": "Décédé(e) le {day}, acte de décès n° {reference}.",
        "en": "Died on {day}, act of death no. {reference}.",
    },
    MentionKind.CORRECTION: {
        "ar": "أُصلح خطأ مادي بقرار عدد {reference} بتاريخ {day}: {changes}.",
        "fr": "Erreur matérielle rectifiée par décision n° {reference} du {day} : {changes}.",
        "en": "Material error corrected by decision no. {reference} of {day}: {changes}.",
    },
    MentionKind.JUDGMENT: {
        "ar": "عُدّل الرسم بمقتضى الحكم عدد {reference} بتاريخ {day}: {changes}.",
        "fr": "Acte rectifié par jugement n° {reference} du {day} : {changes}.",
        "en": "Act amended by judgment no. {reference} of {day}: {changes}.",
    },
}

PEOPLE: Final[dict[str, Names]] = {
    "subject": {"ar": "المعني بالرسم", "fr": "l'intéressé(e)", "en": "the person"},
    "father": {"ar": "الأب", "fr": "le père", "en": "the father"},
    "mother": {"ar": "الأم", "fr": "la mère", "en": "the mother"},
    "spouse": {"ar": "الزوج", "fr": "le conjoint", "en": "the spouse"},
    "event": {"ar": "الواقعة", "fr": "l'événement", "en": "the event"},
}
PARTS: Final[dict[str, Names]] = {
    "given": {"ar": "الاسم الشخصي", "fr": "prénom", "en": "given name"},
    "family": {"ar": "الاسم العائلي", "fr": "nom", "en": "family name"},
    "sex": {"ar": "الجنس", "fr": "sexe", "en": "sex"},
    "on": {"ar": "التاريخ", "fr": "date", "en": "date"},
    "time": {"ar": "الساعة", "fr": "heure", "en": "hour"},
    "place": {"ar": "المكان", "fr": "lieu", "en": "place"},
    "birthplace": {"ar": "مكان الازدياد", "fr": "lieu de naissance", "en": "place of birth"},
    "occupation": {"ar": "المهنة", "fr": "profession", "en": "occupation"},
    "address": {"ar": "العنوان", "fr": "adresse", "en": "address"},
}
SCRIPTS: Final[dict[str, Names]] = {
    "ar": {"ar": "بالعربية", "fr": "en arabe", "en": "in Arabic"},
    "latin": {"ar": "بالحروف اللاتينية", "fr": "en caractères latins", "en": "in Latin letters"},
    "tifinagh": {"ar": "بتيفيناغ", "fr": "en tifinagh", "en": "in Tifinagh"},
}
SEXES: Final[dict[str, Names]] = {
    "female": {"ar": "أنثى", "fr": "féminin", "en": "female"},
    "male": {"ar": "ذكر", "fr": "masculin", "en": "male"},
}
SPOUSE: Final[Names] = {"ar": " مع {}", "fr": " avec {}", "en": " with {}"}

COMMAS: Final[Names] = {"ar": "، ", "fr": ", ", "en": ", "}
COLONS: Final[Names] = {"ar": ": ", "fr": " : ", "en": ": "}


def label(field: str, language: str) -> str:
    """A field of an act in words: `subject.given.latin` is « prénom de l'intéressé(e) en caractères
    latins ».
    """
    who, part, *script = field.split(".")
    words = [PARTS[part][language], f"({PEOPLE[who][language]})"]
    return " ".join([*words, *(SCRIPTS[one][language] for one in script)])


def called(person: Person, language: str) -> str:
    """Arabic names in an Arabic sentence; Latin ones in the others where all of them are known."""
    names = [person.given] + ([person.family] if person.family else [])
    latin = [name.latin for name in names if name.latin is not None]
    return " ".join(latin if language != "ar" and len(latin) == len(names) else [name.ar for name in names])


def reading(field: str, value: str, language: str) -> str:
    """A new value as people read it."""
    if field == "event.on":
        return day_text(date.fromisoformat(value))[language]
    return SEXES[value][language] if field == "subject.sex" else value


def sentence(
    kind: MentionKind, reference: str, on: date, spouse: Person | None, changes: Mapping[str, str]
) -> Names:
    days = day_text(on)
    written = {}
    for language, template in SENTENCES[kind].items():
        name = called(spouse, language) if spouse else ""
        written[language] = template.format(
            spouse=name,
            with_spouse=SPOUSE[language].format(name) if name else "",
            day=days[language],
            reference=reference,
            changes=COMMAS[language].join(
                f"{label(field, language)}{COLONS[language]}{reading(field, value, language)}"
                for field, value in sorted(changes.items())
            ),
        )
    return written
