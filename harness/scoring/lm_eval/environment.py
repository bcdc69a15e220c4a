"""The surroundings that lm-eval finds while it loads a task: its own random numbers, no noise, no call home."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import TaskError, install

RANDOM_SEED, NUMPY_SEED, FEWSHOT_SEED = 0, 1234, 1234
"""The seeds that `lm_eval.simple_evaluate` starts from; tasks shuffle and draw their examples by them."""


def require_lm_eval(where: str) -> None:
    """See that lm-eval is there; importing it takes about two seconds.

    Raises:
        TaskError: it is not installed.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            import lm_eval.tasks  # noqa: F401
    except ImportError as error:
        raise TaskError(f"{where}: tasks of lm-eval need it: {install('lm-eval')} ({error}).") from None


@contextmanager
def surroundings() -> Iterator[None]:
    """The state in which lm-eval loads a task and builds its requests; what it changes is put back.

    Data in local files makes `datasets` report a download, unless it is told not to.
    """
    import datasets
    import numpy as np

    kept_python, kept_numpy = random.getstate(), np.random.get_state()
    bars_are_on, counts = not datasets.are_progress_bars_disabled(), datasets.config.HF_UPDATE_DOWNLOAD_COUNTS
    try:
        with warnings.catch_warnings(action="ignore"):
            datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
            datasets.disable_progress_bars()
            random.seed(RANDOM_SEED)
            np.random.seed(NUMPY_SEED)
            yield
    finally:
        random.setstate(kept_python)
        np.random.set_state(kept_numpy)
        datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = counts
        if bars_are_on:
            datasets.enable_progress_bars()
