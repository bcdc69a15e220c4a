"""Tables of the settings of which each is read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from harness.errors import SettingsError

Read = TypeVar("Read", covariant=True)


class WhenAsked(Mapping[str, Read]):
    """The definitions in tables, by name, each read when it is asked for; the names are known without reading any.

    So an error in one of them is raised for whoever asks for it, or for one that is based on it, and keeps nobody from
    the others.

    Args:
        names: of the tables.
        read: reads one of them, and raises `SettingsError` where it is wrong.
    """

    def __init__(self, names: Iterable[str], read: Callable[[str], Read]) -> None:
        self._names = tuple(names)
        self._reader = read
        self._read: dict[str, Read] = {}

    def __getitem__(self, name: str) -> Read:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self._reader(name)
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names  # whatever is in there

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._names)})"  # a table may hold more than should be shown


def understood(tables: Mapping[str, Read]) -> dict[str, Read]:
    """Those that nothing is wrong with, for a look at all of them."""
    answers = {}
    for name in tables:
        with suppress(SettingsError):
            answers[name] = tables[name]
    return answers
