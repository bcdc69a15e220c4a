"""The plan of an ablation: which tiny model is trained, on how many tokens, for how long."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.errors import CorpusError

END = 0
"""The token after each document."""
TOKENS = 600_000
"""To train on, unless others are asked for."""
MOST_EPOCHS = 4.0
"""As often as a corpus may be read before it is worth clearly less than a larger one.

N. Muennighoff and others (2023), Scaling data-constrained language models, arXiv:2305.16264.
"""


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """A tiny Llama, and its training. The defaults are trained in less than half a minute on one core.

    Attributes:
        tokens: to train on, the same number whatever the corpus.
        most_epochs: how often a corpus may be read that has fewer.
        vocabulary: how many tokens there are at most.
        hidden, intermediate, layers, heads: the model's shape.
        context: tokens that it reads at once.
        batch: pieces of so many tokens for each step.
        learning_rate: at its height, after a tenth of the steps; it falls to a tenth of it along a cosine.
    """

    tokens: int = TOKENS
    most_epochs: float = MOST_EPOCHS
    vocabulary: int = 1024
    hidden: int = 64
    intermediate: int = 256
    layers: int = 2
    heads: int = 4
    context: int = 128
    batch: int = 4
    learning_rate: float = 4e-3

    def __post_init__(self) -> None:
        """Refuse what can't be trained."""
        if not self.tokens >= self.step_tokens:
            raise CorpusError(
                f"tokens = {self.tokens!r} is less than one step of an ablation, which takes {self.step_tokens:,} "
                f"({self.batch} pieces of {self.context}); write {self.step_tokens:,} or more."
            )
        if not self.most_epochs >= 1:
            raise CorpusError(
                f"most_epochs = {self.most_epochs!r} is less than 1: a corpus is read once at least. Write how often "
                "it may be read, such as 4."
            )

    @property
    def step_tokens(self) -> int:
        """Tokens of one step."""
        return self.batch * self.context

    @property
    def steps(self) -> int:
        """Number of steps that are trained."""
        return self.tokens // self.step_tokens

    @property
    def trained_tokens(self) -> int:
        """Number of tokens that are trained on: `tokens`, rounded down to whole steps."""
        return self.steps * self.step_tokens

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0.

        >>> plan = AblationPlan(tokens=100 * 512)
        >>> [round(plan.rate(step), 6) for step in (0, 9, 10, 99)]
        [0.0004, 0.004, 0.004, 0.000401]
        """
        warming = max(1, self.steps // 10)
        if step < warming:
            return self.learning_rate * (step + 1) / warming
        share = (step - warming) / max(1, self.steps - warming)
        return self.learning_rate * (0.1 + 0.9 * (1 + math.cos(math.pi * share)) / 2)

    def as_json(self) -> dict[str, Any]:
        """All that its result depends on, as a message carries it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> AblationPlan:
        """The plan of `as_json`."""
        return cls(**values)
