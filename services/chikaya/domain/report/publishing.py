"""What everybody may see of a report: a person decides, whatever the rules point out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from services.chikaya.domain.moderation import demand_redaction, flags_in
from services.chikaya.domain.report.core import A, Core
from services.chikaya.domain.values import Review, legible
from services.chikaya.events import report as told
from shared.auth import Actor
from shared.errors import Conflict, Invalid


class Publishing(Core):
    def publish(
        self,
        text: str | None = None,
        reply: str | None = None,
        photos: Mapping[str, str | None] = MappingProxyType({}),
        reasons: str | None = None,
        *,
        by: Actor,
        now: datetime,
    ) -> told.Published:
        """Shows the text as it was written, or `text`, which is it with cuts; of the last reply what `reply`
        says of it, and none where it says nothing; of the images those by digest, and no other. `photos` says
        of each the digest of the picture alone, or None where it is none.

        Raises Conflict `category_not_public`; Invalid `not_a_redaction`, `no_reply`, `photo_unknown`,
        `photo_unreadable`, and `flagged` where a rule finds something in what would be shown and no reasons
        are given.
        """
        self._may(A.PUBLISH, by)
        if not self.listed.public:
            raise Conflict(
                "category_not_public",
                {
                    "ar": "تبليغات هذا الصنف لا تعرض للعموم.",
                    "fr": "Les signalements de cette catégorie ne sont pas montrés au public.",
                    "en": "Reports of this category are not shown to everybody.",
                },
            )
        shown = self.text if text is None else legible(text, "text")
        demand_redaction(shown, self.text, "text")
        answered = None
        if reply is not None:
            if not self.replies:
                raise Invalid("no_reply", "There is no reply to show yet.", field="reply")
            answered = legible(reply, "reply")
            demand_redaction(answered, self.replies[-1].text, "reply")
        images = {one.file for one in self.attachments if one.media_type.startswith("image/")}
        if unknown := photos.keys() - images:
            raise Invalid("photo_unknown", "No image of this report.", field="photos", photos=sorted(unknown))
        if damaged := sorted(one for one, shown_as in photos.items() if shown_as is None):
            raise Invalid(
                "photo_unreadable",
                {
                    "ar": "هذه الصورة تالفة أو ناقصة: لا يمكن عرضها للعموم.",
                    "fr": "Cette photo est abîmée ou incomplète : elle ne peut être montrée au public.",
                    "en": "This photo is damaged or incomplete: it cannot be shown to everybody.",
                },
                field="photos",
                photos=damaged,
            )
        flags = sorted({flag.rule for flag in (*flags_in(shown), *flags_in(answered or ""))})
        if flags and reasons is None:
            raise Invalid(
                "flagged",
                {
                    "ar": "في النص ما يستوجب الانتباه: احذفوه أو عللوا نشره.",
                    "fr": "Les règles signalent un passage : ôtez-le, ou dites pourquoi il est montré.",
                    "en": "Rules point something out in the text: cut it, or say why it is shown.",
                },
                flags=flags,
            )
        why = legible(reasons, "reasons") if reasons is not None else None
        self.review = Review(
            shown=True,
            by=by.subject,
            at=now,
            text=shown,
            reply=answered,
            replies=len(self.replies),
            reasons=why,
        )
        self._show(photos)
        self.published = True
        cut = shown != self.text or (answered is not None and answered != self.replies[-1].text)
        return self._announce(
            told.Published, published_at=now, redacted=cut, flags=tuple(flags), photos=len(photos)
        )

    def withhold(self, reasons: str, *, by: Actor, now: datetime) -> told.Withheld:
        """Text, reply and photos are nobody's to see but the reporter's and the office's."""
        self._may(A.WITHHOLD, by)
        self.review = Review(
            shown=False,
            by=by.subject,
            at=now,
            replies=len(self.replies),
            reasons=legible(reasons, "reasons"),
        )
        self._show({})
        self.published = False
        return self._announce(told.Withheld, withheld_at=now)

    def _show(self, photos: Mapping[str, str | None]) -> None:
        self.attachments = tuple(
            replace(one, public=one.file in photos, shown_as=photos.get(one.file)) for one in self.attachments
        )
