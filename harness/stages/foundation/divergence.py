"""The divergence of a version from its reference on texts, position by position."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import EngineError
from harness.records import Measure
from harness.statistics.intervals.means import clustered_mean
from harness.statistics.quantiles.quantiles import values_needed

PERCENTILES = (90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class PositionDivergence:
    """One token of a text, as two models foresee it.

    Attributes:
        kl: the divergence of the version from the reference, in nats: KL(reference || version).
        kl_reverse: KL(version || reference), in nats.
        same_top: whether both have the same most probable token here.
        change: the probability of the text's own token under the version, less that under the reference.
        log_likelihood, reference_log_likelihood: of the text's own token, in nats.
        js: the Jensen-Shannon divergence of both, in nats; None where not all of both distributions is known.
    """

    kl: float
    kl_reverse: float
    same_top: bool
    change: float
    log_likelihood: float
    reference_log_likelihood: float
    js: float | None = None


@dataclass(frozen=True, slots=True)
class TextDivergence:
    """A text, compared at each of its positions.

    Attributes:
        positions: one for each token of the text, in its order.
        is_lower_bound: the version told its most probable tokens alone, all others being counted as one.
        is_split_alike: the tokenizers of both split the text into the same tokens, as far as both are known.
    """

    positions: tuple[PositionDivergence, ...]
    is_lower_bound: bool
    is_split_alike: bool = True

    @property
    def kl(self) -> Measure:
        """The mean of KL(reference || version) over the positions, in nats a token."""
        return self._measure([each.kl for each in self.positions])

    @property
    def kl_reverse(self) -> Measure:
        """The mean of KL(version || reference) over the positions, in nats a token."""
        return self._measure([each.kl_reverse for each in self.positions])

    @property
    def js(self) -> Measure:
        """The mean Jensen-Shannon divergence over the positions, in nats a token.

        Raises:
            EngineError: not all of both distributions is known.
        """
        values = [each.js for each in self.positions if each.js is not None]
        if len(values) < len(self.positions):
            raise EngineError(
                "The Jensen-Shannon divergence needs both distributions whole, and a part of one is known."
            )
        return self._measure(values)

    @property
    def log_likelihood(self) -> float:
        """The mean log likelihood of the text's own tokens under the version, in nats."""
        return math.fsum(each.log_likelihood for each in self.positions) / len(self.positions)

    @property
    def reference_log_likelihood(self) -> float:
        """The same under the reference."""
        return math.fsum(each.reference_log_likelihood for each in self.positions) / len(self.positions)

    @property
    def same_top(self) -> float:
        """The share of positions at which both have the same most probable token."""
        return sum(each.same_top for each in self.positions) / len(self.positions)

    def _measure(self, values: list[float]) -> Measure:
        n_other = sum(not each.same_top for each in self.positions)
        reason = f"at most {max(values):.3g} nats; another most probable token at {n_other} of {len(values)} positions"
        bound = "; a lower bound" if self.is_lower_bound else ""
        return Measure(sum(values) / len(values), "nats/token", higher_is_better=False, reason=reason + bound)


def read_positions(answer: Mapping[str, Any]) -> TextDivergence:
    """The divergence on a text, as the reference's process tells it."""
    return TextDivergence(
        tuple(PositionDivergence(*row) for row in answer["positions"]),
        bool(answer["is_lower_bound"]),
        bool(answer.get("is_split_alike", True)),
    )


def summarise(texts: Sequence[TextDivergence], confidence_level: float = 0.95) -> dict[str, Any]:
    """Figures over all positions of some texts, in nats where nothing else is said.

    The intervals count texts and not positions: those of one text depend on each other.

    Returns:
        {"texts", "positions", "is_lower_bound", "split_otherwise" (a number of texts), "notes",
        "kl" and "kl_reverse": {"mean", "low", "high", "median",
        "p90", "p95", "p99", "p99.9", "max"}, "same_top" (a share), "change_rms" (of the probability of the text's own
        token), "perplexity", "reference_perplexity", "perplexity_ratio"}; an interval is None for fewer than two texts,
        and where all divergences are equal, a percentile for fewer positions than support it, which `notes` say.
    """
    every = [position for text in texts for position in text.positions]
    own = math.fsum(each.log_likelihood for each in every) / len(every)
    reference = math.fsum(each.reference_log_likelihood for each in every) / len(every)
    n_split = sum(not text.is_split_alike for text in texts)
    return {
        "texts": len(texts),
        "positions": len(every),
        "is_lower_bound": any(text.is_lower_bound for text in texts),
        "split_otherwise": n_split,
        "notes": [*_split_notes(n_split, len(texts)), *_notes(len(every), confidence_level)],
        "kl": _spread([[each.kl for each in text.positions] for text in texts], confidence_level),
        "kl_reverse": _spread([[each.kl_reverse for each in text.positions] for text in texts], confidence_level),
        "same_top": sum(each.same_top for each in every) / len(every),
        "change_rms": math.sqrt(math.fsum(each.change**2 for each in every) / len(every)),
        "perplexity": math.exp(-own),
        "reference_perplexity": math.exp(-reference),
        "perplexity_ratio": math.exp(reference - own),
    }


def _split_notes(n_split: int, n_texts: int) -> list[str]:
    """Say that two tokenizers are not the same: to compare positions, both models are given one's tokens."""
    if not n_split:
        return []
    return [
        f"their tokenizers split {n_split:,} of {n_texts:,} texts differently; both were given the tokens of the "
        "reference's, so that this says nothing of the other's"
    ]


def _notes(n_positions: int, confidence_level: float) -> list[str]:
    """Say which percentiles are left out, and how many positions they need."""
    needed = {f"p{percent:g}": values_needed(percent, confidence_level) for percent in PERCENTILES}
    missing = [f"{name} ({number:,})" for name, number in needed.items() if n_positions < number]
    if not missing:
        return []
    return [
        f"{n_positions:,} tokens do not support {', '.join(missing)}: it takes so many until the largest is above the "
        f"percentile with {confidence_level:.0%} confidence, and more where those of a text depend on each other"
    ]


def _spread(texts: Sequence[Sequence[float]], confidence_level: float) -> dict[str, float | None]:
    values = np.array([value for text in texts for value in text])
    percentiles = {
        f"p{percent:g}": float(np.percentile(values, percent))
        if len(values) >= values_needed(percent, confidence_level)
        else None
        for percent in PERCENTILES
    }
    low = high = None
    if len(texts) > 1:
        # Each position counts the same, and a text is a cluster of its own positions.
        clusters = [number for number, text in enumerate(texts) for _ in text]
        estimate = clustered_mean(values, clusters, confidence_level, bounded=False)
        if math.isfinite(estimate.high):  # it is infinite where all are equal
            low, high = max(0.0, estimate.low), estimate.high
    return {
        "mean": float(values.mean()),
        "low": low,
        "high": high,
        "median": float(np.median(values)),
        **percentiles,
        "max": float(values.max()),
    }
