"""The surroundings that lm-eval finds while it loads a task: its own random numbers, no noise, no call home."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from harness.errors import TaskError

RANDOM_SEED, NUMPY_SEED, FEWSHOT_SEED = 0, 1234, 1234
"""The seeds that `lm_eval.simple_evaluate` starts from; tasks shuffle and draw their examples by them."""


def require_lm_eval(where: str) -> None:
    """See that lm-eval is there; importing it takes about two seconds.

    Raises:
        TaskError: it is not installed.
    """
    try:
        with quiet():
            import lm_eval.tasks  # noqa: F401
    except ImportError as error:
        raise TaskError(f'{where}: tasks of lm-eval need it: pip install "steelyard[lm-eval]" ({error}).') from None


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of lm-eval and what it imports, which are no concern of a user's tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def surroundings() -> Iterator[None]:
    """The state in which lm-eval loads a task and builds its requests; what it changes is put back.

    Data in local files makes `datasets` report a download, unless it is told not to.
    """
    import datasets
    import numpy as np

    kept_python, kept_numpy = random.getstate(), np.random.get_state()
    bars_are_on = not datasets.are_progress_bars_disabled()
    with ExitStack() as stack:
        stack.enter_context(quiet())
        stack.enter_context(_set(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", value=False))
        stack.callback(random.setstate, kept_python)
        stack.callback(np.random.set_state, kept_numpy)
        if bars_are_on:
            datasets.disable_progress_bars()
            stack.callback(datasets.enable_progress_bars)
        random.seed(RANDOM_SEED)
        np.random.seed(NUMPY_SEED)
        yield


@contextmanager
def _set(module: Any, name: str, *, value: Any) -> Iterator[None]:
    kept = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, kept)
