"""Addresses of MLflow, which may hold a password that is never shown, and of the review queue, which may not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from harness.config import setting_checks
from harness.errors import SettingsError

NO_TRACKING = "none"
"""`--mlflow none` logs nowhere, whatever the settings say."""

_SERVERS = ("http", "https")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_FORMS = "http://HOST:PORT for a server, sqlite:///mlflow.db for a file, or none"


def without_credentials(address: str) -> str:
    """The address as it may be shown: without user, password and query."""
    return re.sub(r"\?.*", "?***", re.sub(r"//.*@", "//***@", address, flags=re.DOTALL), flags=re.DOTALL)


def tracking_address(value: Any, name: str, *, where: str) -> str:
    """An address that MLflow can log to, or "none".

    Raises:
        SettingsError: it is none of the forms; the message shows it without user and password.
    """
    address = setting_checks.text(value, name, where=where).strip()
    if address == NO_TRACKING:
        return address
    shown = f"{where}: {name} = {without_credentials(address)!r}"
    if any(character.isspace() or not character.isprintable() for character in address):
        raise SettingsError(f"{shown} holds a space or a control character; remove it.")
    scheme, colon, _ = address.partition("://")
    kind = scheme.partition("+")[0].lower()
    if not colon or kind not in (*_SERVERS, *_DATABASES):
        raise SettingsError(f"{shown} is no address of MLflow; write {_FORMS}. A folder of files is not logged to.")
    try:
        parts = urlsplit(address)
        lacks = kind in _SERVERS and (not parts.hostname or parts.port == 0)
    except ValueError as error:
        raise SettingsError(f"{shown} is not an address: {error}.") from None
    if lacks:
        raise SettingsError(f"{shown} names no host and port; write one like http://127.0.0.1:5000.")
    if kind == "sqlite" and not re.fullmatch(r"sqlite:///[^?#]+", address):
        raise SettingsError(f"{shown} names no file; write sqlite:///mlflow.db, or sqlite:////ABSOLUTE/PATH.db.")
    return address.rstrip("/") if kind in _SERVERS else address


def absolute(address: str, root: Path) -> str:
    """The address with the path of an SQLite file made absolute; a relative one starts from `root`."""
    if not address.startswith("sqlite:///"):
        return address
    return f"sqlite:///{root / Path(address.removeprefix('sqlite:///')).expanduser()}"


def split_credentials(address: str) -> tuple[str, str, str]:
    """The address of a server without user and password, and these two; of a database the address as it is."""
    parts = urlsplit(address)
    if parts.scheme not in _SERVERS or parts.username is None:
        return address, "", ""
    _, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl(), unquote(parts.username), unquote(parts.password or "")


def secrets_of(address: str) -> tuple[str, ...]:
    """List the parts of an address that no message may show: its credentials as written and as meant, and the query."""
    before, at, _ = address.partition("://")[2].rpartition("@")
    user, _, password = before.partition(":") if at else ("", "", "")
    query = urlsplit(address).query
    found = {password, unquote(password), before if at else "", query, "" if password else user}
    return tuple(sorted(filter(None, found), key=len, reverse=True))


def review_address(value: Any, name: str, *, where: str) -> str:
    """The web address of a review queue, which every report shows: without user and password."""
    if isinstance(value, str) and "@" in value.partition("://")[2].partition("/")[0]:
        raise SettingsError(
            f"{where}: {name} = *** holds a user or a password, which every report would show. Write the address "
            'alone, such as "https://review.example.org"; reviewers sign in with tokens of their own.'
        )
    return setting_checks.web_address(value, name, where=where)
