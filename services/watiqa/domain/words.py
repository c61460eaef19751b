"""What a state means for the person who waits, and what they may do next, in three languages."""

from dataclasses import dataclass
from typing import Final

from services.watiqa.domain.states import State
from services.watiqa.events.request import ControlReason, RefusalGround
from shared.data import Names


@dataclass(frozen=True, slots=True)
class Words:
    message: Names
    next_step: Names


def _w(ar: str, fr: str, en: str, ar_next: str, fr_next: str, en_next: str) -> Words:
    return Words({"ar": ar, "fr": fr, "en": en}, {"ar": ar_next, "fr": fr_next, "en": en_next})


S = State
_NOTHING: Final = ("لا شيء مطلوب منكم.", "Vous n'avez rien à faire.", "There is nothing for you to do.")

WORDS: Final[dict[State, Words]] = {
    S.RECEIVED: _w("تم تسلم طلبكم.", "Votre demande est reçue.", "Your request is received.", *_NOTHING),
    S.OFFICE_CLOSED: _w(
        "المكتب الذي اخترتموه مغلق حاليا.",
        "Le bureau que vous avez choisi est fermé.",
        "The office that you chose is closed.",
        "اختاروا مكتبا آخر: أي مكتب يسلم الوثيقة؛ أو انتظروا إعادة فتحه.",
        "Choisissez un autre bureau : tous délivrent le document ; ou attendez la réouverture.",
        "Choose another office, any of them issues the document; or wait until it opens again.",
    ),
    S.AWAITING_AUTHORISATION: _w(
        "يتوقف الطلب على إذن السلطة المركزية، التي تبت فيه داخل 60 يوما.",
        "La demande attend l'autorisation de l'autorité centrale, qui décide sous 60 jours.",
        "The request waits for the central authority, which decides within 60 days.",
        "يمكنكم إضافة ما يثبت مصلحتكم.",
        "Vous pouvez ajouter ce qui prouve votre intérêt.",
        "You may add what proves your interest.",
    ),
    S.MATCHING: _w(
        "يجري البحث عن الرسم في السجل.",
        "L'acte est recherché au registre.",
        "The act is being looked for in the register.",
        *_NOTHING,
    ),
    S.NOT_FOUND: _w(
        "لم يعثر في السجل على رسم يطابق ما أدليتم به.",
        "Aucun acte du registre ne correspond à ce que vous avez indiqué.",
        "No act of the register fits what you stated.",
        "صححوا المعطيات أو أضيفوا مرجع الرسم؛ وإن لم تكن الواقعة مسجلة فالتسجيل بحكم قضائي.",
        "Corrigez les données ou ajoutez les références de l'acte ; un événement jamais déclaré s'inscrit par"
        " jugement.",
        "Correct what you stated or add the act's number; what was never declared is registered by a court.",
    ),
    S.AMBIGUOUS: _w(
        "أكثر من رسم يطابق ما أدليتم به، أو الرسم موضوع تحقق.",
        "Plusieurs actes correspondent, ou l'acte est en cours de vérification.",
        "Several acts fit, or the act is being looked into.",
        "أضيفوا مرجع الرسم أو اسم الأم أو الأب.",
        "Ajoutez les références de l'acte, ou le prénom de la mère ou du père.",
        "Add the act's office, year and number, or the mother's or father's given name.",
    ),
    S.UNDER_CONTROL: _w(
        "يتحقق ضابط الحالة المدنية من طلبكم.",
        "Un officier d'état civil vérifie votre demande.",
        "A civil status officer is checking your request.",
        "أضيفوا الوثائق الناقصة إن وجدت.",
        "Ajoutez les pièces qui manquent, s'il en manque.",
        "Add the proofs that are missing, if any.",
    ),
    S.UNPAID: _w(
        "عثر على الرسم؛ يبقى أداء الواجب.",
        "L'acte est trouvé ; il reste à payer.",
        "The act is found; the fee remains to be paid.",
        "أدوا الواجب ليرسل إليكم المستند.",
        "Payez pour que le document soit délivré.",
        "Pay, and the document is issued.",
    ),
    S.ISSUING: _w(
        "تحرر الوثيقة وتختم.",
        "Le document est imprimé et scellé.",
        "The document is being printed and sealed.",
        *_NOTHING,
    ),
    S.ISSUED: _w(
        "الوثيقة جاهزة.",
        "Le document est prêt.",
        "The document is ready.",
        "حملوها، أو تسلموها بالمكتب، أو انتظروا إرسالها حسب اختياركم.",
        "Téléchargez-le, retirez-le au guichet ou attendez l'envoi, selon votre choix.",
        "Download it, collect it, or wait for the post, as you chose.",
    ),
    S.POSTED: _w(
        "أرسلت الوثيقة بالبريد المضمون.",
        "Le document est envoyé en recommandé.",
        "The document was sent by registered post.",
        "تتبعوا الإرسال برقمه.",
        "Suivez l'envoi par son numéro.",
        "Follow the letter by its number.",
    ),
    S.RETURNED: _w(
        "أعاد البريد الرسالة.",
        "La poste a retourné la lettre.",
        "The post returned the letter.",
        "تسلموا الوثيقة بالمكتب أو صححوا عنوانكم لديه.",
        "Retirez le document au bureau, ou faites-y corriger l'adresse.",
        "Collect the document at the office, or have the address corrected there.",
    ),
    S.DELIVERED: _w("سلمت الوثيقة.", "Le document est remis.", "The document was handed over.", *_NOTHING),
    S.SUPERSEDED: _w(
        "تغير الرسم منذ تسليم الوثيقة: لم تعد تطابق السجل.",
        "L'acte a changé depuis : le document ne dit plus ce que dit le registre.",
        "The act changed since: the document no longer says what the register says.",
        "اطلبوا وثيقة جديدة من هذا الطلب نفسه، أو قدموا طلبا جديدا إن تعذر ذلك.",
        "Demandez une nouvelle délivrance sur cette demande, ou à défaut déposez-en une autre.",
        "Ask for a new issue on this same request, or where none is offered file another one.",
    ),
    S.REVOKED: _w(
        "ألغيت الوثيقة ولا يعتد بها.",
        "Le document est révoqué : il ne vaut plus rien.",
        "The document is revoked and worth nothing.",
        "قدموا طلبا جديدا عند الاقتضاء.",
        "Déposez une nouvelle demande au besoin.",
        "File a new request if you need one.",
    ),
    S.REFUSED: _w(
        "رفض الطلب.",
        "La demande est refusée.",
        "The request is refused.",
        "قدموا طلبا جديدا بالإثباتات الكافية، أو اطعنوا في الرفض.",
        "Déposez une nouvelle demande avec les preuves, ou contestez le refus.",
        "File a new request with the proofs, or contest the refusal.",
    ),
    S.WITHDRAWN: _w("سحب الطلب.", "La demande est retirée.", "The request is withdrawn.", *_NOTHING),
}

