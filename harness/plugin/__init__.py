"""The pytest plugin.

It is loaded in every pytest run where Steelyard is installed, so it imports pytest and little else; everything heavy
waits for the first evaluation.
"""

from __future__ import annotations

import pytest

from harness.plugin.options import add_options
from harness.plugin.quiet import pytest_load_initial_conftests

__all__ = ["pytest_addoption", "pytest_configure", "pytest_load_initial_conftests"]

MARKER = (
    "evaluation(cases, samples, max_samples, threshold, margin, aim, about, design, per, cluster, slices, "
    "slice_margin, max_lost, requirement, review, weighs, task, load): "
    "a test function whose body is run repeatedly against a model version, and decided with statistics"
)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Called once at start-up: Steelyard's options.

    pytest rewrites every module of a plugin's distribution, so that its assertions explain themselves. None here is a
    test's, and rewriting them all takes a second where nothing is cached, as in a CI job.
    """
    from harness.plugin.pytest_internals import leave_as_written

    leave_as_written(pluginmanager, {"harness", "steelyard"})
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Called once the options are parsed: the marker, and what runs evaluations."""
    from harness.plugin import fixtures
    from harness.plugin.collection.suite import COLLECTION
    from harness.plugin.neighbours import TimeoutHooks
    from harness.plugin.session import GateSession
    from harness.plugin.tracking import TrackingHooks
    from harness.plugin.xdist import XdistHooks

    config.addinivalue_line("markers", MARKER)
    if config.getoption("task") and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []  # tasks are what is asked for: no test file is collected unless one is named
    session = GateSession(config)
    parts = {
        GateSession.NAME: session,
        COLLECTION: session.collection,
        "steelyard-fixtures": fixtures,
        "steelyard-tracking": TrackingHooks(session),
        "steelyard-timeout": TimeoutHooks(),
    }
    if any(map(config.pluginmanager.hasplugin, ("xdist", "xdist.plugin"))):  # the latter with `-p xdist.plugin`
        parts["steelyard-xdist"] = XdistHooks(session)
    for name, part in parts.items():
        config.pluginmanager.register(part, name)
