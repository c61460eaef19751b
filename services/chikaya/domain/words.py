"""What a state means for whoever reported, and what they may do next, in three languages."""

from dataclasses import dataclass
from typing import Final

from services.chikaya.domain.states import State
from shared.data import Names


@dataclass(frozen=True, slots=True)
class Words:
    message: Names
    next_step: Names


def _w(ar: str, fr: str, en: str, ar_next: str, fr_next: str, en_next: str) -> Words:
    return Words({"ar": ar, "fr": fr, "en": en}, {"ar": ar_next, "fr": fr_next, "en": en_next})


S = State
_NOTHING: Final = ("لا شيء مطلوب منكم.", "Vous n'avez rien à faire.", "There is nothing for you to do.")
_OMBUDSMAN: Final = (
    "يمكنكم اللجوء إلى وسيط المملكة أو إلى القضاء.",
    "Vous pouvez saisir le Médiateur du Royaume ou la justice.",
    "You may go to the Ombudsman of the Kingdom or to court.",
)

WORDS: Final[dict[State, Words]] = {
    S.RECEIVED: _w("تم تسلم تبليغكم.", "Votre signalement est reçu.", "Your report is received.", *_NOTHING),
    S.ACKNOWLEDGED: _w(
        "سجل تبليغكم، وهو في انتظار من يتكلف به.",
        "Votre signalement est enregistré et attend d'être pris en charge.",
        "Your report is registered and waits for somebody to take it.",
        *_NOTHING,
    ),
    S.DEFECTIVE: _w(
        "لا يمكن معالجة تبليغكم على حاله: السبب مبين أدناه.",
        "Votre signalement ne peut être traité en l'état : le motif est indiqué.",
        "Your report cannot be processed as it stands: the reason is given.",
        "أكملوه بما طلب منكم، ثم يعالج.",
        "Complétez-le comme demandé ; il sera alors traité.",
        "Complete it as asked; then it is processed.",
    ),
    S.COMPLETED: _w(
        "أكملتم تبليغكم، وهو في انتظار من يتكلف به.",
        "Votre signalement est complété et attend d'être pris en charge.",
        "Your report is complete and waits for somebody to take it.",
        *_NOTHING,
    ),
    S.ASSIGNED: _w(
        "أسند تبليغكم إلى مصلحة.",
        "Votre signalement est confié à un service.",
        "Your report is with a service.",
        *_NOTHING,
    ),
    S.IN_PROGRESS: _w(
        "تبليغكم قيد المعالجة.",
        "Votre signalement est en cours de traitement.",
        "Your report is being processed.",
        *_NOTHING,
    ),
    S.MERGED: _w(
        "ضم تبليغكم إلى تبليغ آخر في الموضوع نفسه، ويعالجان معا.",
        "Votre signalement est joint à un autre sur le même sujet ; ils sont traités ensemble.",
        "Your report is joined with another one of the same thing; both are dealt with together.",
        "لا شيء مطلوب منكم: ستتوصلون بالجواب نفسه.",
        "Vous n'avez rien à faire : vous recevrez la même réponse.",
        "There is nothing for you to do: you will get the same answer.",
    ),
    S.ANSWERED: _w(
        "أجابت الإدارة عن تبليغكم.",
        "L'administration a répondu à votre signalement.",
        "The administration answered your report.",
        "قيموا الجواب، أو أعيدوا فتح التبليغ إن لم يحل المشكل.",
        "Évaluez la réponse, ou rouvrez le signalement si rien n'est réglé.",
        "Rate the answer, or reopen the report if nothing is solved.",
    ),
    S.REOPENED: _w(
        "أعيد فتح تبليغكم.",
        "Votre signalement est rouvert.",
        "Your report is open again.",
        *_NOTHING,
    ),
    S.CLOSED: _w("أغلق التبليغ.", "Le signalement est clos.", "The report is closed.", *_OMBUDSMAN),
    S.INADMISSIBLE: _w(
        "لم يقبل تبليغكم: السبب مبين أدناه.",
        "Votre signalement n'est pas recevable : le motif est indiqué.",
        "Your report is not admissible: the reason is given.",
        *_OMBUDSMAN,
    ),
    S.REDIRECTED: _w(
        "موضوع التبليغ من اختصاص إدارة أخرى، وقد وجه إليها.",
        "L'objet relève d'une autre administration, vers laquelle il est orienté.",
        "It is another administration's, to which it is directed.",
        "تابعوا الموضوع لدى الإدارة المذكورة.",
        "Suivez-le auprès de l'administration indiquée.",
        "Follow it up with the administration that is named.",
    ),
}
