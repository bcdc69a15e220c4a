"""The pytest plugin.

It is loaded in every pytest run where Steelyard is installed, so it imports pytest and little else; everything heavy
waits for the first evaluation.
"""

from __future__ import annotations

import importlib.util

import pytest

from harness.plugin.options import add_options

MARKER = (
    "evaluation(cases, samples, max_samples, threshold, margin, aim, about, design, per, cluster, slices, "
    "slice_margin, max_lost, requirement, review, weighs, sealed, task, load): "
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


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Called before the first conftest.py is imported, which may import deepeval: keeps it quiet in a project with
    Steelyard's settings.
    """
    if importlib.util.find_spec("deepeval") is None:
        return
    from harness.config.environment import quieten_deepeval
    from harness.config.settings import find_settings
    from harness.errors import SettingsError

    try:
        is_ours = any(map(find_settings, (early_config.invocation_params.dir, early_config.rootpath)))
    except SettingsError:  # told when an evaluation is there to need the settings
        return
    if is_ours:
        quieten_deepeval()


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Called to run the session: where several candidates are named, runs one for each of them instead."""
    if "," not in (config.getoption("candidate") or "") or config.option.help or config.option.version:
        return None
    if config.getoption("draw"):
        raise pytest.UsageError("steelyard: --draw draws for one candidate: start it for each of them.")
    from harness.plugin.candidates import run_each

    return run_each(config)


def pytest_configure(config: pytest.Config) -> None:
    """Called once the options are parsed: the marker, and what runs evaluations."""
    from harness.plugin import fixtures
    from harness.plugin.collection.suite import COLLECTION
    from harness.plugin.session import GateSession
    from harness.plugin.tracking import TrackingHooks
    from harness.plugin.window import Neighbours
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
        "steelyard-neighbours": Neighbours(),
    }
    if any(map(config.pluginmanager.hasplugin, ("xdist", "xdist.plugin"))):  # the latter with `-p xdist.plugin`
        parts["steelyard-xdist"] = XdistHooks(session)
    for name, part in parts.items():
        config.pluginmanager.register(part, name)
