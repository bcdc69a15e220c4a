"""Addresses: of servers, of MLflow, which may hold a password that is never shown, and of the review queue."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, unquote, urlsplit

from harness.config.typed import Checked, Must, SecretText, Text, WrongValueError

NO_TRACKING = "none"
"""`--mlflow none` logs nowhere, whatever the settings say."""
_SERVERS = ("http", "https")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_FORMS = "http://HOST:PORT for a server, sqlite:///mlflow.db for a file, or none"


def without_credentials(address: str) -> str:
    """The address as it may be shown: without user, password and query."""
    return re.sub(r"[?#].*", "?***", re.sub(r"//.*@", "//***@", address, flags=re.DOTALL), flags=re.DOTALL)


def _split(address: str, shown: str) -> SplitResult:
    if any(character.isspace() or not character.isprintable() for character in address):
        raise WrongValueError("holds a space or a control character; remove it.", shown)
    try:
        parts = urlsplit(address)
        if parts.scheme.partition("+")[0] in _SERVERS:  # an address of Postgres may have more hosts and ports than one
            _ = parts.port
    except ValueError:  # whose text may hold a part of the password
        raise WrongValueError("is not an address: it has no host, or a port that is none.", shown) from None
    return parts


def _web_address(url: str) -> str:
    shown = repr(without_credentials(url))
    parts = _split(url, shown)
    if parts.scheme not in _SERVERS:
        raise WrongValueError("is not an http:// or https:// address.", shown)
    if not parts.hostname or parts.port == 0:
        lacks = "names no host" if not parts.hostname else "has port 0, which nothing listens on"
        raise WrongValueError(f"{lacks}; write one like http://127.0.0.1:8000/v1.", shown)
    if parts.username is not None or parts.password is not None:
        raise WrongValueError(
            "holds a user or a password, which would be shown and stored; leave them out. The key of an endpoint "
            "stands in a variable of the environment, which api_key_env names.",
            shown,
        )
    if "?" in url or "#" in url:
        raise WrongValueError("goes on after its path; leave out the ? or # and what follows.", shown)
    return url


def _web_addresses(value: Any) -> str | list[str]:
    """One address, or a list of different ones."""
    for url in (listed := value if isinstance(value, list) else [value]):
        if not isinstance(url, str) or not url.strip():
            raise WrongValueError("is not a text; write it in quotes.", repr(url))
        _web_address(url)
    if len(set(each_address(listed))) < len(listed) or not listed:
        raise WrongValueError("names a server twice." if listed else "is empty; write the address of each server.")
    return value  # type: ignore[no-any-return]


def _hook_address(url: str) -> str:
    try:
        return url if url == NO_TRACKING else _web_address(url)
    except WrongValueError as error:
        raise WrongValueError(str(error), "***") from None


def _tracking_address(value: str) -> str:
    address = value.strip()
    if address == NO_TRACKING:
        return address
    shown = repr(without_credentials(address))
    kind = address.partition("://")[0].partition("+")[0].lower()
    if "://" not in address or kind not in (*_SERVERS, *_DATABASES):
        raise WrongValueError(f"is no address of MLflow; write {_FORMS}. A folder of files is not logged to.", shown)
    parts = _split(address, shown)
    if kind in _SERVERS and (not parts.hostname or parts.port == 0):
        raise WrongValueError("names no host and port; write one like http://127.0.0.1:5000.", shown)
    if kind == "sqlite" and not re.fullmatch(r"sqlite:///[^?#]+", address):
        raise WrongValueError("names no file; write sqlite:///mlflow.db, or sqlite:////ABSOLUTE/PATH.db.", shown)
    return address.rstrip("/") if kind in _SERVERS else address


_WITH_USER = (
    "holds a user or a password, which every report would show. Write the address alone, such as "
    '"https://review.example.org"; reviewers sign in with tokens of their own.'
)
WebAddresses = Annotated[str | list[str], Checked(_web_addresses, is_all=True)]
"""http:// or https:// addresses with a host, without user, password and query, which are not shown: one or a list."""
ReviewAddress = Annotated[
    Text,
    Must(lambda url: "@" not in url.partition("://")[2].partition("/")[0], _WITH_USER, "***"),
    Checked(_web_address),
]
HookAddress = Annotated[SecretText, Checked(_hook_address)]
"""A web address, or "none"; never shown, for those of chat rooms are secrets."""
TrackingAddress = Annotated[SecretText, Checked(_tracking_address)]
"""An address that MLflow can log to, or "none"."""


def each_address(named: str | list[str]) -> list[str]:
    """The addresses that a setting names: one, or a list; none ends with a slash."""
    return [address.rstrip("/") for address in ([named] if isinstance(named, str) else named)]


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
    secrets = {password, unquote(password), before if at else "", query, "" if password else user}
    return tuple(sorted(filter(None, secrets), key=len, reverse=True))
