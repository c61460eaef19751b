"""What an explanation says to people, in Arabic, French and English: the words, no reasoning."""

from functools import lru_cache
from typing import Final

from services.deadlines.domain.counting import Count, Unit
from services.deadlines.domain.rules import Expiry
from shared.data import LANGUAGES, Names

TEXTS: Final[dict[str, Names]] = {
    "start": {
        "ar": "لا يحتسب اليوم الذي يبتدئ منه الأجل، وهو {day} (اليوم صفر).",
        "fr": "Le jour qui fait courir le délai, {day}, ne compte pas (jour 0).",
        "en": "The day that starts the period, {day}, does not count (day 0).",
    },
    "length": {
        "ar": "مدة الأجل: {days} {unit}.",
        "fr": "Durée du délai : {days} {unit}.",
        "en": "Length of the period: {days} {unit}.",
    },
    "restart": {
        "ar": "أودع مشروع معدل تعديلا جوهريا يوم {day}: يبتدئ الأجل من جديد ويسقط ما سبق هذا اليوم.",
        "fr": "Projet substantiellement modifié déposé le {day} : le délai repart de zéro, ce qui précède"
        " est effacé.",
        "en": "A substantively modified project was deposited on {day}: the period begins anew,"
        " what came before is discarded.",
    },
    "suspension": {
        "ar": "توقف الأجل من {since} إلى غاية {to}: لا تحتسب {days}، ويدخل فيها اليومان الأول والأخير.",
        "fr": "Délai suspendu du {since} au {to} : {days} ne comptent pas, premier et dernier jour compris.",
        "en": "Suspended from {since} to {to}: {days} not counted, the first and the last included.",
    },
    "open_suspension": {
        "ar": "الأجل موقوف منذ {since}: لا يحتسب أي يوم إلى أن ينتهي التوقف.",
        "fr": "Délai suspendu depuis le {since} : aucun jour ne compte tant que la suspension dure.",
        "en": "Suspended since {since}: no day counts while the suspension lasts.",
    },
    "extension": {
        "ar": "مدد الأجل مرة واحدة بـ{days}: أصبحت مدته {total}.",
        "fr": "Délai prorogé une seule fois, de {days} : sa durée passe à {total}.",
        "en": "Extended once, by {days}: the length becomes {total}.",
    },
    "ignored": {
        "ar": "لا أثر لما وقع يوم {day}: {why}.",
        "fr": "Ce qui est intervenu le {day} ne change rien : {why}.",
        "en": "What happened on {day} changes nothing: {why}.",
    },
    "nth_day": {
        "ar": "يوم {day} هو اليوم الكامل رقم {number}.",
        "fr": "Le {number}e jour entier est le {day}.",
        "en": "Whole day number {number} is {day}.",
    },
    "francs": {
        "ar": "الأجل كامل: لا يحتسب يومه الأول ولا يومه الأخير، فيبقى اليوم الموالي مفيدا.",
        "fr": "Le délai est franc : ni son premier ni son dernier jour ne comptent ; le jour suivant"
        " reste utile.",
        "en": "The period is full (francs): neither its first nor its last day counts; the day after is still"
        " useful.",
    },
    "closed": {
        "ar": "{day}: {why}، فلا يكون آخر يوم في الأجل.",
        "fr": "{day} : {why} ; ce ne peut être le dernier jour.",
        "en": "{day}: {why}; it cannot be the last day.",
    },
    "not_working": {
        "ar": "{day}: {why}، فلا يحتسب.",
        "fr": "{day} : {why} ; il ne compte pas.",
        "en": "{day}: {why}; it does not count.",
    },
    "last_day": {
        "ar": "آخر يوم في الأجل هو {day}.",
        "fr": "Le dernier jour du délai est le {day}.",
        "en": "The last day of the period is {day}.",
    },
    "remaining": {
        "ar": "احتسب من الأيام الكاملة: {counted}. والباقي: {left}.",
        "fr": "Jours entiers déjà comptés : {counted}. Restent : {left}.",
        "en": "Whole days already counted: {counted}. Left: {left}.",
    },
    "first_half": {
        "ar": "لا يوقف الأجل طلب وثيقة أو معلومة إلا إذا وقع في نصفه الأول، أي إلى غاية {day}.",
        "fr": "Une demande de pièce ou d'information ne suspend que dans la première moitié, jusqu'au {day}.",
        "en": "A request for a document or for information suspends only in the first half, until {day}.",
    },
    "reading": {
        "ar": "قراءة أخرى ممكنة ({label}): يكون آخر يوم هو {day}.",
        "fr": "Autre lecture possible ({label}) : le dernier jour serait le {day}.",
        "en": "Another plausible reading ({label}): the last day would be {day}.",
    },
    "provisional": {
        "ar": "تاريخ مؤقت: {why} في {day} لم يعلن عنه بعد وقد يغير آخر يوم.",
        "fr": "Date provisoire : {why}, estimé au {day}, n'est pas encore annoncé et pourrait déplacer"
        " le dernier jour.",
        "en": "Provisional date: {why}, estimated on {day}, is not announced yet and could move the last"
        " day.",
    },
    "not_before": {
        "ar": "أعلن عن تغيير التقويم متأخرا: لا يحل الأجل قبل منتصف الليل الموالي للإعلان،"
        " فيكون آخر يوم هو {day}.",
        "fr": "Changement de calendrier annoncé tardivement : l'échéance ne peut précéder le minuit"
        " qui suit l'annonce ; le dernier jour est le {day}.",
        "en": "The calendar change was announced late: the date cannot fall before the midnight that"
        " follows the announcement; the last day is {day}.",
    },
    "not_covered": {
        "ar": "تاريخ مؤقت: أعياد هذه السنة غير مسجلة بعد في التقويم.",
        "fr": "Date provisoire : les fêtes de cette année ne sont pas enregistrées au calendrier.",
        "en": "Provisional date: the feasts of that year are not recorded in the calendar.",
    },
}

