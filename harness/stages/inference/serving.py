"""The fixture `server`: a version as it is served, by vLLM on loopback or at its own address."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import CapabilityError, EngineError, NotInLineageError, SteelyardError
from harness.models.version import Version
from harness.stages.inference.address import ServerAddress, has_address, takes_load
from harness.stages.inference.pausing import wake
from harness.stages.inference.server import serve
from harness.stages.lineage import StageContext


class Server:
    """A version that is served: started by the first use, for what is measured of it may be in the store.

    Args:
        is_offline: whether none is started.

    Attributes:
        version: its name.
        address: where it is asked, such as "http://127.0.0.1:8000/v1".
    """

    def __init__(self, version: Version, root: Path, *, is_offline: bool = False) -> None:
        self.served = version
        self.version = version.name
        self._root = root
        self._stack = ExitStack()
        self._is_offline = is_offline
        self._starting = threading.Lock()
        self._started: ServerAddress | SteelyardError | None = None

    @property
    def target(self) -> ServerAddress:
        """The address, with what it takes to ask there. A start that fails is not tried again: it may take minutes."""
        with self._starting:
            if self._started is None:
                try:
                    self._started = self._start()
                except SteelyardError as error:
                    self._started = error
            if isinstance(self._started, SteelyardError):
                raise self._started
            return self._started

    def start(self) -> None:
        """Start it, unless it is; that may take a minute.

        Raises:
            EngineError: it does not start, or may not.
        """
        _ = self.target

    def _start(self) -> ServerAddress:
        if self._is_offline and not has_address(self.served.settings):
            raise EngineError(
                f"{self.version} is served by nobody, and --offline starts no server. Run without --offline, or let "
                "the body take `load` alone, whose blocks may be in the store."
            )
        return self._stack.enter_context(serve(self.served, self._root))

    @property
    def address(self) -> str:
        """The URL at which it is asked, with the version of the API."""
        return self.target.base_url

    def metrics(self) -> str:
        """The server's counters, as its /metrics has them (Prometheus).

        Raises:
            EngineError: there is none, or nobody answers.
        """
        from harness.stages.inference.load.counters import read_metrics

        try:
            return read_metrics(self.target)
        except OSError as error:
            url = f"{self.target.root_url}/metrics"
            raise EngineError(f"{url} can't be read: {error}. Is the server of {self.version!r} up?") from None

    @cached_property
    def description(self) -> Any:
        """The weights that it serves, as `steelyard describe` tells them (`harness.models.description`).

        Raises:
            CapabilityError: the version has an address alone.
        """
        from harness.models.description.description import describe_weights

        options = self.served.settings.engine_options
        if "weights" not in options:
            raise CapabilityError(
                f"{self.version} has an address and no weights, so that its operations and bytes can't be counted. "
                "Name its weights in a version of their own."
            )
        return describe_weights(options, self._root, self.served.settings.engine)

    def close(self) -> None:
        """End the server, if this run started it; one that stands still could not be told to."""
        if isinstance(self._started, ServerAddress) and self._started.pid is not None:
            wake(self._started.pid)
        self._stack.close()


def start_server(version: Version, context: StageContext) -> Server:
    """The version as it is served: with vLLM, which its first use starts, or where it has an address.

    Raises:
        NotInLineageError: it has neither.
    """
    if not takes_load(version.settings):
        raise NotInLineageError(version.name, "server", 'base_url and model, or weights and engine = "vllm"')
    return Server(version, context.settings.root, is_offline=context.is_offline)
