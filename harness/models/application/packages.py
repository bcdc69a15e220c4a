"""Tells where modules are installed, and of which release. It needs the standard library alone."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
from collections.abc import Mapping, Sequence


def found_package(module: str) -> tuple[str | None, list[str]]:
    """Find a module as the interpreter that runs this does, and the releases of the packages that brought it.

    Args:
        module: its first name.

    Returns:
        Its file or its folder, None where it finds none; and names with releases, none for what no package brought.
    """
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):  # a module whose finder is broken, or that has no spec
        spec = None
    place = None if spec is None else spec.origin if spec.has_location else None
    if spec is not None and place is None:
        place = next(iter(spec.submodule_search_locations or ()), None)
    try:
        return place, [f"{module} {importlib.metadata.version(module)}"]
    except importlib.metadata.PackageNotFoundError:
        owners = sorted(set(_owners().get(module, ())))
    return place, [f"{owner} {importlib.metadata.version(owner)}" for owner in owners]


@functools.cache
def _owners() -> Mapping[str, Sequence[str]]:
    """The packages that brought each module; found once, for it takes a while."""
    return importlib.metadata.packages_distributions()
