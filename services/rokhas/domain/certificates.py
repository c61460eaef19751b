"""What the sealed documents of a permit file say: the receipt, the permit, the attestation of silence.

Persons are references here: this service knows no names. What an applicant wrote is printed only where it
can be; the file has it in any case.
"""

from datetime import datetime
from typing import Final

from services.rokhas.domain.dossier import Dossier
from services.rokhas.domain.states import State
from services.rokhas.events import (
    Annulled,
    Attested,
    Channel,
    Completed,
    DossierEvent,
    Lapsed,
    PermitDelivered,
    Renounced,
    Submitted,
    Transferred,
)
from shared.data import Names
from shared.documents.content import Content, Field, printable
from shared.errors import Invalid
from shared.territory import Collectivity, territory
from shared.time import civil_day, day_text

RECEIPT: Final = "receipt"
INCOMPLETE: Final = "receipt_incomplete"
PERMIT: Final = "permit"
ATTESTATION: Final = "attestation_of_silence"

KINDS: Final[dict[str, Names]] = {
    RECEIPT: {"ar": "وصل: ملف مودع", "fr": "Récépissé : dossier déposé", "en": "Receipt: file deposited"},
    INCOMPLETE: {
        "ar": "وصل: ملف في طور الإيداع",
        "fr": "Récépissé : dossier en cours de dépôt",
        "en": "Receipt: file being deposited",
    },
    PERMIT: {"ar": "رخصة", "fr": "Autorisation", "en": "Permit"},
    ATTESTATION: {
        "ar": "شهادة بسكوت الإدارة",
        "fr": "Attestation de silence de l'administration",
        "en": "Attestation of the administration's silence",
    },
}
"""Every document that this service issues, by its code."""

ENDED: Final[dict[type[DossierEvent], str]] = {
    Annulled: "annulled",
    Lapsed: "lapsed",
    Renounced: "renounced",
}
"""What takes the effect of permit and attestation away; a receipt stays true."""

_RIGHTS: Final = frozenset({PERMIT, ATTESTATION})
_NOTES: Final[dict[str, Names]] = {
    RECEIPT: {
        "ar": "يثبت هذا الوصل إيداع الملف تاما، وهو حجة في الطعون وفي الاحتجاج بسكوت الإدارة"
        " (القانون 55-19، المادتان 10 و12).",
        "fr": "Ce récépissé prouve le dépôt du dossier complet ; il fait foi pour les recours et pour le"
        " silence de l'administration (loi 55-19, art. 10 et 12).",
    },
    INCOMPLETE: {
        "ar": "الوثائق الناقصة مبينة أعلاه حصرا ومرة واحدة؛ يدلى بها داخل 30 يوما من الإيداع، وإلا أعيد"
        " الملف (القانون 55-19، المادة 10).",
        "fr": "Les pièces manquantes sont listées ci-dessus une fois pour toutes ; elles sont fournies sous"
        " 30 jours du dépôt, faute de quoi le dossier est retourné (loi 55-19, art. 10).",
    },
    PERMIT: {
        "ar": "تسلم هذه الرخصة مع مراعاة حقوق الغير.",
        "fr": "Cette autorisation est délivrée sous réserve des droits des tiers.",
    },
    ATTESTATION: {
        "ar": "سكتت الإدارة طوال الأجل القانوني، وسكوتها بمثابة موافقة (القانون 55-19، المادتان 19 و20)."
        " لا تعفي هذه الشهادة من أداء الرسوم (المرسوم 2.22.141، المادة 3).",
        "fr": "L'administration n'a pas répondu dans le délai légal : son silence vaut accord (loi 55-19,"
        " art. 19 et 20). L'attestation ne dispense pas des taxes (décret 2-22-141, art. 3).",
    },
}


OCCASIONS: Final = (Submitted, Completed, PermitDelivered, Attested, Transferred)
"""Events that may give rise to a document; most of a file's do not, and need no file to be read."""


def occasioned(event: DossierEvent, dossier: Dossier) -> list[tuple[str, Content]]:
    """The documents that the event gives rise to, by kind. A file taken over from another system has had its
    receipt there.
    """
    made: list[tuple[str, Content]] = []
    match event:
        case Submitted(channel=Channel.IMPORT):
            pass
        case Submitted(complete=False):
            made = [(INCOMPLETE, _receipt(dossier, INCOMPLETE, event.submitted_at, event.missing))]
        case Submitted():
            made = [(RECEIPT, _receipt(dossier, RECEIPT, event.submitted_at))]
        case Completed():
            made = [(RECEIPT, _receipt(dossier, RECEIPT, event.completed_at))]
        case PermitDelivered():
            made = [(PERMIT, _permit(dossier, event.delivered_at))]
        case Attested():
            made = [(ATTESTATION, _attestation(dossier, event.attested_at))]
        case Transferred() if dossier.state is State.DELIVERED:
            made = [(PERMIT, _permit(dossier, event.transferred_at))]
        case Transferred() if dossier.state is State.ATTESTED:
            made = [(ATTESTATION, _attestation(dossier, event.transferred_at))]
    return made


