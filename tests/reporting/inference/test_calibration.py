"""What `steelyard load --calibrate` prints."""

from __future__ import annotations

import json

import pytest

from harness.reporting.inference.calibration import calibration_json, render_calibration
from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.blocks.resolution import resolution

pytestmark = pytest.mark.service


def test_each_figure_has_the_smallest_slow_down_and_how_many_pairs_others_take() -> None:
    plan, found = BlockPlan(), [resolution("itl", [0.02, -0.02] * 6)]
    lines = list(render_calibration("a", plan, found))
    assert lines[0] == "a against itself: 12 pairs of blocks of 2.5 s"
    assert any(line.split()[:3] == ["itl", "2.1", "%"] for line in lines)
    assert max(map(len, lines)) <= 80
    assert "9 of 10 gates with so many pairs whose margin is smaller than it" in " ".join(lines)
    document = json.loads(json.dumps(calibration_json(plan, found)))
    assert document["figures"][0]["pairs_for"] == dict(found[0].pairs_for)
    assert (document["blocks"], document["seconds"], document["power"]) == (12, 2.5, 0.9)
