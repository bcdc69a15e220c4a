"""The pytest plugin. Loaded in every pytest run where Steelyard is installed, so it imports pytest and little else;
everything heavy waits for the first evaluation.
"""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import baseline, case, model
from harness.plugin.options import add_options

__all__ = ["baseline", "case", "model", "pytest_addoption", "pytest_configure", "pytest_generate_tests"]

MARKER = (
    "evaluation(cases, samples, threshold, margin, max_samples, design, per, cluster, requirement): "
    "a test function whose body is run repeatedly against a model version, and decided with statistics"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called once at start-up: Steelyard's options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Called once the options are parsed: the marker, and what runs evaluations."""
    from harness.plugin.session import GateSession
    from harness.plugin.xdist import XdistHooks

    config.addinivalue_line("markers", MARKER)
    session = GateSession(config)
    config.pluginmanager.register(session, GateSession.NAME)
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(XdistHooks(session), "steelyard-xdist")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Called for each test function: an evaluation with `per="case"` becomes one item for each case."""
    if any(mark.name == "evaluation" for mark in metafunc.definition.iter_markers("evaluation")):
        from harness.plugin.session import GateSession

        session = metafunc.config.pluginmanager.get_plugin(GateSession.NAME)
        assert isinstance(session, GateSession)
        session.collection.parametrize(metafunc)
