"""Other plugins of pytest: beside which of them evaluations can be live together, and what theirs mean for a gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin.collection.items import is_evaluation

if TYPE_CHECKING:
    from pluggy import HookImpl

_OURS = ("_pytest", "pytest", "harness")
_KEEP_NOTHING = frozenset({"xdist", "pytest_rerunfailures", "pytest_randomly", "pytest_socket", "pytest_timeout"})
"""Packages with hooks of a test's protocol that keep nothing from one of them to the next of the same test, or for
which something is done here."""
_AROUND = ("pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown")


def keepers(config: pytest.Config) -> list[str]:
    """The plugins that may keep something for the test at hand, so that no second one can be set up meanwhile.

    They are those with a hook of the whole protocol, or around its setup, or both before setup and after it; without
    those that are known to keep nothing.
    """
    hook = config.pluginmanager.hook
    found: dict[Any, str] = {}
    for implementation in hook.pytest_runtest_protocol.get_hookimpls():
        found[implementation.plugin] = _named(config, implementation)
    setups, *later = ({each.plugin: each for each in getattr(hook, name).get_hookimpls()} for name in _AROUND)
    for plugin, implementation in setups.items():
        is_around = implementation.wrapper or implementation.hookwrapper
        if is_around or any(plugin in each for each in later):
            found[plugin] = _named(config, implementation)
    return sorted({name for name in found.values() if name})


def _named(config: pytest.Config, implementation: HookImpl) -> str:
    """The distribution that a hook comes from, or the file of a conftest.py; "" for one that keeps nothing."""
    module = str(getattr(implementation.function, "__module__", ""))
    package = module.partition(".")[0]
    if package in _OURS or package in _KEEP_NOTHING:
        return ""
    path = getattr(implementation.plugin, "__file__", None)
    if path is not None and path.endswith("conftest.py"):
        return str(path).removeprefix(f"{config.rootpath}/")
    for plugin, distribution in config.pluginmanager.list_plugin_distinfo():
        name = getattr(plugin, "__name__", type(plugin).__module__)
        if name.partition(".")[0] == package:
            return str(distribution.project_name)
    return module or str(implementation.plugin_name)


def keepers_line(names: Sequence[str]) -> str:
    """Say that evaluations are not live together, and why; of deepeval's plugin, how to leave it out."""
    what = "keeps" if len(names) == 1 else "keep"
    remedy = "; leave deepeval's plugin out by -p no:deepeval, or in addopts" if "deepeval" in names else ""
    return (
        f"steelyard: evaluations run one after the other, which takes longer: {', '.join(names)} {what} something for "
        f"each test while it runs (a hook around its setup){remedy}"
    )


class TimeoutHooks:
    """With pytest-timeout: no timer for an evaluation, for it would end what is sampled for others meanwhile."""

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item) -> bool | None:
        """Called where pytest-timeout sets a timer: there is none for an evaluation, which has `--deadline`."""
        return True if is_evaluation(item) else None


def none_ran(n_collected: int, n_chosen: int) -> str:
    """Say that there are evaluations and not one of them ran, and why.

    Args:
        n_chosen: how many of them were not left out by an option.
    """
    from harness.reporting.shared.figures import plural

    why = "skipped" if n_chosen else "left out by the options"
    return f"steelyard: {plural(n_collected, 'evaluation')}, none ran: {why}"
