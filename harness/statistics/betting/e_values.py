"""E-values for a pass rate: evidence that may be looked at after every sample."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import FloatArray, as_floats, as_number

EValueKind = Literal["likelihood_ratio", "mixture"]


def log_e_value(
    successes: npt.ArrayLike,
    failures: npt.ArrayLike,
    p0: float,
    p1: float | None = None,
    kind: EValueKind = "likelihood_ratio",
) -> FloatArray | float:
    """Natural logarithm of an e-value against a pass rate of p0.

    Under a rate of p0 the expectation of the e-value is 1 at any stopping time, so that it reaches 1 / level with a
    chance of at most `level` whenever one stops (Ville's inequality).

    Parameters
    ----------
    successes, failures : counts so far, numbers or arrays of one shape
    p0 : the rate to speak against, in (0, 1)
    p1 : the rate to speak for, in (0, 1); needed for the likelihood ratio, unused by the mixture. With p1 < p0 the
        e-value holds against every rate of p0 or more, with p1 > p0 against every rate of p0 or less.
    kind : "likelihood_ratio" of p1 to p0, or "mixture": of a rate drawn uniformly from [0, p0] to p0, which speaks
        against every rate of p0 or more

    Returns
    -------
    float or array
        Depends on the counts alone, so that one sample after another and all at once come to the same.

    References
    ----------
    A. Wald (1945), Sequential tests of statistical hypotheses, Annals of Mathematical Statistics 16:117-186; H. Robbins
    (1970), Statistical methods related to the law of the iterated logarithm, ibid. 41:1397-1409, for mixtures;
    J. Ville (1939), Etude critique de la notion de collectif.

    Examples
    --------
    >>> round(log_e_value(8, 2, p0=0.9, p1=0.8), 4)
    0.444
    >>> round(log_e_value(0, 3, p0=0.5, kind="mixture"), 4)
    1.3218
    """
    right, wrong = _counts(successes, "successes"), _counts(failures, "failures")
    try:
        np.broadcast_shapes(right.shape, wrong.shape)
    except ValueError:
        raise ValueError(f"successes of shape {right.shape} for failures of shape {wrong.shape}.") from None
    null = _rate(p0, "p0")
    if kind == "mixture":
        value = _log_mixture(right, wrong, null)
    elif kind == "likelihood_ratio":
        if p1 is None:
            raise ValueError("kind='likelihood_ratio' needs p1, the rate to speak for.")
        other = _rate(p1, "p1")
        if other == null:
            raise ValueError(f"p1 = p0 = {p0!r}: a likelihood ratio needs two different rates.")
        value = right * math.log(other / null) + wrong * (math.log1p(-other) - math.log1p(-null))
    else:
        raise ValueError(f"kind = {kind!r} is not one of 'likelihood_ratio', 'mixture'.")
    return float(value) if value.ndim == 0 else value


def _log_mixture(right: FloatArray, wrong: FloatArray, p0: float) -> FloatArray:
    """log of (1/p0) * integral over [0, p0] of t^s (1-t)^f, less that of p0^s (1-p0)^f.

    The integral is an incomplete beta function. Where that underflows (far more successes than p0 lets expect), it
    equals p0^(s+1) (1-p0)^(f+1) / (s+1) times a hypergeometric series that converges fast there: NIST DLMF 8.17.8.
    """
    a, b = right + 1, wrong + 1
    share = special.betainc(a, b, p0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        by_beta = special.betaln(a, b) + np.log(share) - a * math.log(p0) - wrong * math.log1p(-p0)
        by_series = math.log1p(-p0) - np.log(a) + np.log(special.hyp2f1(a + b, 1.0, a + 1, p0))
    value: FloatArray = np.where(share > 1e-250, by_beta, by_series)
    return value


def _counts(counts: npt.ArrayLike, name: str) -> FloatArray:
    array = as_floats(counts, name)
    if not bool(np.all((array >= 0) & np.isfinite(array))):
        raise ValueError(f"{name} holds a number below 0 or none at all; give counts.")
    return array


def _rate(rate: float, name: str) -> float:
    if not 0 < as_number(rate, name) < 1:
        raise ValueError(f"{name} = {rate!r} is not strictly between 0 and 1.")
    return float(rate)