def overtaken(event: DossierEvent) -> tuple[frozenset[str], str, bool] | None:
    """Kinds that the event takes the truth from, why, and whether they are revoked or only superseded."""
    if isinstance(event, Transferred):
        return _RIGHTS, "transferred", False
    reason = ENDED.get(type(event))
    return (_RIGHTS, reason, True) if reason else None


def _receipt(dossier: Dossier, kind: str, at: datetime, missing: tuple[str, ...] = ()) -> Content:
    label = {"ar": "وثيقة ناقصة", "fr": "Pièce manquante"}
    lacking = [Field(label=label, value=_two(dossier.procedure.document(code).label)) for code in missing]
    fields = [_day({"ar": "تاريخ الإيداع", "fr": "Déposé le"}, dossier.submitted_at or at)]
    if kind == RECEIPT:
        fields.append(_day({"ar": "تاريخ تمام الملف", "fr": "Complet le"}, at))
        fields.append(
            Field(label={"ar": "الأجل", "fr": "Délai"}, value=_two(dossier.procedure.deadline.text))
        )
    return _content(dossier, kind, at, [*fields, *lacking])


def _permit(dossier: Dossier, at: datetime) -> Content:
    fields = []
    if dossier.effective_at:
        fields.append(_day({"ar": "سارية منذ", "fr": "En vigueur depuis"}, dossier.effective_at))
    if dossier.delivered_at:
        fields.append(_day({"ar": "تاريخ التسليم", "fr": "Délivrée le"}, dossier.delivered_at))
    if validity := dossier.procedure.validity:
        days = {"ar": f"{validity.days} يوما", "fr": f"{validity.days} jours"}
        fields.append(Field(label={"ar": "مدة الصلاحية", "fr": "Validité"}, value=days))
    return _content(dossier, PERMIT, at, fields)


def _attestation(dossier: Dossier, at: datetime) -> Content:
    fields = []
    if dossier.silence_at:
        fields.append(_day({"ar": "موافقة ضمنية منذ", "fr": "Accord tacite depuis"}, dossier.silence_at))
    if dossier.invoked_at:
        fields.append(_day({"ar": "طُلب القرار بتاريخ", "fr": "Acte demandé le"}, dossier.invoked_at))
    if dossier.attested_at:
        fields.append(_day({"ar": "تاريخ الإشهاد", "fr": "Attesté le"}, dossier.attested_at))
    return _content(dossier, ATTESTATION, at, fields)


def _content(dossier: Dossier, kind: str, at: datetime, fields: list[Field]) -> Content:
    place = territory().get(dossier.collectivity)
    about = [
        Field(label={"ar": "المسطرة", "fr": "Procédure"}, value=_two(dossier.procedure.title)),
        Field(label={"ar": "مرجع صاحب الطلب", "fr": "Réf. du demandeur"}, value=_written(dossier.applicant)),
    ]
    if dossier.site:
        about.append(Field(label={"ar": "الموقع", "fr": "Situation"}, value=_written(dossier.site)))
    return Content(
        issuer=_letterhead(place, governor=kind == ATTESTATION),
        title=_two(KINDS[kind]),
        reference=dossier.reference or str(dossier.id),
        issued=_two(day_text(civil_day(at))),
        fields=(*about, *fields),
        notes=(_NOTES[kind],),
    )


def _letterhead(place: Collectivity, *, governor: bool) -> tuple[Names, ...]:
    """From the State down to who signs: the governor attests the silence (55-19 art. 20)."""
    province = territory().province_of(place.code)
    lines: list[Names] = [
        {"ar": "المملكة المغربية", "fr": "Royaume du Maroc"},
        {"ar": "وزارة الداخلية", "fr": "Ministère de l'Intérieur"},
        {"ar": f"عمالة {province.name_ar}", "fr": f"Préfecture : {province.name_fr}"}
        if province.prefecture
        else {"ar": f"إقليم {province.name_ar}", "fr": f"Province : {province.name_fr}"},
    ]
    if not governor:
        lines.append(
            {"ar": f"مقاطعة {place.name_ar}", "fr": f"Arrondissement : {place.name_fr}"}
            if place.kind == "arrondissement"
            else {"ar": f"جماعة {place.name_ar}", "fr": f"Commune : {place.name_fr}"}
        )
    return tuple(lines)


def _written(text: str) -> dict[str, str]:
    try:
        return {"und": printable(" ".join(text.split()))}
    except Invalid:
        return {"ar": "كما هو مبين في الملف", "fr": "Tel que décrit au dossier"}


def _day(label: Names, instant: datetime) -> Field:
    return Field(label=label, value=_two(day_text(civil_day(instant))))


def _two(text: Names) -> Names:
    return {language: text[language] for language in ("ar", "fr")}
