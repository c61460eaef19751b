"""The words of notices: titles, advice, and the step that each opens."""

from collections.abc import Mapping
from typing import Final

from services.rokhas.domain.states import Action
from services.rokhas.domain.values import ClockRule
from shared.data import Names

SILENCE_TITLE: Final[Names] = {
    "ar": "سكوت الإدارة موافقة: طلبكم مقبول",
    "fr": "Le silence vaut accord : votre demande est acceptée",
    "en": "Silence means approval: your application is approved",
}
INVOKE_ADVICE: Final[Names] = {
    "ar": "يمكنكم الآن أن تطلبوا القرار من رئيس المجلس الذي يسلمه داخل 7 أيام؛ وإلا أشهد الوالي أو العامل على"
    " السكوت. الرسوم تبقى مستحقة.",
    "fr": "Demandez maintenant l'acte au président, qui le délivre sous 7 jours ; à défaut, le gouverneur"
    " atteste"
    " le silence. Les taxes restent dues.",
    "en": "Ask the president for the act now: it is due within 7 days; failing that, the governor attests the"
    " silence. Fees remain due.",
}
NULLITY: Final[Names] = {
    "ar": "تنبيه قبل بدء الأشغال: رأي الوكالة الحضرية الملزم غير موافق أو لم يصدر، وقد تكون هذه الموافقة"
    " باطلة"
    " (القانون التنظيمي 113-14، المادة 101).",
    "fr": "Avant tous travaux : l'avis conforme de l'agence urbaine est défavorable ou manque ; cet"
    " accord pourrait"
    " être nul (loi organique 113-14, art. 101).",
    "en": "Before any works: the urban agency's binding opinion is unfavourable or missing; this approval"
    " may be"
    " void (organic law 113-14, art. 101).",
}

NOTHING: Final[Names] = {}
CONTEST: Final[Names] = {
    "ar": "إن لم يصدر ذلك عنكم فأخبروا الجماعة دون تأخير.",
    "fr": "Si cela ne vient pas de vous, signalez-le sans tarder à la commune.",
    "en": "If this was not your doing, tell the commune without delay.",
}
FORMER: Final[Names] = {
    "ar": "نقل ملفكم إلى الخلف",
    "fr": "Votre dossier est transféré",
    "en": "Your file was transferred",
}
STEP_PASSED: Final[Names] = {
    "ar": "انصرم أجل أحد المتدخلين",
    "fr": "Un intervenant a dépassé son délai",
    "en": "An actor's period has passed",
}
STEP_TEXT: Final[Names] = {
    "ar": "{rule}: انصرم الأجل يوم {due}. أجل البت في الملف مستمر في السريان.",
    "fr": "{rule} : le délai est passé le {due}. Celui du dossier court toujours.",
    "en": "{rule}: the period passed on {due}. That of the file itself still runs.",
}

