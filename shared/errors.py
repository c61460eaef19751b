"""Problems: what a service refuses, in three languages, with a stable code (RFC 9457)."""

from collections.abc import Mapping
from typing import Any, ClassVar

TYPE_BASE = "https://jamaa.ma/problems/"


class Problem(Exception):
    """A refusal that a person can act on. Anything else that escapes a service is a bug and a 500.

    `code` is stable and part of the API; `detail` says what is wrong with this request, in the three
    languages or in English only; `extra` carries machine-readable members (`earliest`, `actions`, …).
    """

    status: ClassVar[int] = 500
    title: ClassVar[Mapping[str, str]] = {
        "ar": "خطأ غير متوقع",
        "fr": "Erreur inattendue",
        "en": "Unexpected error",
    }

    def __init__(self, code: str, detail: str | Mapping[str, str] = "", **extra: Any) -> None:
        self.code = code
        self.detail: Mapping[str, str] = {"en": detail} if isinstance(detail, str) else detail
        self.extra = extra
        super().__init__(f"{code}: {self.detail.get('en', '')}")

    def body(self, language: str) -> dict[str, Any]:
        """The problem document in the reader's language; the request itself is never echoed."""
        detail = self.detail.get(language) or self.detail.get("en", "")
        document = {
            "type": TYPE_BASE + self.code,
            "title": self.title[language],
            "status": self.status,
            "code": self.code,
        }
        return document | ({"detail": detail} if detail else {}) | self.extra


class Malformed(Problem):
    status = 400
    title: ClassVar = {"ar": "طلب غير سليم", "fr": "Requête mal formée", "en": "Malformed request"}


class Unauthenticated(Problem):
    status = 401
    title: ClassVar = {"ar": "يلزم تسجيل الدخول", "fr": "Authentification requise", "en": "Sign in first"}


class Forbidden(Problem):
    status = 403
    title: ClassVar = {"ar": "غير مسموح", "fr": "Action interdite", "en": "Not allowed"}


class NotFound(Problem):
    status = 404
    title: ClassVar = {"ar": "غير موجود", "fr": "Introuvable", "en": "Not found"}


class Conflict(Problem):
    status = 409
    title: ClassVar = {
        "ar": "لا تسمح الحالة الراهنة بهذا الإجراء",
        "fr": "L'état actuel ne permet pas cette action",
        "en": "The present state does not allow this",
    }


class Stale(Problem):
    status = 412
    title: ClassVar = {
        "ar": "تغيّرت البيانات منذ قراءتها",
        "fr": "Le contenu a changé depuis sa lecture",
        "en": "Changed since it was read",
    }


class TooLarge(Problem):
    status = 413
    title: ClassVar = {"ar": "حجم أكبر من المسموح", "fr": "Trop volumineux", "en": "Too large"}


class Unsupported(Problem):
    status = 415
    title: ClassVar = {
        "ar": "نوع ملف غير مقبول",
        "fr": "Type de fichier non accepté",
        "en": "Unsupported media type",
    }


class Invalid(Problem):
    status = 422
    title: ClassVar = {"ar": "معطيات غير صحيحة", "fr": "Données invalides", "en": "Invalid data"}


class PreconditionRequired(Problem):
    status = 428
    title: ClassVar = {
        "ar": "يلزم ذكر النسخة المقروءة (If-Match)",
        "fr": "La version lue est requise (If-Match)",
        "en": "Say which version you read (If-Match)",
    }


class TooMany(Problem):
    status = 429
    title: ClassVar = {"ar": "طلبات كثيرة", "fr": "Trop de requêtes", "en": "Too many requests"}


class Unavailable(Problem):
    status = 503
    title: ClassVar = {
        "ar": "الخدمة غير متاحة مؤقتا",
        "fr": "Service momentanément indisponible",
        "en": "Temporarily unavailable",
    }
