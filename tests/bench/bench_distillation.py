"""Whether a student learns from its teacher what its texts alone do not teach: soft targets against their controls."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from harness.statistics.multiplicity import holm
from tests.bench.sampling import Figure
from tests.bench.students import SOFT, Sizes, comparisons, divergences

_LEVEL = 0.05
_WORKERS, _NICENESS = 2, 5


def distillation(folder: Path) -> list[Figure]:
    """Held-out divergence from the teacher, pairs of the same seed, the same start and as many tokens."""
    sizes = Sizes()
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_WORKERS, spawned, initializer=os.nice, initargs=(_NICENESS,)) as workers:
        found = divergences(folder, sizes, workers)
    compared = list(comparisons(found))
    shown = holm([p_value for _, _, p_value in compared], _LEVEL)
    means = {name: sum(values) / len(values) for name, values in found.items()}
    figures = []
    for (control, nearer, p_value), is_shown in zip(compared, shown, strict=True):
        beside = (
            f"{means[SOFT]:.3f} against {means[control]:.3f} nats a token on held-out text, {sizes.seeds} paired seeds "
            f"of tiny Llamas, {nearer:.3f} nearer on average; signed ranks, one-sided; all three shown by Holm"
        )
        met = bool(is_shown) and nearer > 0
        figures.append(Figure(f"soft targets against {control}: p-value", p_value, "", "< 0.05", met, beside))
    return figures