EFFECTS: Final[dict[Expiry, Names]] = {
    Expiry.APPROVAL: {
        "ar": "إذا لم يصدر جواب، يعد سكوت الإدارة موافقة ابتداء من الساعة 00:00 من يوم {day}.",
        "fr": "Sans réponse, le silence de l'administration vaut accord à compter du {day} à 00:00.",
        "en": "Without an answer, the administration's silence means approval from 00:00 on {day}.",
    },
    Expiry.REJECTION: {
        "ar": "إذا لم يصدر جواب، يعد السكوت رفضا ابتداء من الساعة 00:00 من يوم {day}.",
        "fr": "Sans réponse, le silence vaut rejet à compter du {day} à 00:00.",
        "en": "Without an answer, silence means rejection from 00:00 on {day}.",
    },
    Expiry.VISA: {
        "ar": "إذا لم يصدر جواب، تعد التأشيرة ممنوحة ابتداء من الساعة 00:00 من يوم {day}.",
        "fr": "Sans réponse, le visa est réputé accordé à compter du {day} à 00:00.",
        "en": "Without an answer, the visa is deemed granted from 00:00 on {day}.",
    },
    Expiry.APPEAL_OPENS: {
        "ar": "إذا لم يصدر جواب، يفتح باب الطعن ابتداء من الساعة 00:00 من يوم {day}.",
        "fr": "Sans réponse, le recours est ouvert à compter du {day} à 00:00.",
        "en": "Without an answer, an appeal is open from 00:00 on {day}.",
    },
    Expiry.ESCALATION: {
        "ar": "إذا لم ينجز المطلوب، ينبه من يهمه الأمر ابتداء من الساعة 00:00 من يوم {day}.",
        "fr": "Sans suite, les responsables sont alertés à compter du {day} à 00:00.",
        "en": "If nothing is done, those in charge are alerted from 00:00 on {day}.",
    },
}

UNITS: Final[dict[tuple[Unit, bool], Names]] = {
    (Unit.CALENDAR, True): {
        "ar": "{full} من أيام التقويم",
        "fr": "de calendrier, francs",
        "en": "(calendar, full)",
    },
    (Unit.CALENDAR, False): {"ar": "من أيام التقويم", "fr": "de calendrier", "en": "(calendar)"},
    (Unit.WORKING, True): {"ar": "{full} من أيام العمل", "fr": "de travail, francs", "en": "(working, full)"},
    (Unit.WORKING, False): {"ar": "من أيام العمل", "fr": "de travail", "en": "(working)"},
}
WEEKEND: Final = {"ar": "عطلة نهاية الأسبوع", "fr": "fin de semaine", "en": "weekend"}
SUSPENDED: Final = {"ar": "يوم من أيام التوقف", "fr": "jour de suspension", "en": "day of suspension"}
BEFORE_START: Final = {
    "ar": "سبق بداية الأجل",
    "fr": "antérieur au début du délai",
    "en": "it lies before the start of the period",
}
AFTER_END: Final = {
    "ar": "جاء بعد آخر يوم في الأجل",
    "fr": "postérieur au dernier jour",
    "en": "it lies after the last day",
}


def _arabic(number: int) -> tuple[str, str]:
    """So many days and "full" beside them: a form for one, for two, for three to ten, for eleven to
    ninety-nine, and for whole hundreds.
    """
    match number:
        case 1:
            return "يوم واحد", "كامل"
        case 2:
            return "يومان", "كاملان"
        case _ if 3 <= number % 100 <= 10:
            return f"{number} أيام", "كاملة"
        case _ if number % 100 < 3:
            return f"{number} يوم", "كامل"
        case _:
            return f"{number} يوما", "كاملا"


@lru_cache(maxsize=1024)
def days_text(number: int, *, oblique: bool = False) -> Names:
    """A number of days in words. `oblique`: as Arabic says it after a preposition or as an object."""
    arabic = "يومين" if oblique and number == 2 else _arabic(number)[0]
    french = f"{number} jour" if number < 2 else f"{number} jours"
    english = f"{number} day" if number == 1 else f"{number} days"
    return {"ar": arabic, "fr": french, "en": english}


def unit_text(count: Count) -> Names:
    """Which days a period counts, as it follows their number."""
    unit = UNITS[count.unit, count.francs]
    return unit | {"ar": unit["ar"].format(full=_arabic(count.days)[1])}


def length_of(count: Count) -> Names:
    """The length of a period in words, as the public description of a procedure gives it."""
    days, unit = days_text(count.days), unit_text(count)
    return {language: f"{days[language]} {unit[language]}" for language in LANGUAGES}
