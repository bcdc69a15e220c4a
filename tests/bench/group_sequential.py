"""Group-sequential designs: a few looks that are planned, with the boundaries of O'Brien and Fleming, and of Pocock.

C. Jennison, B. W. Turnbull (2000), Group Sequential Methods with Applications to Clinical Trials, chapters 2 and 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Boundaries:
    """One-sided critical values at each look, and how many times the cases of a fixed design the last look needs."""

    name: str
    critical: tuple[float, ...]
    inflation: float


@cache
def boundaries(name: str, looks: int = 5, level: float = 0.05, power: float = 0.95) -> Boundaries:
    """The boundaries of `O'Brien-Fleming` or `Pocock`; Jennison and Turnbull's tables 2.1 and 2.3 have them."""
    shares = np.arange(1, looks + 1) / looks
    shape = 1 / np.sqrt(shares) if name == "O'Brien-Fleming" else np.ones(looks)
    covariance = np.sqrt(np.minimum.outer(shares, shares) / np.maximum.outer(shares, shares))

    def crossed(critical: FloatArray, drift: float) -> float:
        """The chance of crossing at any look, for a mean of `drift` at the last."""
        joint = stats.multivariate_normal(np.zeros(looks), covariance, seed=0, maxpts=500_000, abseps=1e-6)
        return 1 - float(joint.cdf(critical - drift * np.sqrt(shares)))

    constant = optimize.brentq(lambda c: crossed(c * shape, 0.0) - level, 1.0, 4.0, xtol=1e-4)
    critical = constant * shape
    fixed = stats.norm.ppf(1 - level) + stats.norm.ppf(power)
    drift = optimize.brentq(lambda d: crossed(critical, d) - power, 2.0, 6.0, xtol=1e-4)
    return Boundaries(name, tuple(critical.tolist()), float((drift / fixed) ** 2))


def decided(differences: FloatArray, margin: float, chosen: Boundaries) -> tuple[str, int]:
    """Verdict and cases used of one evaluation: red below 0, green above -margin, tested at each look with Student's t.

    Where all cases are the same there is no spread to judge by, and it goes on.

    Args:
        differences: of all cases, in the order drawn; the last look is after all of them.
    """
    looks = len(chosen.critical)
    for look, critical in enumerate(chosen.critical, start=1):
        n = math.ceil(len(differences) * look / looks)
        seen = differences[:n]
        error = seen.std(ddof=1) / math.sqrt(n)
        quantile = stats.t.ppf(stats.norm.cdf(critical), n - 1)
        if error > 0 and seen.mean() - quantile * error > -margin:
            return "green", n
        if error > 0 and seen.mean() + quantile * error < 0:
            return "red", n
    return "open", len(differences)
