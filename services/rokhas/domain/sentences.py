"""What happens to a permit file, as sentences for people: the words, no reasoning."""

from collections.abc import Mapping
from typing import Final

from services.rokhas.domain.values import LAPSE, ClockRule
from shared.data import Names

SENTENCES: Final[Mapping[str, Names]] = {
    "drafted": {
        "ar": "أُنشئت مسودة الملف.",
        "fr": "Le brouillon du dossier a été créé.",
        "en": "The file was drafted.",
    },
    "document_attached": {
        "ar": "أُرفقت بالملف الوثيقة التالية: {document}.",
        "fr": "Pièce versée au dossier : {document}.",
        "en": "Document added to the file: {document}.",
    },
    "submitted.complete": {
        "ar": "أُودع الملف كاملا تحت رقم {reference} «ملف مودع»، وبدأ سريان الأجل.",
        "fr": "Le dossier complet a été déposé sous le numéro {reference} : le délai court.",
        "en": "The complete file was deposited under number {reference}: the period runs.",
    },
    "submitted.incomplete": {
        "ar": "أُودع الملف تحت رقم {reference} «ملف في طور الإيداع»، وتنقصه الوثائق التالية: {missing}.",
        "fr": "Le dossier a été déposé sous le numéro {reference}, incomplet ; il manque : {missing}.",
        "en": "The file was deposited under number {reference}, incomplete; still missing: {missing}.",
    },
    "completed": {
        "ar": "استُكملت وثائق الملف فأصبح «ملفا مودعا»، وبدأ سريان الأجل.",
        "fr": "La dernière pièce manquante est parvenue : le dossier est complet et le délai court.",
        "en": "The last missing document arrived: the file is complete and the period runs.",
    },
    "answered_request": {
        "ar": "قُدم الجواب عن طلب الإدارة.",
        "fr": "Il a été répondu à la demande de l'administration.",
        "en": "The office's request was answered.",
    },
    "answered_request.restarts": {
        "ar": "أُودع مشروع معدل تعديلا جوهريا: يبتدئ الأجل من جديد.",
        "fr": "Un projet substantiellement modifié a été déposé : le délai recommence.",
        "en": "A substantively modified project was deposited: the period begins anew.",
    },
    "withdrawn": {
        "ar": "سُحب الطلب.",
        "fr": "La demande a été retirée.",
        "en": "The application was withdrawn.",
    },
    "renounced": {
        "ar": "تخلى المستفيد عن الرخصة.",
        "fr": "Le bénéficiaire a renoncé à l'autorisation.",
        "en": "The holder gave the authorisation up.",
    },
    "transferred": {
        "ar": "انتقل الملف إلى الخلف، والآجال على حالها.",
        "fr": "Le dossier a été transféré au successeur ; les délais sont inchangés.",
        "en": "The file was transferred to the successor; its dates are unchanged.",
    },
    "proxy_granted": {
        "ar": "مُنحت وكالة على الملف.",
        "fr": "Une procuration a été donnée sur le dossier.",
        "en": "A proxy was granted on the file.",
    },
    "proxy_revoked": {
        "ar": "أُلغيت وكالة على الملف.",
        "fr": "Une procuration sur le dossier a été révoquée.",
        "en": "A proxy on the file was revoked.",
    },
    "works_started": {
        "ar": "صُرح ببدء الأشغال: لا تسقط الرخصة.",
        "fr": "L'ouverture du chantier a été déclarée : le permis ne se périme pas.",
        "en": "The works were declared begun: the permit does not lapse.",
    },
    "message_posted": {
        "ar": "أُضيفت رسالة إلى الملف.",
        "fr": "Un message a été ajouté au dossier.",
        "en": "A message was added to the file.",
    },
    "returned": {
        "ar": "أُرجع الملف لعدم استكماله داخل أجل 30 يوما، وليس ذلك رفضا: يمكن إيداعه من جديد.",
        "fr": "Le dossier, non complété sous 30 jours, est rendu ; ce n'est pas un refus : il peut être"
        " redéposé.",
        "en": "The file was not completed within 30 days and is returned; that is no refusal: it may be"
        " refiled.",
    },
    "replacement_requested": {
        "ar": "طلبت الإدارة تعويض الوثيقة التالية: {document}. يُعلق الأجل إلى حين تقديمها.",
        "fr": "L'administration demande de remplacer : {document}. Le délai est suspendu jusque-là.",
        "en": "The office asks to replace: {document}. The period is suspended until then.",
    },
    "information_requested": {
        "ar": "طلبت الإدارة معلومات تكميلية. يُعلق الأجل إلى حين الجواب.",
        "fr": "L'administration demande un complément d'information. Le délai est suspendu jusqu'à la"
        " réponse.",
        "en": "The office asks for further information. The period is suspended until it is answered.",
    },
    "modification_requested": {
        "ar": "طلبت اللجنة تعديل المشروع. يُعلق الأجل إلى حين الجواب.",
        "fr": "La commission demande de modifier le projet. Le délai est suspendu jusqu'à la réponse.",
        "en": "The commission asks to modify the project. The period is suspended until it is answered.",
    },
    "replacement_requested.runs_on": {
        "ar": "طلبت الإدارة تعويض وثيقة تكميلية: {document}. لا يُعلق ذلك الأجل الذي يستمر سريانه.",
        "fr": "L'administration demande de remplacer une pièce complémentaire : {document}. Le délai court"
        " toujours.",
        "en": "The office asks to replace a complementary document: {document}. The period still runs.",
    },
    "information_requested.runs_on": {
        "ar": "طلبت الإدارة وثائق تكميلية: {documents}. لا يُعلق ذلك الأجل الذي يستمر سريانه.",
        "fr": "L'administration demande des pièces complémentaires : {documents}. Le délai court toujours.",
        "en": "The office asks for complementary documents: {documents}. The period still runs.",
    },
    "modification_requested.runs_on": {
        "ar": "طلبت اللجنة تعديل المشروع، ولا يُعلق هذا الطلب الأجل الذي يستمر سريانه.",
        "fr": "La commission demande de modifier le projet, sans suspendre le délai, qui court toujours.",
        "en": "The commission asks to modify the project; that suspends nothing, the period still runs.",
    },
    "request_reminded": {
        "ar": "تذكير: لا يزال الأجل معلقا في انتظار جوابكم عن طلب الإدارة.",
        "fr": "Rappel : le délai reste suspendu tant qu'il n'est pas répondu à la demande.",
        "en": "Reminder: the period stays suspended until the office's request is answered.",
    },
    "answered_request.nothing_more": {
        "ar": "صُرح بأن لا شيء سيضاف إلى الملف: يستأنف الأجل سريانه بما بقي منه.",
        "fr": "Il a été déclaré que rien d'autre ne viendra : le délai reprend avec les jours restants.",
        "en": "It was declared that nothing more will come: the period goes on with the days that remain.",
    },
    "extended": {
        "ar": "مُدد الأجل مرة واحدة ولمدة {days} لإنجاز خبرة تقنية أو بحث عمومي (55-19، المادة 17).",
        "fr": "Le délai est prolongé une fois, de {days} : expertise ou enquête publique (55-19, art. 17).",
        "en": "The period is extended once, by {days}: expertise or public inquiry (55-19 art. 17).",
    },
    "reassigned": {
        "ar": "كُلف أحد أعوان الجماعة بدراسة الملف.",
        "fr": "Le dossier a été confié à un instructeur.",
        "en": "The file was given to an instructor.",
    },
    "closed_as_repeat": {
        "ar": "الطلب مطابق لطلب سبق رفضه دون تغير في الظروف: لا جواب عنه (55-19، المادة 15).",
        "fr": "La demande répète une demande refusée, sans changement : elle reste sans réponse (55-19,"
        " art. 15).",
        "en": "The application repeats a refused one, nothing having changed: no answer is due (55-19"
        " art. 15).",
    },
    "opinion_requested": {
        "ar": "طُلب رأي: {actor}.",
        "fr": "Avis demandé : {actor}.",
        "en": "Opinion requested: {actor}.",
    },
    "opinion_given": {
        "ar": "{actor}: {outcome}.",
        "fr": "{actor} : {outcome}.",
        "en": "{actor}: {outcome}.",
    },
    "forwarded_to_commission": {
        "ar": "أُحيل الملف على اللجنة.",
        "fr": "Le dossier a été transmis à la commission.",
        "en": "The file was forwarded to the commission.",
    },
    "commission_convened": {
        "ar": "استُدعيت اللجنة ليوم {sits_at}.",
        "fr": "La commission est convoquée pour le {sits_at}.",
        "en": "The commission is convened for {sits_at}.",
    },
    "minutes_signed": {
        "ar": "وُقع محضر اللجنة.",
        "fr": "Le procès-verbal de la commission est signé.",
        "en": "The commission's minutes were signed.",
    },
    "granted": {
        "ar": "مُنحت الرخصة وبُلغت.",
        "fr": "L'autorisation est accordée et notifiée.",
        "en": "The authorisation was granted and notified.",
    },
    "refused": {
        "ar": "رُفض الطلب بقرار معلل؛ الأسباب مبينة في الملف. السند: {articles}.",
        "fr": "La demande est refusée ; les motifs figurent au dossier. Fondement : {articles}.",
        "en": "The application was refused; the reasons are in the file. Legal grounds: {articles}.",
    },
    "decision_attempted_late": {
        "ar": "سُجلت محاولة رفض بعد انصرام الأجل القانوني يوم {answer_by}: لا أثر لها.",
        "fr": "Un refus a été tenté après le délai, échu le {answer_by} : il est sans effet.",
        "en": "A refusal was attempted after the period, which ended on {answer_by}: it has no effect.",
    },
    "handover_recorded": {
        "ar": "أُدرج تبليغ ورقي مؤرخ في {handed_over_at}: ينتظر تأكيد شخص ثان.",
        "fr": "Une remise sur papier du {handed_over_at} attend une seconde personne.",
        "en": "A paper handover of {handed_over_at} awaits a second person.",
    },
    "handover_recorded.late": {
        "ar": "أُدرج بعد انصرام الأجل تبليغ ورقي مؤرخ في {handed_over_at}: ينتظر تأكيد شخص ثان.",
        "fr": "Une remise sur papier du {handed_over_at}, saisie après le délai, attend une seconde"
        " personne.",
        "en": "A paper handover of {handed_over_at}, entered after the period, awaits a second person.",
    },
    "handover_rejected": {
        "ar": "لم يؤكد الشخص الثاني التبليغ الورقي.",
        "fr": "La remise sur papier n'a pas été confirmée par la seconde personne.",
        "en": "The second person did not confirm the paper handover.",
    },
    "permit_delivered": {
        "ar": "سُلمت الرخصة.",
        "fr": "L'autorisation est délivrée.",
        "en": "The authorisation was delivered.",
    },
    "transmitted": {
        "ar": "أُرسلت نسخة من القرار إلى {recipient}.",
        "fr": "Copie de l'acte a été transmise : {recipient}.",
        "en": "A copy of the act was sent to {recipient}.",
    },
    "annulled": {
        "ar": "أُلغيت الرخصة (المرجع: {act}).",
        "fr": "L'autorisation est annulée (acte {act}).",
        "en": "The authorisation was annulled (act {act}).",
    },
    "lapsed": {
        "ar": "سقطت الرخصة؛ كان آخر يوم لاستعمالها {last_day}.",
        "fr": "L'autorisation est périmée ; son dernier jour était le {last_day}.",
        "en": "The authorisation lapsed; its last day was {last_day}.",
    },
    "approved_by_silence": {
        "ar": "انصرم الأجل دون جواب: سكوت الإدارة بمثابة موافقة ابتداء من {effective_at} (55-19، المادة 19).",
        "fr": "Le délai est passé sans réponse : le silence vaut accord depuis le {effective_at} (55-19,"
        " art. 19).",
        "en": "The period passed unanswered: silence means approval since {effective_at} (55-19 art. 19).",
    },
    "silence_without_approval": {
        "ar": "انصرم الأجل يوم {effective_at} دون جواب؛ لا يعد السكوت هنا موافقة، وباب الطعن مفتوح.",
        "fr": "Le délai est passé sans réponse le {effective_at} ; ce silence ne vaut pas accord : un"
        " recours est"
        " ouvert.",
        "en": "The period passed unanswered on {effective_at}; this silence is no approval: an appeal is"
        " open.",
    },
    "silence_invoked": {
        "ar": "طُلب من رئيس المجلس تسليم القرار بناء على سكوت الإدارة؛ عليه تسليمه داخل 7 أيام.",
        "fr": "L'acte acquis par le silence est demandé au président, qui le délivre sous 7 jours.",
        "en": "The act that silence approved was asked of the president, who delivers it within 7 days.",
    },
    "attestation_requested": {
        "ar": "طُلب من الوالي أو العامل الإشهاد على سكوت الإدارة داخل 10 أيام.",
        "fr": "L'attestation du silence est demandée au gouverneur, qui a 10 jours.",
        "en": "The governor was asked to attest the silence, within 10 days.",
    },
    "explanations_requested": {
        "ar": "راسل الوالي أو العامل رئيس المجلس طلبا للتوضيحات؛ لا يوقف ذلك أي أجل.",
        "fr": "Le gouverneur a demandé des explications au président ; aucun délai n'est suspendu.",
        "en": "The governor asked the president for explanations; that suspends nothing.",
    },
    "attested": {
        "ar": "أشهد الوالي أو العامل على سكوت الإدارة: تقوم الشهادة مقام الرخصة.",
        "fr": "Le gouverneur a attesté le silence : l'attestation tient lieu d'autorisation.",
        "en": "The governor attested the silence: the attestation stands for the authorisation.",
    },
    "appeal_lodged.president": {
        "ar": "قُدم طعن أمام رئيس المجلس.",
        "fr": "Un recours est formé devant le président.",
        "en": "An appeal was lodged with the president.",
    },
    "appeal_lodged.governor": {
        "ar": "رُفع الطعن إلى الوالي أو العامل.",
        "fr": "Le recours est porté devant le gouverneur.",
        "en": "The appeal was taken to the governor.",
    },
    "president_invited": {
        "ar": "دعا الوالي أو العامل رئيس المجلس إلى البت داخل 10 أيام.",
        "fr": "Le gouverneur a invité le président à statuer sous 10 jours.",
        "en": "The governor invited the president to decide within 10 days.",
    },
    "appeal_answered.granted": {
        "ar": "قُبل الطعن ومُنحت الرخصة.",
        "fr": "Le recours est accueilli : l'autorisation est accordée.",
        "en": "The appeal was upheld: the authorisation is granted.",
    },
    "appeal_answered.refused": {
        "ar": "رُفض الطعن؛ تبقى الطريق القضائية مفتوحة.",
        "fr": "Le recours est rejeté ; la voie judiciaire reste ouverte.",
        "en": "The appeal was rejected; the courts remain open.",
    },
    "appeal_answered.silence": {
        "ar": "مضت على الطعن ستون يوما دون جواب: يُعد مرفوضا ابتداء من {answered_at}، وتبقى الطريق القضائية"
        " مفتوحة (القانون 41-90، المادة 23).",
        "fr": "Soixante jours de silence valent rejet du recours depuis le {answered_at} ; la voie judiciaire"
        " reste ouverte (loi 41-90, art. 23).",
        "en": "Sixty days of silence mean that the appeal is rejected since {answered_at}; the courts remain"
        " open (law 41-90 art. 23).",
    },
    "deadline_set": {
        "ar": "{rule}: آخر يوم هو {answer_by}.",
        "fr": "{rule} : le dernier jour est le {answer_by}.",
        "en": "{rule}: the last day is {answer_by}.",
    },
    "deadline_set.provisional": {
        "ar": "{rule}: آخر يوم هو {answer_by}، وهو تاريخ مؤقت قد يغيره تأكيد عيد ديني.",
        "fr": "{rule} : le dernier jour est le {answer_by}, sous réserve de la confirmation d'une fête.",
        "en": "{rule}: the last day is {answer_by}, provisionally: a feast is still to be confirmed.",
    },
    "deadline_moved": {
        "ar": "{rule}: انتقل آخر يوم من {previous} إلى {answer_by}. السبب: {reason}",
        "fr": "{rule} : le dernier jour passe du {previous} au {answer_by}. Motif : {reason}",
        "en": "{rule}: the last day moves from {previous} to {answer_by}. Reason: {reason}",
    },
    "deadline_moved.suspended": {
        "ar": "{rule}: عُلق الأجل. السبب: {reason}",
        "fr": "{rule} : le délai est suspendu. Motif : {reason}",
        "en": "{rule}: the period is suspended. Reason: {reason}",
    },
    "deadline_moved.resumed": {
        "ar": "{rule}: استأنف الأجل سريانه وآخر يوم هو {answer_by}. السبب: {reason}",
        "fr": "{rule} : le délai reprend ; le dernier jour est le {answer_by}. Motif : {reason}",
        "en": "{rule}: the period runs again; the last day is {answer_by}. Reason: {reason}",
    },
    "deadline_moved.settled": {
        "ar": "{rule}: تأكد أن آخر يوم هو {answer_by}. السبب: {reason}",
        "fr": "{rule} : le dernier jour, le {answer_by}, est désormais certain. Motif : {reason}",
        "en": "{rule}: the last day, {answer_by}, is now certain. Reason: {reason}",
    },
    "deadline_moved.provisional": {
        "ar": "{rule}: آخر يوم هو {answer_by} مؤقتا. السبب: {reason}",
        "fr": "{rule} : le dernier jour, le {answer_by}, est provisoire. Motif : {reason}",
        "en": "{rule}: the last day, {answer_by}, is provisional. Reason: {reason}",
    },
    "deadline_passed": {
        "ar": "{rule}: انصرم الأجل.",
        "fr": "{rule} : le délai est passé.",
        "en": "{rule}: the period has passed.",
    },
    "fee_due": {
        "ar": "رسم مستحق: {fee}، {amount} درهم.",
        "fr": "À régler : {fee}, {amount} DH.",
        "en": "Due: {fee}, {amount} MAD.",
    },
    "payment_started": {
        "ar": "بدأت عملية أداء {amount} درهم.",
        "fr": "Un paiement de {amount} DH est en cours.",
        "en": "A payment of {amount} MAD was started.",
    },
    "paid": {
        "ar": "تم أداء {amount} درهم.",
        "fr": "{amount} DH ont été réglés.",
        "en": "{amount} MAD were paid.",
    },
    "payment_failed": {
        "ar": "لم تتم عملية الأداء.",
        "fr": "Le paiement n'a pas abouti.",
        "en": "The payment failed.",
    },
}

