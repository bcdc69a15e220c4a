"""A version served by vLLM on this machine, started and ended by the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.models.version import Version
from harness.stages.inference.address import ServerAddress


@contextmanager
def serve(version: Version, root: Path, *, progress: Callable[[str], None] | None = None) -> Iterator[ServerAddress]:
    """The version served by vLLM on loopback until the context ends; also when this process is killed.

    A version that has an address already is given as it is, and nothing is started or ended.

    Args:
        version: with weights for vLLM, or an address.
        root: folder that relative paths of weights start from.
        progress: told now and then what the server is doing, in a few words.

    Raises:
        UsageError: the version has neither.
        EngineError: the server did not start; with its last lines.
    """
    raise NotImplementedError
    yield