APPLICANT: Final[Mapping[str, tuple[Names, Names, Action | None]]] = {
    "withdrawn": (
        {"ar": "سحب الطلب", "fr": "Demande retirée", "en": "Application withdrawn"},
        CONTEST,
        None,
    ),
    "renounced": (
        {"ar": "التخلي عن الرخصة", "fr": "Autorisation abandonnée", "en": "Authorisation given up"},
        CONTEST,
        None,
    ),
    "handover_recorded": (
        {
            "ar": "تبليغ ورقي ينتظر التأكيد",
            "fr": "Remise sur papier à confirmer",
            "en": "Paper handover to confirm",
        },
        {
            "ar": "إن لم تتسلموا هذا القرار فأخبروا الجماعة.",
            "fr": "Si cette décision ne vous a pas été remise, signalez-le à la commune.",
            "en": "If this decision was not handed to you, tell the commune.",
        },
        Action.MESSAGE,
    ),
    "submitted": (
        {"ar": "وصل الإيداع", "fr": "Récépissé de dépôt", "en": "Receipt"},
        NOTHING,
        None,
    ),
    "completed": (
        {"ar": "ملف مودع", "fr": "Dossier complet", "en": "File complete"},
        NOTHING,
        None,
    ),
    "replacement_requested": (
        {"ar": "طلب تعويض وثيقة", "fr": "Pièce à remplacer", "en": "A document to replace"},
        {
            "ar": "لديكم 30 يوما لتقديمها، وإلا أُرجع الملف.",
            "fr": "Vous avez 30 jours ; à défaut, le dossier vous est rendu.",
            "en": "You have 30 days; otherwise the file is returned.",
        },
        Action.ANSWER,
    ),
    "information_requested": (
        {
            "ar": "طلب معلومات تكميلية",
            "fr": "Complément d'information demandé",
            "en": "Information requested",
        },
        NOTHING,
        Action.ANSWER,
    ),
    "request_reminded": (
        {"ar": "تذكير بطلب", "fr": "Rappel d'une demande", "en": "A request recalled"},
        {
            "ar": "أجيبوا، أو صرحوا بأن لا شيء سيضاف: يستأنف الأجل سريانه.",
            "fr": "Répondez, ou déclarez que rien d'autre ne viendra : le délai reprendra.",
            "en": "Answer it, or declare that nothing more will come: the period then goes on.",
        },
        Action.ANSWER,
    ),
    "modification_requested": (
        {"ar": "طلب تعديل المشروع", "fr": "Modification du projet demandée", "en": "Modification requested"},
        NOTHING,
        Action.ANSWER,
    ),
    "returned": (
        {"ar": "إرجاع الملف", "fr": "Dossier rendu", "en": "File returned"},
        NOTHING,
        None,
    ),
    "closed_as_repeat": (
        {"ar": "طلب مكرر", "fr": "Demande répétée", "en": "Repeated application"},
        NOTHING,
        None,
    ),
    "granted": (
        {"ar": "منح الرخصة", "fr": "Autorisation accordée", "en": "Authorisation granted"},
        NOTHING,
        None,
    ),
    "refused": (
        {"ar": "رفض الطلب", "fr": "Demande refusée", "en": "Application refused"},
        {
            "ar": "يمكنكم الطعن أمام رئيس المجلس داخل 30 يوما، أو أمام القضاء الإداري داخل 60 يوما.",
            "fr": "Recours possible devant le président sous 30 jours, ou devant le juge sous 60 jours.",
            "en": "You may appeal to the president within 30 days, or to the courts within 60.",
        },
        Action.APPEAL,
    ),
    "silence_without_approval": (
        {
            "ar": "سكوت الإدارة: باب الطعن مفتوح",
            "fr": "Silence : recours ouvert",
            "en": "Silence: you may appeal",
        },
        NOTHING,
        Action.APPEAL,
    ),
    "silence_invoked": (
        {"ar": "طلب القرار", "fr": "Acte demandé", "en": "Act asked for"},
        NOTHING,
        None,
    ),
    "permit_delivered": (
        {"ar": "تسليم الرخصة", "fr": "Autorisation délivrée", "en": "Authorisation delivered"},
        NOTHING,
        None,
    ),
    "attested": (
        {"ar": "الإشهاد على السكوت", "fr": "Silence attesté", "en": "Silence attested"},
        NOTHING,
        None,
    ),
    "appeal_answered": (
        {"ar": "الجواب عن الطعن", "fr": "Réponse au recours", "en": "Answer to the appeal"},
        NOTHING,
        None,
    ),
    "president_invited": (
        {"ar": "متابعة الطعن", "fr": "Suite du recours", "en": "Your appeal goes on"},
        NOTHING,
        None,
    ),
    "extended": (
        {"ar": "تمديد الأجل", "fr": "Délai prolongé", "en": "Period extended"},
        NOTHING,
        None,
    ),
    "message_posted": (
        {"ar": "رسالة جديدة", "fr": "Nouveau message", "en": "New message"},
        NOTHING,
        Action.MESSAGE,
    ),
    "transferred": (
        {"ar": "نقل الملف إليكم", "fr": "Dossier transféré", "en": "File transferred"},
        NOTHING,
        None,
    ),
    "proxy_granted": (
        {"ar": "وكالة على ملف", "fr": "Procuration donnée", "en": "Proxy granted"},
        NOTHING,
        None,
    ),
    "fee_due": (
        {"ar": "رسم مستحق", "fr": "Taxe à régler", "en": "Fee due"},
        NOTHING,
        Action.PAY,
    ),
    "paid": (
        {"ar": "تم الأداء", "fr": "Paiement reçu", "en": "Payment received"},
        NOTHING,
        None,
    ),
    "payment_failed": (
        {"ar": "فشل الأداء", "fr": "Paiement non abouti", "en": "Payment failed"},
        NOTHING,
        Action.PAY,
    ),
    "annulled": (
        {"ar": "إلغاء الرخصة", "fr": "Autorisation annulée", "en": "Authorisation annulled"},
        NOTHING,
        None,
    ),
    "lapsed": (
        {"ar": "سقوط الرخصة", "fr": "Autorisation périmée", "en": "Authorisation lapsed"},
        NOTHING,
        None,
    ),
}
"""What the applicant and the proxies are told, beside dates and silence: title, advice, next step."""

