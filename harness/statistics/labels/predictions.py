"""Predicts what people say of an answer that a judge has scored, by a curve learnt from the labels so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.statistics.arrays import FloatArray

#: A judge's 0 and 1 are read as these: no judge is always right.
_NEVER, _ALWAYS = 0.02, 0.98
#: Before the first label: intercept, slope on the score, slope on the other version's; each with a precision of 1.
_PRIOR = np.array([0.5, 0.5, 0.0])
_STEPS = 8


@dataclass(frozen=True, slots=True)
class Curve:
    """A logistic curve from judge scores to what people say on average: scaling after Platt.

    `coefficients` are of 1, of the log odds of the score, and of those of the other version's score of the same case.
    """

    coefficients: FloatArray

    def predict(self, odds: FloatArray, others: FloatArray) -> FloatArray:
        """Predict what people say on average, in (0, 1), of any shape; `odds` and `others` come from `log_odds`."""
        a, b, c = self.coefficients.tolist()
        return np.asarray(special.expit(a + b * odds + c * others), dtype=np.float64)


def log_odds(scores: FloatArray) -> FloatArray:
    """Log odds of judge scores in [0, 1]; NaN stays NaN."""
    return np.asarray(special.logit(np.clip(scores, _NEVER, _ALWAYS)), dtype=np.float64)


def fitted_curve(odds: FloatArray, others: FloatArray, labels: FloatArray) -> Curve:
    """The curve that fits labels best, held near what is expected before the first.

    Parameters
    ----------
    odds, others : (n,) log odds of the judge's score and of the other version's (0 where there is none)
    labels : (n,) in [0, 1]

    References
    ----------
    J. Platt (1999), Probabilistic outputs for support vector machines, in Advances in Large Margin Classifiers; by
    Newton's method with a normal prior.
    """
    design = np.stack([np.ones(len(odds)), odds, others], axis=1)
    found = _PRIOR
    for _ in range(_STEPS):
        expected = special.expit(design @ found)
        slope = design.T @ (labels - expected) - (found - _PRIOR)
        curvature = (design * (expected * (1 - expected))[:, np.newaxis]).T @ design + np.eye(3)
        step = np.linalg.solve(curvature, slope)
        found = found + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-6:
            break
    return Curve(found)
