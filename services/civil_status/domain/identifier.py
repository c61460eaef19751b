"""The civil and social identifier: nine random digits and a key, which mean nothing and are never given
twice.

36-21 art. 30; 2-21-473 art. 10. The texts that were read do not give the key's formula: it is ISO 7064
MOD 97-10
(two digits, as in an IBAN), which finds every single wrong digit and every transposition of two neighbours.
"""

import re
import secrets
from collections.abc import Callable
from typing import Final

from shared.errors import Invalid

DIGITS: Final = 9
WRITTEN: Final = re.compile(r"\d{11}", re.ASCII)
SPREAD: Final = 10**DIGITS


def key_of(digits: str) -> str:
    """The two digits that make the whole number leave 1 when divided by 97."""
    return f"{98 - int(digits) * 100 % 97:02d}"


def draw(below: Callable[[int], int] = secrets.randbelow) -> str:
    """A candidate: whether it is still free, the register says. Never zero, so that no default becomes
    one.
    """
    digits = f"{below(SPREAD - 1) + 1:0{DIGITS}d}"
    return digits + key_of(digits)


def checked(identifier: str) -> str:
    """Raises Invalid `identifier_malformed` before anybody searches for what was mistyped."""
    bare = identifier.replace(" ", "")
    if not WRITTEN.fullmatch(bare) or int(bare[:DIGITS]) == 0 or key_of(bare[:DIGITS]) != bare[DIGITS:]:
        raise Invalid(
            "identifier_malformed",
            {
                "ar": "المعرف غير صحيح: تسعة أرقام ومفتاح من رقمين.",
                "fr": "Identifiant erroné : neuf chiffres et une clé de deux chiffres.",
                "en": "Not an identifier: nine digits and a key of two.",
            },
        )
    return bare
