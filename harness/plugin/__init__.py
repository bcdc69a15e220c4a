"""The pytest plugin.

It is loaded in every pytest run where Steelyard is installed, so it imports pytest and little else; everything heavy
waits for the first evaluation.
"""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import (
    adapter,
    base,
    baseline,
    case,
    corpus,
    distillation,
    judge,
    load,
    model,
    needles,
    prompt,
    reference,
    repeats,
    retriever,
    server,
    teacher,
    weights,
)
from harness.plugin.options import add_options
from harness.plugin.quiet import pytest_load_initial_conftests

__all__ = [
    "adapter",
    "base",
    "baseline",
    "case",
    "corpus",
    "distillation",
    "judge",
    "load",
    "model",
    "needles",
    "prompt",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_load_initial_conftests",
    "reference",
    "repeats",
    "retriever",
    "server",
    "teacher",
    "weights",
]

MARKER = (
    "evaluation(cases, samples, max_samples, threshold, margin, aim, about, design, per, cluster, slices, "
    "slice_margin, max_lost, requirement, review, weighs, task, load): "
    "a test function whose body is run repeatedly against a model version, and decided with statistics"
)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Called once at start-up: Steelyard's options."""
    _leave_as_written(pluginmanager)
    add_options(parser)


def _leave_as_written(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let Python itself load what is imported from here on.

    pytest rewrites every module of a plugin's distribution, so that its assertions explain themselves. None here is a
    test's, and rewriting them all takes a second where nothing is cached, as in a CI job.
    """
    from harness.plugin.pytest_internals import leave_as_written

    leave_as_written(pluginmanager, {"harness", "steelyard"})


def pytest_configure(config: pytest.Config) -> None:
    """Called once the options are parsed: the marker, and what runs evaluations."""
    from harness.plugin.collection.items import is_evaluation
    from harness.plugin.neighbours import TimeoutHooks
    from harness.plugin.session import GateSession
    from harness.plugin.tracking import TrackingHooks
    from harness.plugin.xdist import XdistHooks

    config.addinivalue_line("markers", MARKER)
    if config.getoption("task") and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []  # tasks are what is asked for: no test file is collected unless one is named
    session = GateSession(config)
    config.pluginmanager.register(session, GateSession.NAME)
    config.pluginmanager.register(TrackingHooks(session), "steelyard-tracking")
    if any(map(config.pluginmanager.hasplugin, ("xdist", "xdist.plugin"))):  # the latter with `-p xdist.plugin`
        config.pluginmanager.register(XdistHooks(session), "steelyard-xdist")
    config.pluginmanager.register(TimeoutHooks(is_evaluation), "steelyard-timeout")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Called with all items, before others choose among them: adds one for each task of `--task`."""
    if config.getoption("task"):
        from harness.plugin.session import GateSession

        gate = config.pluginmanager.get_plugin(GateSession.NAME)
        assert isinstance(gate, GateSession)
        gate.collection.add_tasks(session, items)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Called for each test function: an evaluation with `per="case"` becomes one item for each case."""
    if any(mark.name == "evaluation" for mark in metafunc.definition.iter_markers("evaluation")):
        from harness.plugin.session import GateSession

        session = metafunc.config.pluginmanager.get_plugin(GateSession.NAME)
        assert isinstance(session, GateSession)
        session.collection.parametrize(metafunc)
