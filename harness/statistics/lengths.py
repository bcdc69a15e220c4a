"""The longest length at which a score is shown to hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.statistics.arrays import FloatArray, as_floats, check_confidence
from harness.statistics.searching import halved

_LEAST, _MOST = 1e-6, 2.0
_STEPS = 12
#: Fractions of the largest bet that can't be ruined; evenly spaced on a log scale, because the best one is not known.
_FRACTIONS = np.geomspace(0.01, 0.95, 20)


@dataclass(frozen=True, slots=True)
class EffectiveLength:
    """The length up to which a score holds, with the figures that show it.

    Attributes
    ----------
    length : the longest length up to which each is shown to keep the share; the shortest where none longer is, and 0
        where the score of that is 0, of which nothing can be kept
    lengths : (k,) ascending
    means : (k,) the score at each
    shares : (k - 1,) of the shortest one's score, at each longer one
    bounds : (k - 1,) one-sided lower bounds of these, each at the level by itself
    """

    length: int
    lengths: tuple[int, ...]
    means: tuple[float, ...]
    shares: tuple[float, ...]
    bounds: tuple[float, ...]


def effective_length(
    scores: npt.ArrayLike, lengths: Sequence[int], share: float = 0.85, confidence_level: float = 0.95
) -> EffectiveLength:
    """The longest length at which a score is shown to be at least a share of the score at the shortest one.

    Lengths are tested from short to long, each at the whole level, and the first that is not shown ends it: a closed
    test of ordered hypotheses, so that the chance of any length too many is at most 1 - confidence_level. It is tested
    whether the mean over cases of the score less the share of the same case's short score is above 0, by bets of
    constant size from small to large, which hold for any scores in [0, 1], any number of cases and any order of them:
    equal scores of ten cases show nothing.

    Parameters
    ----------
    scores : (n_cases, k) in [0, 1]; cases with a NaN are left out
    lengths : (k,) ascending, the first being the short one
    share : in (0, 1]
    confidence_level : in (0, 1), one-sided

    Raises
    ------
    ValueError
        Lengths that do not ascend or do not fit, a score outside [0, 1], fewer than two whole cases.

    References
    ----------
    A. Modarressi and others (2025), NoLiMa: Long-Context Evaluation Beyond Literal Matching, ICML (0.85 of a model's
    own short score); W. Maurer, L. A. Hothorn, W. Lehmacher (1995), Multiple comparisons in drug clinical trials and
    preclinical assays: a-priori ordered hypotheses, Biometrie in der chemisch-pharmazeutischen Industrie 6:3-18;
    R. Marcus, E. Peritz, K. R. Gabriel (1976), On closed testing procedures, Biometrika 63:655-660; I. Waudby-Smith,
    A. Ramdas (2024), Estimating means of bounded random variables by betting, J. R. Statistical Society B 86:1-27.

    Examples
    --------
    >>> found = effective_length([[1, 1, 1]] * 70 + [[1, 1, 0]] * 30, [128, 256, 512])
    >>> found.length, found.shares, [round(bound, 2) for bound in found.bounds]
    (256, (1.0, 0.7), [0.94, 0.55])
    """
    check_confidence(confidence_level)
    values = as_floats(scores, "scores")
    if values.ndim != 2 or values.shape[1] != len(lengths) or list(lengths) != sorted(set(lengths)):
        raise ValueError(
            f"scores {values.shape} do not fit the lengths {list(lengths)}; give a column for each, ascending."
        )
    if not 0 < share <= 1:
        raise ValueError(f"share = {share!r} is not in (0, 1]; write 0.85 for 85 in 100.")
    values = values[~np.isnan(values).any(axis=1)]
    if len(values) < 2 or values.min() < 0 or values.max() > 1:
        raise ValueError(f"{len(values)} whole cases with scores in [0, 1] are needed, 2 at the least.")
    short, means = values[:, 0], tuple(values.mean(axis=0).tolist())
    shown = [_is_shown(short, long, share, confidence_level) for long in values.T[1:]]
    n_kept = shown.index(False) if False in shown else len(shown)
    return EffectiveLength(
        lengths[n_kept] if means[0] else 0,
        tuple(lengths),
        means,
        tuple(mean / means[0] if means[0] else 0.0 for mean in means[1:]),
        tuple(_bound(short, long, confidence_level) for long in values.T[1:]),
    )


def _is_shown(short: FloatArray, long: FloatArray, share: float, level: float) -> bool:
    """Tell whether the mean of the long scores is shown to be above a share of that of the short ones."""
    logs = np.log1p(np.outer(_FRACTIONS / share, long - share * short)).sum(axis=1)
    return float(special.logsumexp(logs)) - math.log(len(_FRACTIONS)) >= -math.log(1 - level)


def _bound(short: FloatArray, long: FloatArray, level: float) -> float:
    """The largest share that is shown."""
    return halved(lambda share: not _is_shown(short, long, share, level), _LEAST, _MOST, _STEPS)[0]
