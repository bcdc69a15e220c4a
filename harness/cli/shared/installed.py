"""What of Steelyard and of its optional parts is installed, told from metadata alone: nothing is imported."""

from __future__ import annotations

import importlib.metadata

from packaging.requirements import Requirement

from harness.config.environment import version_of

DISTRIBUTION = "steelyard"


def extras() -> list[str]:
    """The names of the optional parts, in the order of the package's metadata."""
    names = importlib.metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    return [name for name in names if name != "all"]


def requirements(extra: str = "") -> tuple[dict[str, str], list[str]]:
    """Return (present, missing): distribution → installed version of those that an extra asks for beyond the core, and
    the requirements that no installed distribution meets, as pip writes them; those of the core itself for "".
    """
    present: dict[str, str] = {}
    missing: list[str] = []
    for requirement in map(Requirement, importlib.metadata.requires(DISTRIBUTION) or []):
        is_core = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if is_core == bool(extra):
            continue
        if extra and requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        installed = version_of(requirement.name)
        if installed is not None and requirement.specifier.contains(installed, prereleases=True):
            present[requirement.name] = installed
        else:
            missing.append(f"{requirement.name}{requirement.specifier}")
    return present, missing
