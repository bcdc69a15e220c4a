"""The divergence of a version from its reference on texts, position by position."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import EngineError
from harness.records import Measure


@dataclass(frozen=True, slots=True)
class PositionDivergence:
    """One token of a text, as two models foresee it.

    Attributes:
        kl: the divergence of the version from the reference, in nats: KL(reference || version).
        kl_reverse: KL(version || reference), in nats.
        same_top: whether both have the same most probable token here.
        log_likelihood, reference_log_likelihood: of the text's own token, in nats.
        js: the Jensen-Shannon divergence of both, in nats; None where not all of both distributions is known.
    """

    kl: float
    kl_reverse: float
    same_top: bool
    log_likelihood: float
    reference_log_likelihood: float
    js: float | None = None


@dataclass(frozen=True, slots=True)
class TextDivergence:
    """A text, compared at each of its positions.

    Attributes:
        positions: one for each token of the text, in its order.
        is_lower_bound: the version told its most probable tokens alone, all others being counted as one.
    """

    positions: tuple[PositionDivergence, ...]
    is_lower_bound: bool

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
    rows = answer["positions"]
    return TextDivergence(tuple(PositionDivergence(*row) for row in rows), bool(answer["is_lower_bound"]))