C = ControlReason
_MORE: Final = (
    "أضيفوا الوثائق الناقصة إن وجدت.",
    "Ajoutez les pièces qui manquent, s'il en manque.",
    "Add the proofs that are missing, if any.",
)

CONTROL: Final[dict[ControlReason, Words]] = {
    C.PROOFS: _w(
        "يتحقق ضابط الحالة المدنية من صفتكم.",
        "Un officier d'état civil vérifie votre qualité.",
        "A civil status officer is checking in what capacity you ask.",
        *_MORE,
    ),
    C.NOT_LINKED: _w(
        "لا يعرف السجل أن الرسم يخصكم: يتحقق ضابط الحالة المدنية من هويتكم.",
        "Le registre ne sait pas que l'acte est le vôtre : un officier d'état civil vérifie votre identité.",
        "The register does not know that the act is yours: a civil status officer is checking who you are.",
        *_MORE,
    ),
    C.POLICY: WORDS[S.UNDER_CONTROL],
    C.MARGIN_UNKNOWN: _w(
        "أخذ الرسم من سجل ورقي ولم يقابل هامشه بعد: قد تكون فيه بيانات زواج أو وفاة أو حكم.",
        "L'acte vient d'un registre papier dont la marge n'a pas été comparée : un mariage, un décès, un"
        " jugement peut y être mentionné.",
        "The act comes from a paper register whose margin was not compared: it may mention a marriage, a"
        " death, a judgment.",
        "ينظر مكتب الرسم في السجل الورقي، ثم يستأنف الطلب من تلقاء نفسه؛ لا شيء مطلوب منكم.",
        "Le bureau de l'acte consulte le registre papier, puis la demande reprend d'elle-même.",
        "The office of the act looks at the paper register, then the request goes on by itself.",
    ),
    C.DECEASED: _w(
        "يتضمن السجل وفاة صاحب الرسم: لا تسلم له شهادة الحياة.",
        "Le registre contient le décès de la personne : aucun certificat de vie n'est délivré.",
        "The register holds the death of this person: no certificate of life is issued.",
        "إن كان ذلك خطأ فاطلبوا إصلاحه لدى مكتب الرسم أو المحكمة.",
        "Si c'est une erreur, demandez sa rectification au bureau de l'acte ou au tribunal.",
        "If this is an error, have it corrected by the office of the act or by the court.",
    ),
    C.NOT_PRINTABLE: _w(
        "تعذر تحرير الوثيقة آليا: ينظر فيها ضابط الحالة المدنية.",
        "Le document n'a pas pu être imprimé tel quel : un officier d'état civil s'en charge.",
        "The document could not be printed as it is: a civil status officer sees to it.",
        *_NOTHING,
    ),
}
"""Why an officer looks, for who waits."""


