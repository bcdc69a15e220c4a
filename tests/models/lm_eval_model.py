"""lm-evaluation-harness's own model, as the oracle of ours."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any


class Oracle:
    """HFLM on the CPU, in single precision from the weights on.

    Args:
        folder: of the weights.
        max_length: its window; the model's own where None.
    """

    def __init__(self, folder: Path, max_length: int | None = None) -> None:
        from lm_eval.models.huggingface import HFLM

        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            self.model = HFLM(
                pretrained=str(folder), device="cpu", dtype="float32", batch_size=4, max_length=max_length
            )

    def weigh(self, *pairs: tuple[str, str]) -> list[tuple[float, bool]]:
        """The log likelihood of each continuation after its context, and whether it is greedy."""
        return self._ask(self.model.loglikelihood, "loglikelihood", pairs)

    def rolling(self, *texts: str) -> list[float]:
        """The log likelihood of each whole text."""
        return self._ask(self.model.loglikelihood_rolling, "loglikelihood_rolling", [(text,) for text in texts])

    def complete(self, *prompts: str, **settings: Any) -> list[str]:
        """What follows each prompt, greedy."""
        return self._ask(self.model.generate_until, "generate_until", [(prompt, settings) for prompt in prompts])

    def _ask(self, method: Any, kind: str, arguments: Any) -> Any:
        from lm_eval.api.instance import Instance

        instances = [Instance(kind, {}, argument, number) for number, argument in enumerate(arguments)]
        with contextlib.redirect_stderr(io.StringIO()):
            return method(instances, disable_tqdm=True)
