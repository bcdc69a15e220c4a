"""The transformers library in a worker: slower than vLLM, runs wherever torch does."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import CapabilityError
from harness.models.engine import Capability
from harness.models.local_engine import LocalEngine
from harness.records import Request, Sample

PASSED_ON = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
"""Sampling parameters that transformers' generate has by the same name."""
_KNOWN = {*PASSED_ON, "max_tokens", "stop", "seed"}
_BATCH_SIZE = 16


class TransformersEngine(LocalEngine):
    """Answers with the transformers library, in batches of requests with the same sampling parameters.

    Args:
        options: `weights`, `tokenizer`, `drop_layers`, `quantized`, `adapter`, `dtype`, `max_model_len` and
            `batch_size` (answers generated at once; 16 unless set).
    """

    def __init__(self, name: str, options: Mapping[str, Any], root: Path) -> None:
        size = int(options.get("batch_size", _BATCH_SIZE))
        super().__init__(name, "gpu" if any(Path("/dev").glob("nvidia[0-9]*")) else "cpu", 2 * size, size)
        if importlib.util.find_spec("xgrammar") is None:
            self.capabilities -= {Capability.SCHEMA}
        self._start = {"options": dict(options), "root": str(root.absolute()), "batch_size": size}

    async def start(self) -> None:
        """Load the weights; converted first where that is still to be done."""
        ready = await self._load("harness.models.transformers.worker:TransformersWorker", self._start)
        self.device = "gpu" if ready["device"] == "cuda" else "cpu"

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """Draw the samples with these indices, in one batch with other requests of the same parameters.

        Raises:
            CapabilityError: a schema without xgrammar, tools, or sampling parameters that transformers has not.
            EngineError: the request can't be answered, or the engine is not started.
        """
        if request.schema is not None and Capability.SCHEMA not in self.capabilities:
            raise CapabilityError(f"{self.name} can't follow a JSON schema without xgrammar: pip install xgrammar")
        if request.tools:
            raise CapabilityError(f"{self.name} can't call tools; the engine openai can.")
        if unknown := sorted(set(request.sampling) - _KNOWN):
            raise CapabilityError(f"{self.name} has no {', '.join(unknown)}. It knows: {', '.join(sorted(_KNOWN))}.")
        return await self._draw(request, request.sampling, indices)
