"""How much one person files in a minute, in all processes together."""

import hashlib
from collections.abc import Iterable
from typing import Final

from sqlalchemy import text

from services.chikaya.domain.pace import MOST, SECONDS
from shared.db import Tx
from shared.errors import TooMany

TAKE: Final = text("SELECT chikaya.take_place(:digest, :most, :seconds)")
WAIT: Final = {
    "ar": "تبليغات كثيرة في دقيقة واحدة من الرقم أو العنوان أو الحساب نفسه. لم يسجل هذا التبليغ: أعيدوا"
    " إرساله كما هو بعد المدة المبينة.",
    "fr": "Trop de signalements en une minute du même numéro, de la même adresse ou du même compte. Celui-ci"
    " n'est pas enregistré : renvoyez-le tel quel après le délai indiqué.",
    "en": "Too many reports in one minute from the same number, address or account. This one is not"
    " registered: send it again as it is after the time that is said.",
}


async def take(tx: Tx, names: Iterable[str]) -> None:
    """One place of each for a while; given back where the transaction comes to nothing, as it does where this
    raises. Waits for nobody. Raises TooMany `too_many_reports`.
    """
    for name in sorted(names):
        values = {"digest": hashlib.sha256(name.encode()).digest(), "most": MOST, "seconds": SECONDS}
        if wait := (await tx.execute(TAKE, values)).scalar_one():
            raise TooMany("too_many_reports", WAIT, retry_after=wait)