G = RefusalGround
GROUNDS: Final[dict[RefusalGround, Names]] = {
    G.NOT_ENTITLED: {
        "ar": "صفتكم لا تخول لكم الحصول على هذه الوثيقة (القانون 36-21، المادة 43).",
        "fr": "Votre qualité ne donne pas droit à ce document (loi 36-21, art. 43).",
        "en": "Your capacity gives no right to this document (law 36-21, art. 43).",
    },
    G.PROOF_INSUFFICIENT: {
        "ar": "الوثائق المدلى بها لا تثبت صفتكم.",
        "fr": "Les pièces produites ne prouvent pas votre qualité.",
        "en": "The proofs do not show the capacity in which you ask.",
    },
    G.IDENTITY_DOUBTFUL: {
        "ar": "لم تثبت هويتكم.",
        "fr": "Votre identité n'est pas établie.",
        "en": "Your identity is not established.",
    },
    G.NOT_THE_ACT: {
        "ar": "الرسم الذي عثر عليه ليس الرسم المطلوب.",
        "fr": "L'acte trouvé n'est pas celui que vous demandez.",
        "en": "The act that was found is not the one that you ask for.",
    },
    G.UNFOUNDED: {
        "ar": "لا تقوم مصلحتكم على أساس مشروع.",
        "fr": "L'intérêt que vous invoquez n'est pas fondé.",
        "en": "The interest that you state is unfounded.",
    },
}
"""Why it was refused: a refusal says its reason (55-19 art. 18)."""


def words(state: State, control: ControlReason | None, ground: RefusalGround | None = None) -> Words:
    if state is S.UNDER_CONTROL and control is not None:
        return CONTROL[control]
    said = WORDS[state]
    if state is not S.REFUSED or ground is None:
        return said
    return Words({one: f"{said.message[one]} {GROUNDS[ground][one]}" for one in said.message}, said.next_step)


OWED: Final[Words] = _w(
    "توصل المكتب بمبلغ لا مقابل له.",
    "Le bureau a reçu une somme qui ne lui est pas due.",
    "The office received money that is not due to it.",
    "يرد الضابط المبلغ ثم يسجل مرجع التحويل هنا.",
    "L'officier rembourse la somme, puis inscrit ici la référence du virement.",
    "The officer gives it back, then puts down the reference of the transfer here.",
)
