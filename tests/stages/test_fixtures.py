"""The table of the stages' fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.plugin.fixtures import OFFERED
from harness.stages.fixtures import STAGE_FIXTURES

pytestmark = pytest.mark.service


def test_every_stage_fixture_is_offered_to_bodies_and_has_a_maker() -> None:
    assert set(STAGE_FIXTURES) <= set(OFFERED)
    for each in STAGE_FIXTURES.values():
        module, _, name = each.maker.partition(":")
        path = Path(__file__).parents[2] / Path(*module.split(".")).with_suffix(".py")
        assert f"def {name}(" in path.read_text(encoding="utf-8")
