"""What one service tells another under seal (JWE, RFC 7516), and the keys that open it. Decisions 0050, 0052.

A private half never enters the database, a log or a backup of either: destroying it here destroys what was
sealed for it everywhere. In development a directory keeps them; in production the port is a hardware
module's.
"""

import json
import os
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, Protocol

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from shared.settings import Settings

HEADER: Final = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}


class KeyGone(Exception):
    """Sealed for a key that is not here, or no more."""


class Damaged(Exception):
    """No seal, or not one that this key opens."""


class Keys(Protocol):
    """The port: makes, uses and destroys private keys that it never hands out."""

    def make(self, kid: str) -> dict[str, str]:
        """A new pair, P-256; returns the public half as a JWK. The same again for a `kid` that it has."""

    def holds(self, kid: str) -> bool:
        """Whether it can still be read what was sealed for it: after a restore elsewhere it cannot."""

    def unseal(self, sealed: str) -> bytes:
        """What is inside a compact JWE. Raises KeyGone, Damaged."""

    def destroy(self, kid: str) -> None:
        """For good; nothing happens when it is gone already."""


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """The development adapter, and production's on a volume that is shared by the replicas and never
    backed up: what one of them makes, the others open and destroy.
    """

    directory: Path

    def make(self, kid: str) -> dict[str, str]:
        path = self._path(kid)
        if not path.exists():
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = ECKey.generate_key("P-256", {"kid": kid, "use": "enc"}, auto_kid=False)
            created(path, json.dumps(key.as_dict(private=True)).encode())
        return {k: str(v) for k, v in self._key(kid).as_dict(private=False).items() if isinstance(v, str)}

    def holds(self, kid: str) -> bool:
        return self._path(kid).exists()

    def unseal(self, sealed: str) -> bytes:
        return unsealed(sealed, self._key(_kid(sealed)))

    def destroy(self, kid: str) -> None:
        self._path(kid).unlink(missing_ok=True)

    def _key(self, kid: str) -> ECKey:
        try:
            return ECKey.import_key(json.loads(self._path(kid).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise KeyGone(kid) from None

    def _path(self, kid: str) -> Path:
        if not kid.replace("-", "").isalnum():
            raise KeyGone("no such key")
        return self.directory / f"{kid}.json"


def keys_of(settings: Settings) -> Keys:
    return KeyFiles(settings.home / "keys" / settings.service)


def created(path: Path, content: bytes) -> bool:
    """Written whole or not at all, and only if nobody was first; for nobody else to read."""
    with NamedTemporaryFile(dir=path.parent, prefix=".") as written:
        written.write(content)
        written.flush()
        try:
            os.link(written.name, path)
        except FileExistsError:
            return False
    return True


def sealed_for(public: Mapping[str, Any], content: bytes) -> str:
    """A compact JWE that only the holder of the private half opens. Raises Damaged for no public key."""
    try:
        key = ECKey.import_key(dict(public))
        return jwe.encrypt_compact(HEADER | {"kid": str(public.get("kid", ""))}, content, key)
    except (JoseError, ValueError, TypeError, KeyError) as bad:
        raise Damaged("the reply key is none") from bad


def unsealed(sealed: str, key: ECKey) -> bytes:
    """Raises Damaged."""
    try:
        content = jwe.decrypt_compact(sealed, key, algorithms=list(HEADER.values())).plaintext
    except (JoseError, ValueError) as bad:
        raise Damaged("not a seal for this key") from bad
    if content is None:
        raise Damaged("the seal is empty")
    return content


def _kid(sealed: str) -> str:
    first = sealed.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(first + "=" * (-len(first) % 4)))
        return str(header["kid"])
    except (ValueError, KeyError, TypeError) as bad:
        raise Damaged("no header says for which key") from bad
