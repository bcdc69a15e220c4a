"""Draws give every case its turn, and labels of what is drawn stand for all."""

from collections.abc import Sequence

import numpy as np
import pytest

from harness.statistics.labels.drawing import Items, cast_lots, next_draw
from harness.statistics.labels.draws import Draw, LabelQuestion
from harness.statistics.labels.labelled import evidence


def drawn(judged: Sequence[float], seed: int) -> list[Draw]:
    """All draws of so many cases."""
    items = Items(np.array(judged)[:, np.newaxis], cast_lots([f"c{row}" for row in range(len(judged))], seed))
    draws: list[Draw] = []
    question = LabelQuestion("rate", 0.6, 0.2, 0.05, 0.05)
    while (found := next_draw(items, draws, np.full((len(draws), 1), np.nan), [question])) is not None:
        draws.append(found)
    return draws


def test_every_case_has_its_turn() -> None:
    draws = drawn([0.2, 1.0, 0.5] * 20, 1)
    assert all(each.case is not None for each in draws[:-1])
    assert sum(len(each.passed) + (each.case is not None) for each in draws) == 60


@pytest.mark.nightly
def test_labels_of_drawn_items_stand_for_all_without_bias() -> None:
    """The judge is wrong in a third of the cases; over seeds the estimate from labels is right, the judge's is not."""
    truth, judged = np.tile([0.0, 1.0, 0.0], 20), [0.9, 0.9, 0.1] * 20
    estimates = []
    for seed in range(150):
        draws = drawn(judged, seed)
        labels = np.array([np.nan if each.case is None else truth[each.case] for each in draws])
        estimates.append(evidence(draws, labels, "rate").values.mean())
    error = float(np.std(estimates)) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(truth.mean(), abs=4 * error + 1e-9)
    assert abs(np.mean(judged) - truth.mean()) > 0.25
