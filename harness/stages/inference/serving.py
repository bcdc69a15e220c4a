"""A version as it is served: at its own address, or by vLLM on loopback, started and ended by the run."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from harness.config import VersionSettings, child_environment
from harness.config.addresses import each_address
from harness.errors import CapabilityError, EngineError, NotInLineageError, SettingsError, SteelyardError
from harness.models.spec import engine_spec
from harness.models.version import Version
from harness.stages.inference.keeper import GO_ON, STAND_STILL
from harness.stages.lineage import StageContext

_LONGEST_START_S = 900.0
_POLL_S = 0.2
_GRACE_S = 20.0
_PAGE_TIMEOUT_S = 10.0
_MOST_BYTES = 8 << 20
_LAST_LINES = 20
_OK = 200
_OFF_UNLESS_GIVEN = (
    *("disable_log_stats", "aggregate_engine_logging", "hf_token"),
    *("data_parallel_multi_port_external_lb", "enable_mm_processor_stats"),
)
"""Switches of vLLM's that have no `--no-…`."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server that speaks OpenAI's HTTP API, and the version that it serves.

    Attributes:
        version: what is asked of it; it renders prompts with the version's template, system text and sampling.
        base_url: with the version of the API, such as "http://127.0.0.1:8000/v1".
        model: the name under which the server knows it.
        api_key: sent as a bearer token; None for a server without one.
        pid: of its keeper's process, where this run started it. keeper: what the keeper is told by.
    """

    version: Version = field(repr=False)
    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    pid: int | None = None
    keeper: IO[bytes] | None = field(default=None, repr=False)

    @property
    def root_url(self) -> str:
        """The address without the version of the API: there a server has its /metrics."""
        return self.base_url.rstrip("/").removesuffix("/v1")

    @property
    def headers(self) -> dict[str, str]:
        """The header of a request that holds the key."""
        return {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}

    def get(self, url: str) -> bytes:
        """The content of a page of the server's, asked for without a proxy; OSError where it answers otherwise."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(url, headers=self.headers), timeout=_PAGE_TIMEOUT_S) as answer:
                content: bytes = answer.read(_MOST_BYTES)
        except http.client.HTTPException as error:
            raise ConnectionError(f"what answers does not speak HTTP: {error!r}") from None
        return content

    def metrics(self) -> str:
        """Its counters, as its /metrics has them (Prometheus); OSError where it has none, or can't be reached."""
        return self.get(f"{self.root_url}/metrics").decode("utf-8", "replace")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it stand still until the context ends, if this run started it."""
        self._tell(STAND_STILL)
        try:
            yield
        finally:
            self._tell(GO_ON)

    def _tell(self, word: bytes) -> None:
        with suppress(BrokenPipeError):  # it has ended, which whoever asks it is told
            if self.keeper is not None:
                self.keeper.write(word)


def has_address(settings: VersionSettings) -> bool:
    """True where a server answers for a version already; else it must be served first."""
    options = settings.engine_options
    return "base_url" in options and engine_spec(settings.engine).is_endpoint(options)


def takes_load(settings: VersionSettings) -> bool:
    """True for a version that load can be put on: it has an address, or weights and an engine that serves them here."""
    has_server = engine_spec(settings.engine).server is not None
    return has_address(settings) or (has_server and "weights" in settings.engine_options)


class Server:
    """A version that is served: started by the first use, for what is measured of it may be in the store; `is_offline`
    forbids it.
    """

    def __init__(self, version: Version, root: Path, *, is_offline: bool = False) -> None:
        self.served = version
        self.version = version.name
        self._root = root
        self._stack = ExitStack()
        self._is_offline = is_offline
        self._starting = threading.Lock()
        self._started: ServerAddress | SteelyardError | None = None

    def start(self) -> ServerAddress:
        """Start it, unless it is; that may take a minute, and one that fails (EngineError) is not tried again."""
        with self._starting:
            if self._started is None:
                try:
                    self._started = self._start()
                except SteelyardError as error:
                    self._started = error
            if isinstance(self._started, SteelyardError):
                raise self._started
            return self._started

    def _start(self) -> ServerAddress:
        if self._is_offline and not has_address(self.served.settings):
            raise EngineError(
                f"{self.version} is served by nobody, and --offline starts no server. Run without --offline, or let "
                "the body take `load` alone, whose blocks may be in the store."
            )
        return self._stack.enter_context(serve(self.served, self._root))

    @property
    def address(self) -> str:
        """The URL at which it is asked, with the version of the API, such as "http://127.0.0.1:8000/v1"."""
        return self.start().base_url

    def metrics(self) -> str:
        """The server's counters, as its /metrics has them (Prometheus); EngineError where it has none."""
        try:
            return self.start().metrics()
        except OSError as error:
            url = f"{self.start().root_url}/metrics"
            raise EngineError(f"{url} can't be read: {error}. Is the server of {self.version!r} up?") from None

    @cached_property
    def description(self) -> Any:
        """The weights that it serves, as `steelyard describe` tells them; CapabilityError for an address alone."""
        from harness.models.description.description import describe_weights

        options = self.served.settings.engine_options
        if "weights" not in options:
            raise CapabilityError(
                f"{self.version} has an address and no weights, so that its operations and bytes can't be counted. "
                "Name its weights in a version of their own."
            )
        return describe_weights(options, self._root, self.served.settings.engine)

    def close(self) -> None:
        """End the server, if this run started it."""
        self._stack.close()


