"""Which answers of a stored run people are to see: drawn one after the other, each with its probability.

The drawing is that of `harness.statistics.labels.drawing`, which a gate goes on with as labels come in. Here nothing is
labelled yet, so that the draws are valid, and a little less apt than draws made later would be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.statistics.arrays import FloatArray
from harness.statistics.labels.drawing import Items, next_draw
from harness.statistics.labels.draws import Draw, Question

_MARGIN = 0.05
_LOWEST, _HIGHEST = 0.2, 0.95


def draw(items: Items, question: Question, count: int) -> list[Draw]:
    """So many draws, or fewer where every case has had its turn before: the last of them then is of no case."""
    drawn: list[Draw] = []
    while len(drawn) < count:
        labels = np.full((len(drawn), len(items.scores)), np.nan)
        found = next_draw(items, drawn, labels, [question])
        if found is None:
            break
        drawn.append(found)
    return drawn


def question_of(
    tables: Sequence[FloatArray], threshold: float | None, margin: float | None, confidence_level: float
) -> Question:
    """What labels are to decide: the difference of two versions, else the mean of one against what is required.

    Where nothing is required that labels could decide, it is whether the mean is what the judge says, within a margin.

    Args:
        tables: (n_cases, n_samples) scores of each version.
        threshold, margin: of the evaluation, where it has some.
    """
    level = 1 - confidence_level
    allowed = margin if margin is not None and 0 < margin < 1 else _MARGIN
    if len(tables) == 2:
        return Question("difference", 0.0, allowed, level, level)
    if threshold is not None and allowed < threshold < 1:
        return Question("rate", threshold, allowed, level, level)
    return Question("rate", float(np.clip(np.nanmean(tables[0]), _LOWEST, _HIGHEST)), _MARGIN, level, level)