DATE_TITLES: Final[Mapping[str, Names]] = {
    "deadline_set": {"ar": "تاريخ جديد", "fr": "Une date est fixée", "en": "A date is set"},
    "deadline_moved": {"ar": "تغير التاريخ", "fr": "La date change", "en": "The date changed"},
    "deadline_settled": {"ar": "تأكد التاريخ", "fr": "La date est certaine", "en": "The date is certain"},
    "deadline_passed": {"ar": "انصرام أجل", "fr": "Un délai est passé", "en": "A period has passed"},
}

PASSED: Final[Mapping[str, tuple[Names, Action | None]]] = {
    ClockRule.DELIVERY: (
        {
            "ar": "يمكنكم أن تطلبوا من الوالي أو العامل الإشهاد على سكوت الإدارة.",
            "fr": "Vous pouvez demander au gouverneur d'attester le silence.",
            "en": "You may ask the governor to attest the silence.",
        },
        Action.REQUEST_ATTESTATION,
    ),
    ClockRule.APPEAL_PRESIDENT: (
        {
            "ar": "يمكنكم رفع الطعن إلى الوالي أو العامل.",
            "fr": "Vous pouvez porter le recours devant le gouverneur.",
            "en": "You may take the appeal to the governor.",
        },
        Action.ESCALATE_APPEAL,
    ),
}
"""The step that the end of a period opens."""

OFFICERS: Final[Mapping[str, Names]] = {
    "submitted": {"ar": "ملف جديد", "fr": "Nouveau dossier", "en": "New file"},
    "completed": {"ar": "ملف جديد مكتمل", "fr": "Nouveau dossier complet", "en": "New complete file"},
    "answered_request": {"ar": "جواب عن طلب", "fr": "Réponse à une demande", "en": "A request was answered"},
    "withdrawn": {"ar": "سحب طلب", "fr": "Demande retirée", "en": "Application withdrawn"},
    "message_posted": {"ar": "رسالة جديدة", "fr": "Nouveau message", "en": "New message"},
    "handover_recorded": {
        "ar": "تبليغ ينتظر التأكيد",
        "fr": "Remise à confirmer",
        "en": "Handover to confirm",
    },
    "approved_by_silence": {
        "ar": "موافقة بالسكوت",
        "fr": "Accord acquis par le silence",
        "en": "Approved by silence",
    },
    "silence_without_approval": {
        "ar": "انصرم الأجل دون جواب",
        "fr": "Délai passé sans réponse",
        "en": "Period passed unanswered",
    },
    "decision_attempted_late": {
        "ar": "محاولة رفض خارج الأجل",
        "fr": "Refus tenté hors délai",
        "en": "Refusal attempted too late",
    },
    "silence_invoked": {
        "ar": "قرار مطلوب داخل 7 أيام",
        "fr": "Acte à délivrer sous 7 jours",
        "en": "Act due within 7 days",
    },
    "attestation_requested": {
        "ar": "إشهاد مطلوب داخل 10 أيام",
        "fr": "Attestation demandée, sous 10 jours",
        "en": "Attestation due within 10 days",
    },
    "explanations_requested": {
        "ar": "الوالي أو العامل يطلب توضيحات",
        "fr": "Le gouverneur demande des explications",
        "en": "The governor asks for explanations",
    },
    "appeal_lodged": {"ar": "طعن جديد", "fr": "Nouveau recours", "en": "New appeal"},
    "president_invited": {
        "ar": "دعوة إلى البت داخل 10 أيام",
        "fr": "Invitation à statuer sous 10 jours",
        "en": "Invited to decide within 10 days",
    },
}
"""What officers are told of, by the event's name; the governor and audit under the same title."""

REFUSAL_VOID: Final[Names] = {
    "ar": "لم يعد للرفض أي أثر؛ ويبقى المنح ممكنا.",
    "fr": "Un refus n'a plus d'effet ; l'octroi reste possible.",
    "en": "A refusal has no effect any more; granting remains possible.",
}
GOVERNOR_ALERT: Final[Names] = {
    "ar": "رأي الوكالة الحضرية الملزم غير موافق أو لم يصدر: تنبيه بمقتضى المادة 55 من ضابط البناء العام.",
    "fr": "L'avis conforme de l'agence urbaine est défavorable ou manque : alerte au titre du RGC, art. 55.",
    "en": "The urban agency's binding opinion is unfavourable or missing: alert under RGC art. 55.",
}
