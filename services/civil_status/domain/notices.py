"""What people are told of what they announced or asked for; it names nobody."""

from collections.abc import Mapping
from typing import Final

from services.civil_status.domain.declaration import LATE, Declaration
from services.civil_status.domain.states import DeclarationState
from services.civil_status.events import ActKind
from services.civil_status.events.correction import (
    CorrectionAccepted,
    CorrectionEvent,
    CorrectionOverdue,
    CorrectionRejected,
    RejectionGround,
)
from services.civil_status.events.declaration import (
    BecameLate,
    Channel,
    DeadlineKnown,
    DeclarationEvent,
    RefusalGround,
    Refused,
    Registered,
)
from shared.data import Names
from shared.time import day_text

DECLARING: Final[Mapping[ActKind, Names]] = {
    ActKind.BIRTH: {"ar": "التصريح بولادة", "fr": "Déclaration de naissance", "en": "Declaration of birth"},
    ActKind.DEATH: {"ar": "التصريح بوفاة", "fr": "Déclaration de décès", "en": "Declaration of death"},
}
CORRECTING: Final[Names] = {
    "ar": "إصلاح خطأ مادي في رسم",
    "fr": "Rectification d'une erreur matérielle",
    "en": "Correction of a material error",
}
COME: Final[Names] = {
    "ar": "احضروا إلى المكتب ومعكم الشهادة الطبية، وآخر أجل {day}: ما أدخلتم عبر الإنترنت إعلان وليس تصريحا.",
    "fr": "Venez au bureau avec le certificat, au plus tard le {day} : ce que vous avez saisi en ligne"
    " annonce, il ne déclare pas.",
    "en": "Come to the office with the certificate, by {day}: what you entered online announces, it does not"
    " declare.",
}
DRAWN_UP: Final[Names] = {
    "ar": "حرر الرسم: يمكنكم طلب نسخة أو موجز منه.",
    "fr": "L'acte est dressé : vous pouvez en demander une copie ou un extrait.",
    "en": "The act is drawn up: you may ask for a copy or an extract.",
}
CORRECTED: Final[Names] = {
    "ar": "أصلح الخطأ ببيان في هامش الرسم: اطلبوا وثيقة جديدة.",
    "fr": "L'erreur est rectifiée en marge de l'acte : demandez un nouveau document.",
    "en": "The error is put right in the margin of the act: ask for a new document.",
}
OVERDUE: Final[Names] = {
    "ar": "انصرم أجل البت دون قرار: لا يصلح السكوت شيئا، ويبقى طلبكم قائما.",
    "fr": "Le délai est passé sans décision : le silence ne rectifie rien, votre demande reste à examiner.",
    "en": "The period passed without a decision: silence corrects nothing, your request stands.",
}
REFUSED: Final[Mapping[RefusalGround, Names]] = {
    RefusalGround.NOT_A_DECLARANT: {
        "ar": "رفض التصريح: صفة من حضر لا تخوله التصريح.",
        "fr": "Déclaration refusée : la personne venue n'est pas de celles qui déclarent.",
        "en": "The declaration is refused: whoever came is not among those who declare.",
    },
    RefusalGround.PROOF_MISSING: {
        "ar": "رفض التصريح: الشهادة الطبية أو ما يقوم مقامها غير متوفرة.",
        "fr": "Déclaration refusée : le certificat manque.",
        "en": "The declaration is refused: the certificate is missing.",
    },
    RefusalGround.DUPLICATE: {
        "ar": "رفض التصريح: الواقعة مسجلة من قبل.",
        "fr": "Déclaration refusée : l'événement est déjà inscrit.",
        "en": "The declaration is refused: the event is registered already.",
    },
    RefusalGround.UNFOUNDED: {
        "ar": "رفض التصريح: لم تثبت الواقعة.",
        "fr": "Déclaration refusée : l'événement n'est pas établi.",
        "en": "The declaration is refused: the event is not established.",
    },
}
REJECTED: Final[Mapping[RejectionGround, Names]] = {
    RejectionGround.SUBSTANTIAL: {
        "ar": "رفض الطلب: التغيير المطلوب جوهري، ويعود البت فيه إلى المحكمة.",
        "fr": "Demande rejetée : la modification touche au fond, elle relève du tribunal.",
        "en": "The request is rejected: it changes the substance, which is for the court.",
    },
    RejectionGround.UNFOUNDED: {
        "ar": "رفض الطلب: الرسم مطابق لما استند إليه.",
        "fr": "Demande rejetée : l'acte est conforme aux pièces sur lesquelles il repose.",
        "en": "The request is rejected: the act is as the papers say that it rests on.",
    },
    RejectionGround.PROOF_MISSING: {
        "ar": "رفض الطلب: لم يدل بما يثبت الخطأ.",
        "fr": "Demande rejetée : rien ne prouve l'erreur.",
        "en": "The request is rejected: nothing proves the error.",
    },
}


def of_declaration(event: DeclarationEvent, declaration: Declaration) -> Names | None:
    """For the family, who announced it online; None for what they need not know, or what is overtaken."""
    if declaration.channel is not Channel.FAMILY:
        return None
    match event:
        case DeadlineKnown(last_day=last_day) if last_day is not None:
            days = day_text(last_day)
            waits = declaration.state is DeclarationState.ANNOUNCED
            return {lang: text.format(day=days[lang]) for lang, text in COME.items()} if waits else None
        case BecameLate():
            return LATE
        case Registered():
            return DRAWN_UP
        case Refused(ground=ground):
            return REFUSED[ground]
    return None


def of_correction(event: CorrectionEvent) -> Names | None:
    """For whoever asked for it."""
    match event:
        case CorrectionAccepted():
            return CORRECTED
        case CorrectionRejected(ground=ground):
            return REJECTED[ground]
        case CorrectionOverdue():
            return OVERDUE
    return None
