"""Divergence of one distribution over tokens from another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.statistics.arrays import FloatArray, as_floats

_LEFT_OVER = 1e-6
#: By how much the sum of probabilities may miss 1: log probabilities of 50,000 tokens are kept in 32 bits.
_ROUNDING = 1e-3


def kl_divergence(log_p: npt.ArrayLike, log_q: npt.ArrayLike, *, listed: bool = False) -> FloatArray:
    """The Kullback-Leibler divergence of each distribution of `log_p` from that of `log_q`, in nats.

    Parameters
    ----------
    log_p, log_q : (..., n_outcomes) natural logarithms of the probabilities of the same outcomes, up to rounding. -inf
        stands for an outcome that can't be; where it can't be under q alone, the divergence is infinite
    listed : the outcomes are some of those that there are, and all others count as one more. No grouping of outcomes
        makes the divergence larger, so this is a lower bound of it

    Returns
    -------
    (...,) floats, at least 0: what rounding takes below it is 0

    Raises
    ------
    ValueError
        Different shapes, no outcomes, NaN, probabilities that sum to more than 1 (or, where not `listed`, not to 1).

    References
    ----------
    S. Kullback, R. A. Leibler (1951), On information and sufficiency, Annals of Mathematical Statistics 22:79-86,
    equation 2.4, and theorem 4.1 for the grouping.

    Examples
    --------
    >>> round(float(kl_divergence(np.log([0.5, 0.5]), np.log([0.75, 0.25]))), 4)
    0.1438
    """
    first, second = _alike(log_p, log_q)
    p, q = _probabilities(first, "log_p", listed), _probabilities(second, "log_q", listed)
    with np.errstate(divide="ignore", invalid="ignore"):
        # p log(p/q) - p + q is at least 0 for each outcome, so that small divergences don't drown in rounding.
        terms = np.where(p > 0, p * (first - second) - p + q, q)
        total = terms.sum(axis=-1)
        if listed:
            rest_p, rest_q = np.maximum(0.0, 1 - p.sum(axis=-1)), np.maximum(0.0, 1 - q.sum(axis=-1))
            rest = rest_p * (np.log(rest_p) - np.log(rest_q)) - rest_p + rest_q
            # What rounding left over is no outcome. To leave it out keeps the bound a lower one.
            total = total + np.where(np.minimum(rest_p, rest_q) > _LEFT_OVER, rest, 0.0)
    return np.asarray(np.maximum(0.0, total), dtype=np.float64)


def js_divergence(log_p: npt.ArrayLike, log_q: npt.ArrayLike) -> FloatArray:
    """The Jensen-Shannon divergence of each distribution of `log_p` and that of `log_q`, in nats: (...,) floats.

    It is the mean of the divergences of both from their mixture: symmetric, and at most ln 2. Input is that of
    `kl_divergence`, of all outcomes that there are.

    References
    ----------
    J. Lin (1991), Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory
    37:145-151, equation 4.1 with equal weights.

    Examples
    --------
    >>> round(float(js_divergence(np.log([0.5, 0.5]), np.log([0.75, 0.25]))), 4)
    0.0338
    """
    first, second = _alike(log_p, log_q)
    mixture = np.logaddexp(first, second) - np.log(2)
    half = (kl_divergence(first, mixture) + kl_divergence(second, mixture)) / 2
    return np.asarray(np.minimum(half, np.log(2)), dtype=np.float64)


def _alike(log_p: npt.ArrayLike, log_q: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = as_floats(log_p, "log_p"), as_floats(log_q, "log_q")
    if first.shape != second.shape or first.ndim == 0 or first.shape[-1] == 0:
        raise ValueError(f"log_p has the shape {first.shape}, log_q {second.shape}; give the same outcomes of both.")
    return first, second


def _probabilities(logs: FloatArray, name: str, listed: bool) -> FloatArray:
    p = np.exp(logs)
    total = p.sum(axis=-1)
    if np.isnan(total).any():
        raise ValueError(f"{name} holds NaN; give natural logarithms of probabilities.")
    off = total - 1
    if (off > _ROUNDING).any() or (not listed and (off < -_ROUNDING).any()):
        worst = float(total.flat[int(np.abs(off).argmax())])
        what = "sum to more than 1" if listed else "do not sum to 1"
        raise ValueError(f"The probabilities of {name} {what}: {worst:g}. Give natural logarithms of probabilities.")
    return np.asarray(p, dtype=np.float64)
