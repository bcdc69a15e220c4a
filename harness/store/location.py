"""The place of a store, a path or a SQLAlchemy URL, and its name in messages."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.config import Settings, load_settings
from harness.errors import SettingsError

FOLDER = ".steelyard"
_NAME = re.compile(r"[\w.-]+")
_SECRET_NAME = re.compile("key|token|secret|password", re.IGNORECASE)
_USER = re.compile(r"//[^/@\s]*@")
"""The user and the password of an address."""


def store_url(settings: Settings) -> str:
    """The store that these settings name; `.steelyard/store.db` under their root where they name none.

    A relative path starts from the root of the settings, wherever the command runs.
    """
    store = settings.store
    if store is None:
        return str(settings.root / FOLDER / "store.db")
    return store if "://" in store else str(settings.root / Path(store).expanduser())


def settings_with_store(place: str | None) -> Settings:
    """The settings of this folder, with the store at another place where one is given: it starts from this folder, too.

    Raises:
        SettingsError: as `load_settings` has it.
    """
    settings = load_settings(Path.cwd())
    if place is None:
        return settings
    return replace(settings, store=place if "://" in place else str(Path(place).expanduser().absolute()))


def option_for(store: str, folder: Path | None = None) -> str:
    """The option that names a store to a command, with a blank before it; "" where the command finds it without. An
    address with a user or a password is not repeated.

    Args:
        folder: that the command starts in; None for the one of this process.
    """
    place, folder = without_password(store), folder or Path.cwd()
    with suppress(SettingsError):
        if place == without_password(store_url(load_settings(folder))):
            return ""
    if "://" not in place:
        place = min(os.path.relpath(place, folder), place, key=len)
    elif "@" in place or "***" in place:
        return " --store URL"
    return f" --store {shlex.quote(place)}"


def without_password(url: str) -> str:
    """The URL as a message may show it.

    >>> without_password("postgresql://ann:secret@db/steelyard")
    'postgresql://ann:***@db/steelyard'
    >>> without_password("postgresql://db/steelyard?user=ann&password=secret")
    'postgresql://db/steelyard?user=ann&password=***'
    """
    shown = re.sub(r"(://[^:/@?]*):.*@", r"\1:***@", url)
    return re.sub(r"(?i)([?&][^=&]*password=)[^&]*", r"\1***", shown)


def shown_arguments(arguments: Iterable[object]) -> tuple[str, ...]:
    """The arguments of a command line as a report may show them: without what is secret in them.

    >>> shown_arguments(["suites", "--store", "postgresql://ann:secret@db/x", "--api-key=sk-1"])
    ('suites', '--store', 'URL', '--api-key=***')
    """
    shown: list[str] = []
    before = ""
    for argument in map(str, arguments):
        name, is_given, value = argument.partition("=")
        owner = "" if argument.startswith("-") else before
        if _NAME.fullmatch(name) and is_given and not _SECRET_NAME.search(owner):
            shown.append(f"{name}={_shown_value(name, value)}")
        else:
            shown.append(_shown_value(owner, argument))
        before = argument if argument.startswith("--") and not is_given else ""
    return tuple(shown)


def _shown_value(name: str, value: str) -> str:
    if _SECRET_NAME.search(name):
        return "***"
    shown = _USER.sub("//***@", without_password(value))
    is_address = name in ("--store", "--mlflow")
    return "URL" if is_address and any(mark in shown for mark in ("@", "?", "***")) else shown


def prepare_store_folder(path: Path) -> None:
    """Make the folder of a store file; one named `.steelyard` is made invisible to git.

    Raises:
        OSError: the folder can't be made.
    """
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if folder.name == FOLDER and not ignore.exists():
        ignore.write_text("*\n", encoding="ascii")
