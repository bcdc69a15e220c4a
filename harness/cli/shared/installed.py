"""Steelyard's optional parts, and what of them is installed, told from metadata alone: nothing is imported."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from packaging.requirements import Requirement

from harness.config.environment import version_of

DISTRIBUTION = "steelyard"


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional part of Steelyard.

    Attributes:
        present: distribution → installed version, of those that the extra asks for.
        missing: requirements that no installed distribution meets, as pip writes them.
    """

    name: str
    present: dict[str, str]
    missing: tuple[str, ...]


def loads_plugin() -> bool:
    """Tell whether pytest would find Steelyard's plugin."""
    return any(entry.name == DISTRIBUTION for entry in importlib.metadata.entry_points(group="pytest11"))


def extras(leave_out: tuple[str, ...] = ("all",)) -> list[Extra]:
    """Every extra, in the order of the package's metadata."""
    names = importlib.metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    return [_extra(name) for name in names if name not in leave_out]


def unmet_core() -> list[str]:
    """Requirements of Steelyard itself that no installed distribution meets."""
    return list(_extra("").missing)


def _extra(name: str) -> Extra:
    """Find what an extra asks for beyond the core; the core's own requirements for the name ''."""
    present: dict[str, str] = {}
    missing: list[str] = []
    for line in importlib.metadata.requires(DISTRIBUTION) or []:
        requirement = Requirement(line)
        if not _applies(requirement, name):
            continue
        installed = version_of(requirement.name)
        if installed is not None and requirement.specifier.contains(installed, prereleases=True):
            present[requirement.name] = installed
        else:
            missing.append(f"{requirement.name}{requirement.specifier}")
    return Extra(name, present, tuple(missing))


def _applies(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    if not extra:
        return marker is None or marker.evaluate({"extra": ""})
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})
