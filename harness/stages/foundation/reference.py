"""The fixture `reference`: a version's own weights, unrounded, in 32 bits, beside what an engine makes of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import EngineError, SettingsError
from harness.models.description.description import describe_weights
from harness.models.processes.worker import WaitingWorker
from harness.models.version import Version
from harness.records import Measure, Sample
from harness.requests.bridge import settle
from harness.stages.foundation.weights import own_options
from harness.stages.lineage import StageContext

COMPARER = "harness.stages.foundation.comparer:Comparer"
_CHANGES = ("quantized", "dtype", "max_model_len")
"""Settings that say how weights are computed, and not which they are."""
_WHOLE = ("float64", "float32", "float16", "bfloat16", "half", "float")


@dataclass(frozen=True, slots=True)
class PositionDivergence:
    """One token of a text, as a version and its reference foresee it, in nats; `kl` is KL(reference || version), and
    `js` None where a part of a distribution is not known.
    """

    kl: float
    kl_reverse: float
    same_top: bool
    log_likelihood: float
    reference_log_likelihood: float
    js: float | None = None


@dataclass(frozen=True, slots=True)
class TextDivergence:
    """A text, compared at the position of each of its tokens; a lower bound where the version told its most probable
    tokens alone, all others being counted as one.
    """

    positions: tuple[PositionDivergence, ...]
    is_lower_bound: bool

    @property
    def kl(self) -> Measure:
        """The mean of KL(reference || version) over the positions, in nats a token."""
        return self._measure("kl")

    @property
    def kl_reverse(self) -> Measure:
        """The mean of KL(version || reference) over the positions, in nats a token."""
        return self._measure("kl_reverse")

    @property
    def js(self) -> Measure:
        """The mean Jensen-Shannon divergence, in nats a token. Raises EngineError: a part of one alone is known."""
        return self._measure("js")

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

    def _measure(self, name: str) -> Measure:
        values = [getattr(each, name) for each in self.positions]
        if None in values:
            raise EngineError("The Jensen-Shannon divergence needs both distributions whole; a part of one is known.")
        n_other = sum(not each.same_top for each in self.positions)
        reason = f"at most {max(values):.3g} nats; another most probable token at {n_other} of {len(values)} positions"
        bound = "; a lower bound" if self.is_lower_bound else ""
        return Measure(sum(values) / len(values), "nats/token", higher_is_better=False, reason=reason + bound)


class Reference:
    """A version's own weights in 32 bits, to compare with what its engine makes of them; in a process of its own, which
    starts when it is first asked.

    Attributes:
        version: its name, for messages.
        is_rounded: whether the version's engine computes with fewer than 16 bits of the weights, of what passes through
            them, or of its cache.
    """

    def __init__(self, version: str, options: Mapping[str, Any], root: str, *, is_rounded: bool = False) -> None:
        self.version = version
        self.is_rounded = is_rounded
        start = {"options": dict(options), "root": root}
        self._worker = WaitingWorker(COMPARER, start, name=f"The reference of {version}")
        self.close = self._worker.close

    def compare(self, sample: Sample) -> Coroutine[Any, Any, TextDivergence]:
        """The divergence of what a version foresees of a text from the reference, at each position.

        In a `def` body the result is given directly.

        Args:
            sample: of `model.prompt_logprobs(text, top=…)`, the more tokens at each place the closer the bound.

        Raises:
            EngineError: the sample has no log probabilities, the reference does not know its tokens, or the text is
                longer than a window.
        """
        asked = asyncio.to_thread(self._ask, "compare_sample", **sampled_message(sample))
        result: Coroutine[Any, Any, TextDivergence] = settle(asked)
        return result

    def compare_weights(self, other: Mapping[str, Any], text: str) -> TextDivergence:
        """The divergence of the weights of other options, which stay loaded, from the reference on a text, from whole
        distributions, both computed alike.
        """
        return self._ask("compare_weights", text=text, other=dict(other))

    def _ask(self, operation: str, **payload: Any) -> TextDivergence:
        answer = self._worker.ask(operation, **payload)
        return TextDivergence(tuple(PositionDivergence(*row) for row in answer["positions"]), answer["is_lower_bound"])


def sampled_message(sample: Sample) -> dict[str, Any]:
    """Return what the reference's process is asked, of a sample of `model.prompt_logprobs`."""
    if not sample.logprobs or not all(token.top for token in sample.logprobs):
        needed = "give what model.prompt_logprobs(text, top=20) gives, of a text that is not empty"
        raise EngineError(f"The sample has no log probabilities to compare: {needed}.")
    if sample.prompt_tokens != 1:
        message = (
            f"The text has {len(sample.logprobs)} tokens and was read in pieces, as it is longer than max_model_len"
        )
        raise EngineError(f"{message}: compare shorter texts.")
    return {
        "tokens": [token.token for token in sample.logprobs],
        "logprobs": [token.logprob for token in sample.logprobs],
        "top": [list(token.top) for token in sample.logprobs],
    }


def reference_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the weights that a version was made from, before they were rounded."""
    return {**{name: value for name, value in options.items() if name not in _CHANGES}, "dtype": "float32"}


def load_reference(version: Version, context: StageContext) -> Reference:
    """The reference of a version: its own weights. Raises as `own_options` does."""
    options, root = own_options(version, context), context.settings.root
    return Reference(version.name, reference_options(options), str(root), is_rounded=is_rounded(options, root))


def is_rounded(options: Mapping[str, Any], root: Path) -> bool:
    """Tell whether an engine computes with fewer than 16 bits of the weights of these options, or of its cache."""
    if "quantized" in options or (options.get("engine_args") or {}).get("quantization"):
        return True
    with suppress(SettingsError):  # what transformers alone can read is not rounded by what is described
        described = describe_weights(options, root).in_engine
        return "quantization" in described.settings or described.kv_dtype not in _WHOLE
    return False
