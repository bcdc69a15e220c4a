"""The store that a command reads: that of the settings, or another by --store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from harness.config.settings import Settings
from harness.errors import StoreError
from harness.store.location import settings_with_store as settings_with_store

if TYPE_CHECKING:
    from harness.store import Store


def store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --store, which the command gets as `place`."""
    text = "A path, sqlite:///PATH or postgresql://USER@HOST/DATABASE, for the one of the settings."
    return click.option("--store", "place", metavar="URL", help=text)(command)


def open_store(settings: Settings, *, readonly: bool = False) -> Store:
    """The store that the settings name."""
    from harness.store import Store, store_url

    return Store.open(store_url(settings), readonly=readonly)


def open_existing(settings: Settings) -> Store:
    """The same for writing, where there is one: a mistyped place makes no empty store.

    Raises:
        StoreError: there is none.
    """
    with open_store(settings, readonly=True):
        pass
    return open_store(settings)


def open_or_make(settings: Settings) -> Store:
    """The same, made where there is none, which is said: a mistyped place is seen."""
    try:
        return open_existing(settings)
    except StoreError:
        made = open_store(settings)
    click.echo(f"Made a new store: {made.url}", err=True)
    return made
