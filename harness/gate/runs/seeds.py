"""The differences that ablations can show with the seeds that they have, told before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.decisions import Look
from harness.gate.evaluations.evaluation import Evaluation

FIXTURE = "ablation"


def seeds_in_words(evaluations: Iterable[Evaluation], looks: Mapping[str, Look], level: float) -> list[str]:
    """Say what evaluations whose cases are seeds can show, a line for each number of seeds and level.

    Args:
        evaluations: those that are weighed against a baseline.
        looks: what each may spend, by id.
        level: the error rate of the gate.
    """
    from harness.stages.data.ablation.power import seed_power

    found: dict[tuple[int, float], list[str]] = {}
    for each in evaluations:
        look = looks.get(each.id)
        if FIXTURE not in each.stages or look is None:
            continue
        n_ways = 1 + (each.plan.threshold is not None)
        red = level * look.red / n_ways / (2 if each.plan.aim == "same" else 1)
        found.setdefault((len(each.cases), red), []).append(each.id)
    return [f"{seed_power(pairs, red).in_words()} ({', '.join(ids)})" for (pairs, red), ids in found.items()]
