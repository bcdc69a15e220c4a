"""`make check` touches every layer, so that what breaks one is seen within a minute."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import is_quick

TESTS = Path(__file__).parent
LAYERS = sorted(path.parent.name for path in (TESTS.parent / "harness").glob("*/__init__.py"))
LEAST = 10


@pytest.fixture(scope="module")
def counts(request: pytest.FixtureRequest) -> Counter[str]:
    """How many quick tests each folder of tests has."""
    started_in = request.config.invocation_params.dir
    if TESTS not in [(started_in / each).resolve() for each in request.config.args]:
        pytest.skip("needs all tests to be collected: pytest tests")
    return Counter(item.path.relative_to(TESTS).parts[0] for item in request.session.items if is_quick(item))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_has_a_dozen_quick_tests_or_nearly(layer: str, counts: Counter[str]) -> None:
    assert counts[layer] >= LEAST


def test_the_plugin_has_quick_tests_that_run_whole_sessions(
    request: pytest.FixtureRequest, counts: Counter[str]
) -> None:
    sessions = [item for item in request.session.items if is_quick(item) and item.get_closest_marker("whole")]
    assert sum(item.path.is_relative_to(TESTS / "plugin") for item in sessions) >= 12
    assert sum(item.path.is_relative_to(TESTS / "cli") for item in sessions) >= 10
