"""Finds what distributions declare under `steelyard.engines` and the other groups, and loads it.

Steelyard's own engines, checks, reports and trackers are declared in the same way, so that no module knows them by
name. Metadata alone is read, once for each group; a point's module is imported by `load` and not before.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from harness.errors import EntryPointError, nearest

OWN = "steelyard"
"""The distribution whose entry points are the project's own."""

GROUPS: Mapping[str, str] = MappingProxyType(
    {"engines": "engine", "checks": "check", "steps": "step", "reports": "format", "trackers": "tracker"}
)
"""The groups, without `steelyard.` before them, each with the word for one of its entry points."""

_AGAIN = (
    "Steelyard's own metadata is older than its code, or not there. Install it again: `pip install -e .` in a clone, "
    "else `pip install --force-reinstall --no-deps` and its wheel."
)


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One name of one group, as a distribution declares it.

    Attributes:
        group: "engines", "checks", "steps", "reports" or "trackers".
        target: "module:attribute" of the object behind it.
        distribution, version: which brings it.
    """

    group: str
    name: str
    target: str
    distribution: str
    version: str
    entry: importlib.metadata.EntryPoint = field(repr=False, compare=False)

    @property
    def is_own(self) -> bool:
        """True where Steelyard itself brings it."""
        return self.distribution == OWN

    @property
    def provider(self) -> str:
        """The distribution with its version."""
        return f"{self.distribution} {self.version}"


@functools.cache
def _declared() -> Any:
    """Every entry point of every distribution: to look through them is what costs, and it is done once."""
    return importlib.metadata.entry_points()


@functools.cache
def _distribution(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """Its name and version, which are read from a file each time."""
    return distribution.name, distribution.version


@functools.cache
def of_group(group: str) -> tuple[EntryPoint, ...]:
    """All entry points of a group, those of one name side by side. Nothing is imported."""
    pairs = [
        EntryPoint(group, entry.name, entry.value, *_distribution(entry.dist), entry)
        for entry in _declared().select(group=f"{OWN}.{group}")
        if entry.dist is not None
    ]
    return tuple(sorted(pairs, key=lambda point: (point.name, point.distribution)))


def names(group: str) -> list[str]:
    """The names of a group's entry points."""
    return list(dict.fromkeys(point.name for point in of_group(group)))


def everything() -> list[EntryPoint]:
    """The entry points of every group."""
    return [point for group in GROUPS for point in of_group(group)]


def listed(group: str, hidden: Collection[str] = ()) -> str:
    """A sentence that lists a group's names; behind those of other distributions stands which brings them.

    Where Steelyard's own are not among them, it says how to mend that.

    Args:
        hidden: names that are no choice where the sentence stands.
    """
    known = [point for point in of_group(group) if point.name not in hidden]
    own = any(point.is_own for point in known)
    shown = ", ".join(point.name if point.is_own else f"{point.name} ({point.provider})" for point in known)
    word = GROUPS[group].capitalize()
    sentences = [f"{word}s: {shown}." if known else f"There are no {GROUPS[group]}s.", "" if own else _AGAIN]
    return " ".join(filter(None, sentences))


def find(group: str, name: str, hidden: Collection[str] = ()) -> EntryPoint:
    """The one entry point of this name.

    Args:
        hidden: names that the message does not list.

    Raises:
        EntryPointError: there is none (the message lists those that there are, and who brings them), or two
            distributions bring one each.
    """
    matches = [point for point in of_group(group) if point.name == name]
    word = GROUPS[group]
    if not matches:
        known = [each for each in names(group) if each not in hidden]
        raise EntryPointError(f"No {word} named {name!r}. {listed(group, hidden)}{nearest(name, known)}")
    if len(matches) > 1:
        both = " and ".join(point.provider for point in matches)
        raise EntryPointError(f"The {word} {name!r} is brought by {both}: uninstall one.")
    return matches[0]


def load(point: EntryPoint) -> Any:
    """The object behind a point; its module is imported here.

    Raises:
        EntryPointError: it can't be imported. The message names the distribution and the cause.
    """
    try:
        return point.entry.load()
    except (Exception, SystemExit) as error:  # a module that exits must not end who looks at it
        word = GROUPS[point.group]
        is_missing = isinstance(error, AttributeError) or (
            isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("harness")
        )
        stale = f" {_AGAIN}" if point.is_own and is_missing else ""
        raise EntryPointError(
            f"The {word} {point.name!r} of {point.provider} can't be loaded: {point.target} raises "
            f"{type(error).__name__}: {error}.{stale}"
        ) from error
