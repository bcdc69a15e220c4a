"""Progress of a training, and the checkpoint from which one that was killed goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATE = "trainer_state.json"
"""The file of a checkpoint that transformers writes last."""
Told = Callable[[dict[str, Any]], None]
"""Called with each message for the process that waits."""


class Teller:
    """Tells how far training is: the step, the loss, tokens a second and the time that is left.

    Args:
        told: called with each message.
        total: steps in all.
    """

    def __init__(self, told: Told, total: int) -> None:
        self._told = told
        self._total = total
        self._began_s: float | None = None
        self._first = 0
        self._tokens = 0.0

    def step(self, done: int, loss: float, tokens: float) -> None:
        """A step is done, of so many tokens."""
        now_s = time.monotonic()
        note = f"loss {loss:.3f}"
        if self._began_s is None:
            self._began_s, self._first = now_s, done
        else:
            self._tokens += tokens
            seconds = max(now_s - self._began_s, 1e-9)
            note += f", {self._tokens / seconds:,.0f} tokens/s"
            if done < self._total:
                note += f", {seconds / (done - self._first) * (self._total - done):,.0f} s left"
        self._told({"phase": "training", "done": done, "total": self._total, "unit": "steps", "note": note})


def checkpoint_of(folder: Path) -> str | None:
    """The newest checkpoint in a folder that is whole; None where there is none."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return next((str(path) for path in reversed(found) if _is_whole(path / STATE)), None)


def _is_whole(state: Path) -> bool:
    """Tell whether the last file of a checkpoint is there, and not cut off by a full disk."""
    try:
        json.loads(state.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return True
