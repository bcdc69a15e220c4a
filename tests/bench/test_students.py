"""Soft targets beat their controls: a smaller version of what `make bench ARGS=distillation` measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.students import CONTROLS, NOTHING, SOFT, Sizes, comparisons, divergences

pytestmark = pytest.mark.nightly


def test_soft_targets_are_nearer_to_the_teacher_than_every_control(tmp_path: Path) -> None:
    """Of as many tokens, at every seed: with 5 pairs the p-value is then 1/32."""
    pytest.importorskip("transformers")
    found = divergences(tmp_path, Sizes(seeds=5, taught=150, steps=40, held_out=4))
    assert set(found) == {SOFT, NOTHING, *CONTROLS}
    for control, nearer, p_value in comparisons(found):
        assert nearer > 0, control
        assert p_value == pytest.approx(1 / 32), (control, found)


def test_a_control_that_is_as_near_is_not_beaten() -> None:
    same = {SOFT: [0.3, 0.5, 0.4, 0.6, 0.5], NOTHING: [0.5, 0.3, 0.6, 0.4, 0.5]}
    found = {**same, **dict.fromkeys(CONTROLS, [0.9] * 5)}
    p_values = {control: p_value for control, _, p_value in comparisons(found)}
    assert p_values[NOTHING] > 0.4
    assert p_values["hard labels"] == pytest.approx(1 / 32)
