"""Lets one thread at a time load with the transformers library."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOADING = threading.Lock()


@contextmanager
def loading_turn() -> Iterator[None]:
    """Wait for the calling thread's turn to import transformers, or to load or make a model with it.

    A thread that imports transformers while another one does can get its unfinished module: it puts a second one into
    `sys.modules` at its end, as its subpackages do when a model first needs them. Loading also sets torch's default
    dtype, which all threads share. Weights that must be made first wait for their folder's file lock, and then for
    their turn: whoever has a turn must not make weights.
    """
    with _LOADING:
        yield
