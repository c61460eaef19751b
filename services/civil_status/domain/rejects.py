"""What whoever sent a file does about a line that was not taken over."""

from typing import Final

from shared.data import Names


def _remedy(ar: str, fr: str, en: str) -> Names:
    return {"ar": ar, "fr": fr, "en": en}


REMEDIES: Final[dict[str, Names]] = {
    "cells_count": _remedy(
        "عدد الخانات لا يطابق عدد الأعمدة: أضيفوا الخانة الناقصة، أو ضعوا بين علامتي اقتباس النص الذي يتضمن"
        " الفاصل.",
        "Le nombre de cellules n'est pas celui des colonnes : complétez la ligne, ou mettez entre guillemets"
        " le texte qui contient le séparateur.",
        "The line has another number of cells than of columns: complete it, or quote the text that holds the"
        " separator.",
    ),
    "line_broken": _remedy(
        "علامة اقتباس غير مغلقة: يكتب كل رسم في سطر واحد.",
        "Un guillemet n'est pas fermé : chaque acte tient sur une ligne.",
        "A quotation mark is not closed: each act stands on one line.",
    ),
    "line_too_long": _remedy(
        "السطر أطول من أن يكون رسما واحدا: تحققوا من نهايات الأسطر.",
        "La ligne est trop longue pour un acte : vérifiez les fins de ligne.",
        "The line is too long for one act: check the line ends.",
    ),
    "not_in_encoding": _remedy(
        "السطر ليس بترميز الملف: أعيدوا تصديره بترميز UTF-8.",
        "La ligne n'est pas dans l'encodage du fichier : exportez-la de nouveau en UTF-8.",
        "The line is not in the encoding of the file: export it again as UTF-8.",
    ),
    "null_character": _remedy(
        "يتضمن السطر الرمز NUL: أعيدوا تصديره من المصدر.",
        "La ligne contient le caractère NUL : exportez-la de nouveau.",
        "The line holds a NUL character: export it again from its source.",
    ),
    "kind_unknown": _remedy(
        "النوع birth أو death.", "Le genre est birth ou death.", "The kind is birth or death."
    ),
    "office_unknown": _remedy(
        "اكتبوا رمز الجماعة أو المقاطعة ورقم المكتب، مثل 06.141.01.0-01.",
        "Écrivez le code de la commune et le numéro du bureau, comme 06.141.01.0-01.",
        "Write the code of the commune and the number of the office, such as 06.141.01.0-01.",
    ),
    "year_out_of_range": _remedy(
        "سنة السجل بأربعة أرقام، من 1915 إلى السنة الجارية.",
        "L'année du registre a quatre chiffres, de 1915 à l'année en cours.",
        "The year of the register has four digits, from 1915 to the present year.",
    ),
    "number_malformed": _remedy(
        "رقم الرسم عدد صحيح موجب بالأرقام 0-9.",
        "Le numéro de l'acte est un entier positif, en chiffres 0-9.",
        "The number of the act is a positive whole number, in digits 0-9.",
    ),
    "date_malformed": _remedy(
        "يكتب التاريخ 1987-03-02، أو 1987-03، أو 1987 إذا لم يعرف أكثر من ذلك.",
        "Une date s'écrit 1987-03-02, ou 1987-03, ou 1987 quand on n'en sait pas plus.",
        "A date is written 1987-03-02, or 1987-03, or 1987 where no more is known.",
    ),
    "event_in_future": _remedy(
        "تاريخ الواقعة لم يحل بعد: تحققوا من الأصل.",
        "L'événement est à venir : vérifiez sur l'original.",
        "The event is still to come: check the original.",
    ),
    "event_after_register": _remedy(
        "الواقعة بعد سنة السجل: تحققوا من التاريخ ومن السنة على الأصل.",
        "L'événement est postérieur au registre : vérifiez la date et l'année sur l'original.",
        "The event is later than the register: check date and year on the original.",
    ),
    "hijri_mismatch": _remedy(
        "التاريخ الهجري لا يوافق اليوم الميلادي: صححوه أو اتركوه فارغا.",
        "La date hégirienne n'est pas celle du jour : corrigez-la ou laissez-la vide.",
        "The Hijri date is not that of the day: correct it or leave it empty.",
    ),
    "drawn_up_elsewhen": _remedy(
        "يوم التحرير يوم كامل من سنة السجل، لا يسبق الواقعة ولا يتأخر عن اليوم.",
        "Le jour de rédaction est un jour de l'année du registre, ni avant l'événement ni à venir.",
        "The day of drafting is a full day in the register's year, not before the event nor to come.",
    ),
    "time_malformed": _remedy("تكتب الساعة 06:40.", "Une heure s'écrit 06:40.", "An hour is written 06:40."),
    "sex_unknown": _remedy(
        "الجنس female أو male، أو يترك فارغا.",
        "Le sexe est female ou male, ou vide.",
        "The sex is female or male, or empty.",
    ),
    "name_empty": _remedy(
        "الاسم بالعربية مطلوب: أكملوه من الأصل.",
        "Le nom en arabe est requis : complétez-le sur l'original.",
        "The name in Arabic is required: complete it from the original.",
    ),
    "name_too_long": _remedy(
        "الاسم أطول من 120 حرفا: تحققوا من الفواصل ومن علامات الاقتباس.",
        "Le nom dépasse 120 caractères : vérifiez séparateurs et guillemets.",
        "The name has more than 120 characters: check separators and quotation marks.",
    ),
    "name_characters": _remedy(
        "يتضمن الاسم ما ليس من حروف كتابته، أو علامة خفية كعلامات الاتجاه: احذفوها.",
        "Le nom contient autre chose que les lettres de son écriture, ou une marque invisible : retirez-la.",
        "The name holds what is no letter of its script, or an invisible mark such as of direction: remove"
        " it.",
    ),
    "text_characters": _remedy(
        "النص مطلوب في المكان، في 300 حرف على الأكثر، دون علامات خفية.",
        "Le lieu est requis ; un texte compte au plus 300 caractères, sans marque invisible.",
        "The place is required; a text has at most 300 characters and no invisible mark.",
    ),
    "identifier_malformed": _remedy(
        "المعرف تسعة أرقام ومفتاح من رقمين: تحققوا منه أو اتركوه فارغا.",
        "L'identifiant a neuf chiffres et une clé de deux : vérifiez-le ou laissez-le vide.",
        "An identifier has nine digits and a key of two: check it or leave it empty.",
    ),
    "identifier_taken": _remedy(
        "أسند هذا المعرف من قبل: تحققوا من صاحبه، ولا يسند معرف مرتين.",
        "Cet identifiant a déjà été donné : vérifiez à qui ; il n'est jamais donné deux fois.",
        "This identifier was given before: find out to whom; none is given twice.",
    ),
    "number_repeated": _remedy(
        "ورد هذا الرقم من قبل في هذا الملف: احذفوا التكرار أو صححوا الرقم.",
        "Ce numéro figure déjà plus haut dans ce fichier : retirez la répétition ou corrigez le numéro.",
        "This number stands in this file before: remove the repetition or correct the number.",
    ),
    "number_taken": _remedy(
        "يوجد بهذا الرقم رسم آخر مختلف المضمون: قارنوا الرسمين على الأصل.",
        "Un autre acte porte déjà ce numéro : comparez les deux sur l'original.",
        "Another act has this number and says something else: compare the two on the original.",
    ),
}
"""What to do about a line, by the code of its refusal."""
