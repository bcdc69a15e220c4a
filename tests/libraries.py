"""Keeps what was imported of installed libraries.

pytester forgets what is imported while it is used. The next to want transformers, deepeval or lm-eval imported it anew,
for seconds, and torch can't even be imported twice.
"""

from __future__ import annotations

import sys
import sysconfig
from types import ModuleType

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
