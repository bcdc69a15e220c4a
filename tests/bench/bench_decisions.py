"""What decisions promise, measured by simulation: error rates, cost, coverage, power, time."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.bench import decision_costs, decision_errors, decision_estimates
from tests.bench.sampling import Figure

_WORKERS = 2
_NICENESS = 10


def decisions(_folder: Path) -> list[Figure]:
    """All figures; time is measured first, while nothing else of this runs."""
    figures = [*decision_estimates.time_of_a_decision()]
    with ProcessPoolExecutor(_WORKERS, initializer=os.nice, initargs=(_NICENESS,)) as workers:
        for measure in (
            decision_costs.threshold_gate,
            decision_costs.paired_suite,
            decision_estimates.coverage,
            decision_estimates.power,
            decision_errors.error_rates,
        ):
            figures += measure(workers)
    return figures