RULES: Final[Mapping[str, Names]] = {
    ClockRule.MISSING_ITEMS: {
        "ar": "استكمال الوثائق الناقصة",
        "fr": "Dépôt des pièces manquantes",
        "en": "Supplying the missing documents",
    },
    ClockRule.REPLACEMENT: {
        "ar": "تعويض الوثيقة المطلوبة",
        "fr": "Remplacement de la pièce demandée",
        "en": "Replacing the requested document",
    },
    ClockRule.UNANSWERED: {
        "ar": "الجواب عن طلب الإدارة",
        "fr": "Réponse à la demande de l'administration",
        "en": "Answering the office's request",
    },
    ClockRule.DELIVERY: {
        "ar": "تسليم القرار من طرف رئيس المجلس",
        "fr": "Délivrance de l'acte par le président",
        "en": "Delivery of the act by the president",
    },
    ClockRule.ATTESTATION: {
        "ar": "إشهاد الوالي أو العامل على السكوت",
        "fr": "Attestation du silence par le gouverneur",
        "en": "Attestation of the silence by the governor",
    },
    ClockRule.APPEAL_LODGING: {
        "ar": "تقديم الطعن أمام رئيس المجلس",
        "fr": "Recours devant le président",
        "en": "Appeal to the president",
    },
    ClockRule.APPEAL_PRESIDENT: {
        "ar": "جواب رئيس المجلس عن الطعن",
        "fr": "Réponse du président au recours",
        "en": "The president's answer to the appeal",
    },
    ClockRule.APPEAL_GOVERNOR: {
        "ar": "البت في الطعن بدعوة من الوالي أو العامل",
        "fr": "Décision sur le recours, à l'invitation du gouverneur",
        "en": "Decision on the appeal, on the governor's invitation",
    },
    ClockRule.APPEAL_SILENCE: {
        "ar": "السكوت عن الطعن",
        "fr": "Silence sur le recours",
        "en": "Silence on the appeal",
    },
    "appeal.court": {
        "ar": "دعوى الإلغاء أمام القضاء الإداري",
        "fr": "Recours en annulation devant le juge administratif",
        "en": "Action for annulment in court",
    },
    LAPSE: {
        "ar": "صلاحية الرخصة",
        "fr": "Validité de l'autorisation",
        "en": "Validity of the authorisation",
    },
    "": {
        "ar": "أجل البت في الملف",
        "fr": "Délai de réponse",
        "en": "Period for the answer",
    },
}

