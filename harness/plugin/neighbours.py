"""Other plugins of pytest: beside which of them evaluations can be live together, and what theirs mean for a gate."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.plugin.pytest_internals import argument_names, fixture_definitions

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
    if package in _OURS or (package in _KEEP_NOTHING and not (package == "pytest_timeout" and not _timeouts(config))):
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


# -- pytest-timeout ----------------------------------------------------------------------------------------------------


def _timeouts(config: pytest.Config) -> Any:
    """The module of pytest-timeout, where it is there and can be asked for the timeout of a test."""
    named = (each for each in config.pluginmanager.get_plugins() if getattr(each, "__name__", "") == "pytest_timeout")
    plugin = next(named, None)
    return plugin if hasattr(plugin, "_get_item_settings") and hasattr(plugin, "pytest_timeout_set_timer") else None


def timeout_s(item: pytest.Item) -> float | None:
    """Seconds that pytest-timeout gives a test; None where there is no timeout."""
    module = _timeouts(item.config)
    seconds = None if module is None else module._get_item_settings(item).timeout
    return float(seconds) if seconds else None


def timeout_words(seconds: float) -> str:
    """A test's timeout, as the limit that ended the sampling of an evaluation."""
    return f"the timeout of {seconds:g} s (pytest-timeout)"


def timeout_lines(items: Iterable[pytest.Item]) -> list[str]:
    """Say, before a run in which evaluations have timeouts, what those mean."""
    given = sorted({seconds for seconds in map(timeout_s, items) if seconds is not None})
    if not given:
        return []
    shown = f"{given[0]:g} s" if len(given) == 1 else f"{given[0]:g} to {given[-1]:g} s"
    return [
        f"steelyard: the timeout of pytest-timeout ({shown}) is the deadline of an evaluation: its verdict then rests "
        "on what was drawn. Evaluations that run side by side have the sum of theirs"
    ]


class TimeoutHooks:
    """With pytest-timeout: its timer guards the setup and the teardown of an evaluation, which has a deadline between.

    The timer of a test runs from its setup to its teardown, and would end what is sampled for others meanwhile.
    """

    def __init__(self, is_evaluation: Any) -> None:
        self._is_evaluation = is_evaluation
        self._is_own = False

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item) -> bool | None:
        """Called where pytest-timeout sets a timer: there is none for an evaluation but the one set here."""
        return True if self._is_evaluation(item) and not self._is_own else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Called for the setup of each test."""
        return (yield from self._timed(item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Called for the teardown of each test."""
        return (yield from self._timed(item))

    def _timed(self, item: pytest.Item) -> Generator[None, object, object]:
        module = _timeouts(item.config)
        if module is None or not self._is_evaluation(item):
            return (yield)
        settings = module._get_item_settings(item)
        if not settings.timeout or settings.func_only:
            return (yield)
        self._is_own = True
        try:
            item.ihook.pytest_timeout_set_timer(item=item, settings=settings)
        finally:
            self._is_own = False
        try:
            return (yield)
        finally:
            item.ihook.pytest_timeout_cancel_timer(item=item)


# -- plugins that choose tests, or take something away from them -------------------------------------------------------


def keep_from_testmon(config: pytest.Config) -> None:
    """Let pytest-testmon pass over no file: an evaluation depends on a model, and testmon knows of files alone."""
    selecting = config.pluginmanager.get_plugin("TestmonSelect")
    if selecting is not None and hasattr(selecting, "deselected_files"):
        selecting.deselected_files = []


def keep_evaluations(config: pytest.Config, ids: Iterable[str]) -> None:
    """Let pytest-testmon deselect none of these tests."""
    selecting = config.pluginmanager.get_plugin("TestmonSelect")
    if selecting is not None and hasattr(selecting, "deselected_tests"):
        kept = set(ids)
        selecting.deselected_tests = [name for name in selecting.deselected_tests if name not in kept]


def check_sockets(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Refuse evaluations from which pytest-socket takes the sockets that every engine needs.

    Raises:
        UsageError: naming the first of them.
    """
    is_off = config.getoption("disable_socket", default=None)
    if is_off is None or config.getoption("force_enable_socket", default=False):
        return
    for item in items:
        names, marked = getattr(item, "fixturenames", ()), item.get_closest_marker
        if "socket_enabled" in names or marked("enable_socket"):
            continue
        own = "socket_disabled" in names or marked("disable_socket")
        hosts = marked("allow_hosts") or config.getoption("allow_hosts", default=None)
        if own or (is_off and not hosts):
            what = "socket_disabled" if own else "--disable-socket"
            raise UsageError(
                f"{item.nodeid}: {what} of pytest-socket takes the sockets away that its engine needs. Mark it with "
                "@pytest.mark.enable_socket, name the hosts that it may ask (--allow-hosts=…), or leave it out (-m "
                '"not evaluation").'
            )


def skipped_by_option(config: pytest.Config) -> str:
    """The option of another plugin that skips every evaluation; "" for none."""
    return "--benchmark-only" if config.getoption("benchmark_only", default=False) else ""


def none_ran(config: pytest.Config, n_collected: int, n_chosen: int) -> str:
    """Say that there are evaluations and not one of them ran, and why.

    Args:
        n_chosen: how many of them were not left out by an option.
    """
    from harness.reporting.shared.figures import plural

    option = skipped_by_option(config)
    if option:
        why = f'{option} skips them; -m "not evaluation" leaves them out'
    elif n_chosen == 0:
        why = "left out by the options"
    else:
        why = "skipped"
    return f"steelyard: {plural(n_collected, 'evaluation')}, none ran: {why}"


def one_backend(metafunc: pytest.Metafunc) -> None:
    """Keep anyio from making an item of an evaluation for each backend: bodies run in the gate's own loop."""
    definitions = fixture_definitions(metafunc.definition).get("anyio_backend") or ()
    if (
        definitions
        and len(definitions[-1].params or ()) > 1
        and "anyio_backend" not in argument_names(metafunc.definition)
    ):
        marks = metafunc.definition.iter_markers("parametrize")
        if not any("anyio_backend" in str(mark.args[:1]) for mark in marks):
            once = pytest.mark.parametrize("anyio_backend", ["asyncio"], ids=[pytest.HIDDEN_PARAM])
            metafunc.definition.add_marker(once)