def start_server(version: Version, context: StageContext) -> Server:
    """The version as it is served; NotInLineageError for one that has no address, and no weights for vLLM."""
    if not takes_load(version.settings):
        raise NotInLineageError(version.name, "server", 'base_url and model, or weights and engine = "vllm"')
    return Server(version, context.settings.root, is_offline=context.is_offline)


@contextmanager
def serve(version: Version, root: Path, *, progress: Callable[[str], None] = lambda _: None) -> Iterator[ServerAddress]:
    """The version served by vLLM on loopback until the context ends; it ends as well when this process is killed.

    A version that has an address already is given as it is, and nothing is started or ended. `progress` is told now and
    then what the server is doing.

    Raises:
        SettingsError: vLLM is not installed, the weights can't be used, or the API key is not in the environment.
        EngineError: the server did not start; with its last lines.
    """
    options = version.settings.engine_options
    if has_address(version.settings):
        from harness.models.engines import api_key

        base_url, *others = each_address(options["base_url"])
        if others:
            raise SettingsError(f"{version.name!r} has several servers; load is put on one: give it base_url = TEXT.")
        yield ServerAddress(version, base_url, str(options["model"]), api_key(version.settings))
        return
    engine_spec(version.settings.engine).require_packages(version.settings)
    progress(f"preparing the weights of {version.name}")
    with socket.socket() as held, tempfile.TemporaryFile() as log:
        # Nobody else is given the port, for weights and a server's start take minutes. The server gets it all the same:
        # it allows that an address is reused, and nothing listens there.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with _kept(server_command(version, root, port), options, log) as keeper:
            began_s = time.monotonic()
            while not _is_healthy(port):
                elapsed_s = time.monotonic() - began_s
                if keeper.poll() is not None or elapsed_s > _LONGEST_START_S:
                    raise EngineError(f"vLLM's server {_failure(keeper.returncode, log)}")
                progress(f"starting vLLM for {version.name}, {elapsed_s:.0f} s")
                time.sleep(_POLL_S)
            yield ServerAddress(
                version, f"http://127.0.0.1:{port}/v1", version.name, pid=keeper.pid, keeper=keeper.stdin
            )


def server_command(version: Version, root: Path, port: int) -> list[str]:
    """The command that serves a version on a port of loopback.

    The engine's arguments are those with which gates ask the version, but that the server counts what it does.
    """
    from harness.models.vllm.engine import engine_arguments, find_device
    from harness.models.weights.weights import materialize, tokenizer_path

    options = version.settings.engine_options
    arguments = engine_arguments(options, find_device())
    tokenizer = tokenizer_path(options, root)
    arguments |= {"disable_log_stats": False, "tokenizer": None if tokenizer is None else str(tokenizer)}
    arguments |= {"model": str(materialize(options, root)), "served_model_name": version.name}
    if "adapter" in options:
        # A request that names the version is answered with its adapter, and what names the weights alone is not asked.
        arguments["served_model_name"] = f"{version.name} without its adapter"
        arguments["lora_modules"] = {"name": version.name, "path": str(options["adapter"])}
    arguments |= {"host": "127.0.0.1", "port": port, "disable_uvicorn_access_log": True}
    flags = [flag for name, value in arguments.items() for flag in _flags(name, value)]
    return [sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server", *flags]


def _flags(name: str, value: Any) -> list[str]:
    """An engine argument as the command line has it; none for what is left to its default."""
    words = name.replace("_", "-")
    if value is None or (value is False and name in _OFF_UNLESS_GIVEN):
        return []
    if isinstance(value, bool):
        return [f"--{words}" if value else f"--no-{words}"]
    values = value if isinstance(value, list | tuple) else [value]
    if name == "device_ids" and values is value:  # the one list that vLLM wants in one word
        values = [",".join(map(str, value))]
    return [f"--{words}", *map(_written, values)]


def _written(value: Any) -> str:
    return json.dumps(value, default=dict) if isinstance(value, Mapping | list | tuple) else str(value)


@contextmanager
def _kept(command: list[str], options: Mapping[str, Any], log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A keeper that runs the command; with the context its input ends, and so do both."""
    from harness.models.vllm.engine import engine_environment, find_device

    environment = dict(engine_environment(options, find_device()))
    environment.pop("VLLM_ENABLE_V1_MULTIPROCESSING", None)
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", "harness.stages.inference.keeper", *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        bufsize=0,
        env=child_environment(environment),
        start_new_session=True,
    )
    assert keeper.stdin is not None
    try:
        yield keeper
    finally:
        keeper.stdin.close()
        try:
            keeper.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()


def _is_healthy(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/health")
            return connection.getresponse().status == _OK
        return False


def _failure(code: int | None, log: IO[bytes]) -> str:
    """The way in which a server did not start, with the last lines that it wrote."""
    from harness.models.processes.worker import how_it_ended

    log.seek(0)
    lines = [line for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    last = "".join(f"\n  {line}" for line in lines[-_LAST_LINES:])
    failure = f"is not ready after {_LONGEST_START_S:.0f} s" if code is None else how_it_ended(code)
    return f"{failure}." + (f" Its last lines:{last}" if last else "")
