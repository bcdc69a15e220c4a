"""The fixture `reference`: a version's own weights, unrounded, computed by transformers in 32 bits.

What an engine makes of weights is compared with what they are. The reference lives in a process of its own, which
starts when it is first asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import EngineError, SettingsError
from harness.models.description.description import describe_weights
from harness.models.processes.worker import WaitingWorker
from harness.models.version import Version
from harness.records import Sample
from harness.requests.bridge import settle
from harness.stages.foundation.divergence import TextDivergence, read_positions
from harness.stages.foundation.weights import own_options
from harness.stages.lineage import StageContext

_CHANGES = ("quantized", "dtype", "max_model_len")
"""Settings that say how weights are computed, and not which they are."""
_WHOLE = ("float64", "float32", "float16", "bfloat16", "half", "float")
_COMPARER = "harness.stages.foundation.reference_process:Comparer"


class Reference:
    """A version's own weights in 32 bits, to compare with what its engine makes of them.

    Args:
        version: its name, for messages.
        options: that name the weights.
        root: folder that relative paths start from.
        is_rounded: whether the version's engine computes with fewer than 16 bits of the weights, of what passes through
            them, or of its cache.
    """

    def __init__(self, version: str, options: Mapping[str, Any], root: str, *, is_rounded: bool = False) -> None:
        self.version = version
        self.is_rounded = is_rounded
        start = {"options": dict(options), "root": root}
        self._worker = WaitingWorker(_COMPARER, start, name=f"The reference of {version}")
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
        settled: Coroutine[Any, Any, TextDivergence] = settle(self._compared(sample))
        return settled

    async def _compared(self, sample: Sample) -> TextDivergence:
        return read_positions(await asyncio.to_thread(self._worker.ask, "compare_sample", **sampled_message(sample)))

    def compare_weights(self, other: Mapping[str, Any], text: str) -> TextDivergence:
        """The divergence of other weights from the reference on a text, from whole distributions, both computed alike.

        Args:
            other: their options. They stay loaded beside the reference.

        Raises:
            SettingsError: the weights can't be loaded.
            EngineError: the text can't be read at once, or the vocabularies differ.
        """
        return read_positions(self._worker.ask("compare_weights", text=text, other=dict(other)))


def sampled_message(sample: Sample) -> dict[str, Any]:
    """What the reference's process is asked, of a sample of `model.prompt_logprobs`.

    Raises:
        EngineError: the sample has no log probabilities, no alternatives, or is of a text longer than a window.
    """
    if not sample.logprobs or not all(token.top for token in sample.logprobs):
        raise EngineError(
            "The sample has no log probabilities to compare: give the reference what "
            "model.prompt_logprobs(text, top=20) gives, of a text that is not empty."
        )
    if sample.prompt_tokens != 1:
        raise EngineError(
            f"The text has {len(sample.logprobs)} tokens and was read in pieces, as it is longer than max_model_len: "
            "compare shorter texts."
        )
    return {
        "tokens": [token.token for token in sample.logprobs],
        "logprobs": [token.logprob for token in sample.logprobs],
        "top": [[piece for piece, _ in token.top] for token in sample.logprobs],
        "top_logprobs": [[value for _, value in token.top] for token in sample.logprobs],
    }


def reference_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the weights that a version was made from, before they were rounded.

    A GGUF file is converted to 32 bits for it, so that nothing of what it holds is lost.
    """
    return {**{name: value for name, value in options.items() if name not in _CHANGES}, "dtype": "float32"}


def load_reference(version: Version, context: StageContext) -> Reference:
    """The reference of a version: its own weights.

    Raises:
        NotInLineageError, SettingsError: as `own_options` has it.
    """
    options = own_options(version, context)
    root = context.settings.root
    rounded = is_rounded(options, root)
    return Reference(version.name, reference_options(options), str(root), is_rounded=rounded)


def is_rounded(options: Mapping[str, Any], root: Path) -> bool:
    """Tell whether an engine computes with fewer than 16 bits of the weights of these options, or of its cache."""
    arguments = options.get("engine_args") or {}
    if "quantized" in options or arguments.get("quantization"):
        return True
    with suppress(SettingsError):  # what transformers alone can read is not rounded by what is described
        described = describe_weights(options, root).in_engine
        return "quantization" in described.settings or described.kv_dtype not in _WHOLE
    return False
