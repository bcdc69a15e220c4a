"""Keeps what was imported of installed libraries, and what was read of their metadata.

Each session of pytest reads the metadata of all that is installed: a sixth of what a small session takes. And pytester
forgets what is imported while it is used. The next to want transformers, deepeval or lm-eval imported it anew, for
seconds, and torch can't even be imported twice.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

_PLACES = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


class Libraries:
    """Notes the modules of libraries, also as a plugin at the end of a session, and brings back those that are gone."""

    def __init__(self) -> None:
        self._modules: dict[str, ModuleType] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self.note()

    def note(self) -> None:
        """Note what there is now."""
        packages = {name.partition(".")[0] for name in sys.modules}
        installed = {name for name in packages if _is_installed(sys.modules.get(name))}
        found = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in installed}
        self._modules.update({name: module for name, module in found.items() if module is not None})

    def bring_back(self) -> None:
        """Have the modules that are gone be there as before."""
        sys.modules.update({name: module for name, module in self._modules.items() if name not in sys.modules})


def _is_installed(package: ModuleType | None) -> bool:
    places = (getattr(package, "__file__", None) or "", *getattr(package, "__path__", ()))
    return any(place.startswith(_PLACES) for place in places)


def needed(name: str) -> Any:
    """A library that is imported once a test uses it; where it is not installed, the module of tests is skipped."""
    if find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"{name} is not installed", allow_module_level=True)
    return _Later(name)


class _Later:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # as pytest asks for of all that a module holds
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)


class _Installed:
    """A distribution of which each part is read once: what is installed does not change while tests run."""

    def __init__(self, found: Distribution) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._found, name)
        setattr(self, name, value)
        return value


_INSTALLED: dict[str, _Installed] = {}


def _kept(found: Distribution) -> Any:
    if str(found.locate_file("")) not in _PLACES:
        return found
    return _INSTALLED.setdefault(str(getattr(found, "_path", found)), _Installed(found))


@contextmanager
def read_once() -> Iterator[None]:
    """Give every reader the same distributions; those that a test has made itself are read each time."""
    metadata: Any = importlib.metadata
    find, find_all = metadata.distribution, metadata.distributions
    metadata.distribution = lambda distribution_name: _kept(find(distribution_name))
    metadata.distributions = lambda **options: map(_kept, find_all(**options))
    try:
        yield
    finally:
        metadata.distribution, metadata.distributions = find, find_all
