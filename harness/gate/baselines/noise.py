"""The noise of a recorded baseline, and what gates against it can tell for that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.gate.baselines.recording import RecordedEvaluation
from harness.gate.evaluations.evaluation import samples_for_recording

_NORMAL = NormalDist()
_LEVEL = 0.05
_POWER = 0.8
_NO_NOISE = 1e-12
"""A standard error below this is rounding."""


@dataclass(frozen=True, slots=True)
class RecordedNoise:
    """The noise of one metric of a recorded evaluation.

    Attributes:
        standard_error: of its mean over these cases, from the draws of each case alone.
        per_sample: the standard error that one sample of each case would leave.
        n_samples: the fewest samples of a case.
        is_bound: whether no case has two samples, so that the spread within a case is known to be no larger alone.
    """

    standard_error: float
    per_sample: float
    n_samples: int
    is_bound: bool = False

    def told_apart(self, n_samples: int) -> float:
        """The smallest drop that a candidate with so many samples of a case is told apart by, 8 times in 10.

        About these cases, one-sided at 0.05: (z(0.95) + z(0.80)) standard errors of the difference (Lachin 1981,
        Controlled Clinical Trials 2, pages 93-113). A sequential design, and red that is corrected over many
        evaluations, take somewhat more.
        """
        both = math.hypot(self.standard_error, self.per_sample / math.sqrt(n_samples))
        return (_NORMAL.inv_cdf(1 - _LEVEL) + _NORMAL.inv_cdf(_POWER)) * both

    def share(self, n_samples: int) -> float:
        """The recording's share of the noise of a difference, 0 to 1, for a candidate with so many samples of a case.

        Cases that differ in themselves between the versions add noise of their own: then it is less.
        """
        own, other = self.standard_error**2, self.per_sample**2 / n_samples
        return own / (own + other) if own else 0.0


def noise_of(recorded: RecordedEvaluation, metric: str) -> RecordedNoise | None:
    """The noise of a recorded metric; None for fewer than two cases with scores."""
    rows = [row[~np.isnan(row)] for row in recorded.table.of(metric)]
    rows = [row for row in rows if len(row)]
    if len(rows) < 2:
        return None
    spreads = [float(row.var(ddof=1)) for row in rows if len(row) > 1]
    counts = np.array([len(row) for row in rows], dtype=np.float64)
    within = np.mean(spreads) if spreads else np.array([row[0] for row in rows]).var(ddof=1)
    n = len(rows)
    return RecordedNoise(
        standard_error=math.sqrt(float(within) * float((1 / counts).sum())) / n,
        per_sample=math.sqrt(float(within) / n),
        n_samples=int(counts.min()),
        is_bound=not spreads,
    )


def false_red_given(share: float, quantile: float) -> float:
    """Give the share of gates of an equal version that are red against such an unlucky recording, at the level 0.05.

    The statistic of such a gate is the sum of the recording's error, which is drawn once, and the candidate's, which is
    drawn each time; given the first it is a normal test whose critical value is shifted. (The conditional error
    function of Proschan and Hunsberger 1995, Biometrics 51, pages 1315-1324, whose first stage is the recording here.)

    Args:
        share: the recording's part of the variance of the difference, in [0, 1).
        quantile: of recordings: 0.9 for the worst of 10.

    >>> round(false_red_given(0.0, 0.9), 3), round(false_red_given(0.5, 0.9), 3)
    (0.05, 0.148)
    """
    critical = _NORMAL.inv_cdf(1 - _LEVEL) - math.sqrt(share) * _NORMAL.inv_cdf(quantile)
    return 1 - _NORMAL.cdf(critical / math.sqrt(1 - share))


def supports(name: str, noise: RecordedNoise, n_samples: int, unit: str | None) -> str:
    """Say in a sentence what gates against a metric can tell."""
    of_unit = f" {unit}" if unit else ""
    drawn = f"{name}: recorded with {noise.n_samples:,} {'sample' if noise.n_samples == 1 else 'samples'} of each case"
    if noise.standard_error < _NO_NOISE:  # a gate's bounds are not 0 for that: too few cases can't show a small drop
        return f"{drawn}, which show no noise; what drop a gate can show, `steelyard plan` tells"
    most = "at most " if noise.is_bound else ""
    return (
        f"{drawn}, standard error {most}{noise.standard_error:.2g}{of_unit}. A gate against it with samples = "
        f"{n_samples:,} can show a drop of about {noise.told_apart(n_samples):.2g}{of_unit}"
    )


def warning(noises: Sequence[RecordedNoise], n_samples: int) -> str | None:
    """Advise what to draw in place of a recording that has no more samples than a gate; None where it has more."""
    share = max((each.share(n_samples) for each in noises), default=0.0)
    if share < 0.5:
        return None
    worst_of_10, worst_of_100 = (false_red_given(share, each) for each in (0.9, 0.99))
    return (
        f"its own noise is {share:.0%} of that of a difference: against the unluckiest of 10 such recordings an equal "
        f"version is red in {worst_of_10:.0%} of gates, of 100 in {worst_of_100:.0%}, in place of {_LEVEL:.0%}; draw "
        f"it with pytest --for-baseline, which takes {samples_for_recording(n_samples):,} samples a case"
    )
