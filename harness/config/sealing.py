"""The key that opens what is sealed. Only a salted hash of it is ever written down."""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import secrets

from harness.errors import SettingsError

SEAL_KEY = "STEELYARD_SEAL_KEY"
"""The variable that holds the key."""
_SALT_BYTES = 8


def seal_of(key: str, salt: str = "") -> str:
    """The setting `seal` for a key: a salt and the hash of both (scrypt: C. Percival, S. Josefsson, 2016, RFC 7914)."""
    salt = salt or secrets.token_hex(_SALT_BYTES)
    digest = hashlib.scrypt(key.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=16)
    return f"{salt}.{digest.hex()}"


def is_open(seal: str | None) -> bool:
    """Tell whether the environment holds the key to a seal; without a key nothing is open.

    Raises:
        SettingsError: the key is another, or the settings had no `seal` (the message has the line to add).
    """
    key = os.environ.get(SEAL_KEY, "").strip()
    return bool(key) and _opens(key, seal)


@functools.lru_cache(maxsize=64)
def _opens(key: str, seal: str | None) -> bool:
    if not seal:
        raise SettingsError(
            f"{SEAL_KEY} is set, and what it is to open was sealed without a key: no `seal` stood in the settings. "
            f'For this key add: seal = "{seal_of(key)}"'
        )
    salt, _, digest = seal.partition(".")
    if not digest:
        raise SettingsError(f'seal = "{seal}" is no salted hash of a key. For the key in {SEAL_KEY}: "{seal_of(key)}"')
    if not hmac.compare_digest(seal_of(key, salt), seal):
        raise SettingsError(f"The key in {SEAL_KEY} does not open this seal. Unset it to go on with verdicts alone.")
    return True
