"""Builds what a version is made of, once, before the first request: a corpus from its documents by its steps.

What is built lies in the cache folder, under the recipe that it was built by: the settings, and the fingerprints of
what it was made of. The version that comes back names it, and its fingerprint is of what was built: samples belong to
that, whatever it was built by.

To add something that is built: a line in `BUILDERS`, and a module with its two functions.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Protocol, cast

from harness.config import Settings, VersionSettings
from harness.errors import SettingsError
from harness.stages.build_state import BuildProgress, BuildState, unseen


class Builder(Protocol):
    """A module that builds one kind of thing."""

    def find_version(self, settings: Settings, version: VersionSettings) -> VersionSettings | None:
        """The version with what was built for it before; None where nothing was by the same recipe.

        Raises:
            UsageError: the recipe can't be followed, whatever the reason.
        """

    def build_version(self, settings: Settings, version: VersionSettings, progress: BuildProgress) -> VersionSettings:
        """The version with what is built for it now. Of several processes one builds, and the others wait.

        Raises:
            UsageError: it can't be built.
        """


BUILDERS: Mapping[str, str] = {"documents": "harness.stages.data.versions"}
"""The module that builds for versions with a setting, by that setting's name, in the order in which they build."""


def built(settings: Settings, name: str, *, progress: BuildProgress = unseen, offline: bool = False) -> VersionSettings:
    """The version of this name, with all that it is made of built and named by it.

    Args:
        progress: is told how far each building is.
        offline: build nothing.

    Raises:
        SettingsError: there is no such version, or something is not built and `offline`.
        UsageError: something can't be built.
    """
    version = settings.version(name)
    for builder in _builders(version):
        found = builder.find_version(settings, version)
        if found is None and offline:
            raise SettingsError(
                f"{name} is not built here, and --offline builds nothing. `steelyard build {name}` does that alone."
            )
        if found is None:
            progress(BuildState(name, "starting"))
            found = builder.build_version(settings, version, progress)
            progress(BuildState(name, "done"))
        version = found
    return version


def found(settings: Settings, name: str) -> VersionSettings:
    """The version of this name, with what was built for it before; without, where something is not built yet.

    Raises:
        UsageError: there is no such version, or it could not be built.
    """
    version = settings.version(name)
    for builder in _builders(version):
        before = builder.find_version(settings, version)
        if before is None:
            return settings.version(name)
        version = before
    return version


def needs_building(version: VersionSettings) -> bool:
    """Tell whether anything is ever built for a version."""
    return any(name in version.engine_options for name in BUILDERS)


def _builders(version: VersionSettings) -> Iterator[Builder]:
    for name, module in BUILDERS.items():
        if name in version.engine_options:
            yield cast("Builder", importlib.import_module(module))