TERMS: Final[Mapping[str, Names]] = {
    "granted": {"ar": "منح", "fr": "accord", "en": "granted"},
    "refused": {"ar": "رفض", "fr": "refus", "en": "refused"},
    "favourable": {"ar": "رأي بالموافقة", "fr": "avis favorable", "en": "favourable opinion"},
    "favourable_with_reservations": {
        "ar": "رأي بالموافقة مع تحفظات",
        "fr": "avis favorable avec réserves",
        "en": "favourable opinion with reservations",
    },
    "unfavourable": {"ar": "رأي بعدم الموافقة", "fr": "avis défavorable", "en": "unfavourable opinion"},
    "governor": {"ar": "الوالي أو العامل", "fr": "le gouverneur", "en": "the governor"},
    "commune": {"ar": "الجماعة", "fr": "la commune", "en": "the commune"},
    "president": {"ar": "رئيس المجلس", "fr": "le président", "en": "the president"},
}

WARNINGS: Final[Mapping[str, Names]] = {
    "half": {
        "ar": "انصرم نصف الأجل",
        "fr": "La moitié du délai est passée",
        "en": "Half of the period is over",
    },
    "eighty_percent": {
        "ar": "انصرم 80% من الأجل",
        "fr": "80 % du délai sont passés",
        "en": "80 % of the period is over",
    },
    "two_days": {
        "ar": "بقي يومان من الأجل",
        "fr": "Il reste deux jours",
        "en": "Two days are left",
    },
    "text": {
        "ar": "{rule}: آخر يوم هو {answer_by}.",
        "fr": "{rule} : le dernier jour est le {answer_by}.",
        "en": "{rule}: the last day is {answer_by}.",
    },
}
"""Titles by warning, and the sentence of all."""
