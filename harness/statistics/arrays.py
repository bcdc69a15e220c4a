"""Arrays of scores as every function of this package takes them: checked, with cases as rows and samples as columns."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def as_floats(values: npt.ArrayLike, name: str) -> FloatArray:
    """Numbers as a float array of their own shape; what is masked, or None, is NaN.

    A `ValueError` for texts, complex numbers, other objects, or rows of different lengths.
    """
    try:
        if isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(np.float64), np.nan)
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError(array.dtype)
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is no array of numbers; give numbers, rows of one length, NaN for missing.") from None


def as_number(value: object, name: str) -> float:
    """A real number as a float; a `ValueError` for a text, None, a list or anything else."""
    if not isinstance(value, Real):
        raise ValueError(f"{name} = {value!r} is not a number.")  # noqa: TRY004 - all wrong input is a ValueError
    return float(value)


def as_finite(value: object, name: str) -> float:
    """A finite number as a float, or a `ValueError`."""
    number = as_number(value, name)
    if not math.isfinite(number):
        raise ValueError(f"{name} = {value!r} is not a finite number.")
    return number


def as_share(value: object, name: str, hint: str = "") -> float:
    """A number strictly between 0 and 1, or a `ValueError` that ends with the hint."""
    number = as_number(value, name)
    if not 0 < number < 1:
        raise ValueError(f"{name} = {value!r} is not between 0 and 1{hint}.")
    return number


def check_confidence(confidence_level: float) -> float:
    """The level as a float strictly between 0 and 1, or a `ValueError` that says how to write 95 %."""
    return as_share(confidence_level, "confidence_level", "; write 0.95 for 95 %")


def as_scores(scores: npt.ArrayLike, name: str = "scores") -> FloatArray:
    """Scores as a float array of shape (n_cases, n_samples); a flat sequence is one sample for each case.

    A `ValueError` for other than one or two dimensions, no element, or an infinite one. NaN (missing) is fine.
    """
    array = as_floats(scores, name)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        raise ValueError(f"{name} has {array.ndim} dimensions; give (n_cases, n_samples), NaN for missing samples.")
    if array.size == 0:
        raise ValueError(f"{name} is empty: shape {array.shape}; at least one case with one sample is needed.")
    if np.isinf(array).any():
        raise ValueError(f"{name} holds an infinite number; scores are finite, NaN stands for a missing sample.")
    return array


def case_means(scores: FloatArray) -> FloatArray:
    """The mean of each case over the samples it has, (n_cases,); NaN for a case that has none."""
    present = ~np.isnan(scores)
    counts = present.sum(axis=1)
    sums = np.where(present, scores, 0.0).sum(axis=1)
    # Samples of one case that are all equal must give that very number: 0.1 * 3 / 3 is not 0.1.
    first = np.where(counts > 0, scores[np.arange(len(scores)), present.argmax(axis=1)], np.nan)
    equal = np.where(present, scores == first[:, np.newaxis], True).all(axis=1)
    return np.where(equal, first, sums / np.maximum(counts, 1))


def is_binary(scores: FloatArray) -> bool:
    """Tell whether every score that is there is 0 or 1."""
    return bool(np.all(np.isnan(scores) | (scores == 0) | (scores == 1)))


def is_bounded(scores: FloatArray) -> bool:
    """Tell whether every score that is there lies in [0, 1]."""
    return bool(np.all(np.isnan(scores) | ((scores >= 0) & (scores <= 1))))


def group_indices(clusters: Sequence[Any] | npt.NDArray[Any] | None, n_cases: int) -> IntArray | None:
    """The cluster of each case as an index 0, 1, 2, … in order of first appearance; None where there are none.

    A `ValueError` where there are not as many as cases, or something else than labels is among them.
    """
    if clusters is None:
        return None
    if isinstance(clusters, str) or not hasattr(clusters, "__len__"):
        raise ValueError(f"clusters = {clusters!r} is no sequence; give one label for each case.")
    if len(clusters) != n_cases:
        raise ValueError(f"clusters has {len(clusters)} entries for {n_cases} cases; give one for each case.")
    seen: dict[Hashable, int] = {}
    labels = clusters.tolist() if isinstance(clusters, np.ndarray) else list(clusters)
    if any(not isinstance(label, Hashable) or label != label for label in labels):
        raise ValueError("clusters holds a list or NaN; give one label for each case, such as a text or a number.")
    return np.fromiter((seen.setdefault(label, len(seen)) for label in labels), dtype=np.int64, count=n_cases)
