"""Two corpora weighed by the models that they make, seed by seed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.stages.data.ablation.ablation import Ablation
from harness.stages.data.ablation.plan import AblationPlan
from harness.stages.data.ablation.results import TrainedModel, Training
from harness.statistics.intervals.differences import DifferenceEstimate, paired_difference


@dataclass(frozen=True, slots=True)
class SeedPair:
    """The models of one seed, on either corpus."""

    first: TrainedModel
    second: TrainedModel


async def train_pairs(
    ablations: tuple[Ablation, Ablation],
    seeds: Sequence[int],
    plan: AblationPlan,
    held_out: Path,
    cloze: Path | None,
) -> tuple[SeedPair, ...]:
    """The models of each seed: both corpora side by side, each in a process of its own.

    Raises:
        CorpusError: a corpus has too few tokens, or a held-out text; a file can't be read.
        EngineError: a process ended.
    """

    async def trained(ablation: Ablation) -> list[TrainedModel]:
        fingerprint = ablation.corpus.fingerprint
        return [await ablation.trained(Training(fingerprint, seed, plan, held_out, cloze)) for seed in seeds]

    try:
        found = await asyncio.gather(*map(trained, ablations))
    finally:
        for ablation in ablations:
            await ablation.close()
    return tuple(SeedPair(one, other) for one, other in zip(*found, strict=True))


def loss_difference(pairs: Sequence[SeedPair]) -> DifferenceEstimate:
    """The held-out loss of the first corpus less that of the second, by a paired t test over seeds, at 95 %."""
    return paired_difference([each.first.loss for each in pairs], [each.second.loss for each in pairs], bounded=False)


def cloze_difference(pairs: Sequence[SeedPair]) -> DifferenceEstimate | None:
    """The same of the share of cloze items that are right; None without any."""
    first, second = [each.first.cloze for each in pairs], [each.second.cloze for each in pairs]
    known = [(one, other) for one, other in zip(first, second, strict=True) if one is not None and other is not None]
    if len(known) < len(pairs):
        return None
    return paired_difference([one for one, _ in known], [other for _, other in known], bounded=False)


def mean_curve(models: Sequence[TrainedModel]) -> tuple[tuple[int, float], ...]:
    """The held-out loss after so many tokens, the mean over seeds."""
    points = zip(*(each.curve for each in models), strict=True)
    return tuple((point[0][0], sum(loss for _, loss in point) / len(point)) for point in points)
