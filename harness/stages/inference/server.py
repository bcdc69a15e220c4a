"""A version served by vLLM on this machine, started and ended by the run."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from harness.config import child_environment
from harness.errors import EngineError
from harness.models.processes.worker import how_it_ended
from harness.models.spec import engine_spec
from harness.models.version import Version
from harness.models.weights.weights import materialize, tokenizer_path
from harness.stages.inference.address import ServerAddress, address_of, check_load, has_address

_LONGEST_START_S = 900.0
_POLL_S = 0.2
_GRACE_S = 20.0
_LAST_LINES = 20
_OK = 200
_OFF_UNLESS_GIVEN = (
    *("disable_log_stats", "aggregate_engine_logging", "hf_token"),
    *("data_parallel_multi_port_external_lb", "enable_mm_processor_stats"),
)
"""Switches of vLLM's that have no `--no-…`."""


@contextmanager
def serve(version: Version, root: Path, *, progress: Callable[[str], None] = lambda _: None) -> Iterator[ServerAddress]:
    """The version served by vLLM on loopback until the context ends; it ends as well when this process is killed.

    A version that has an address already is given as it is, and nothing is started or ended.

    Args:
        version: with weights for vLLM, or an address.
        root: folder that relative paths of weights start from.
        progress: told now and then what the server is doing, in a few words.

    Raises:
        UsageError: the version has neither.
        SettingsError: vLLM is not installed, or the weights can't be used.
        EngineError: the server did not start; with its last lines.
    """
    check_load(version.settings)
    if has_address(version.settings):
        yield address_of(version)
        return
    engine_spec(version.settings.engine).require_packages(version.settings)
    progress(f"preparing the weights of {version.name}")
    with ExitStack() as stack:
        port = stack.enter_context(_held_port())
        command = server_command(version, root, port)
        log = stack.enter_context(tempfile.TemporaryFile())
        keeper = stack.enter_context(_kept(command, version.settings.engine_options, log))
        _wait_until_ready(
            keeper, port, log, lambda elapsed_s: progress(f"starting vLLM for {version.name}, {elapsed_s} s")
        )
        yield ServerAddress(version, f"http://127.0.0.1:{port}/v1", version.name, pid=keeper.pid)


@contextmanager
def _held_port() -> Iterator[int]:
    """A port of loopback that nobody else is given: weights and a server's start take minutes.

    The server gets it all the same, for it allows that an address is reused, and nothing listens there.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def server_command(version: Version, root: Path, port: int) -> list[str]:
    """The command that serves a version on a port of loopback.

    The engine's arguments are those with which gates ask the version, but that the server counts what it does.
    """
    from harness.models.vllm.engine import engine_arguments, find_device

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
    flag = f"--{words}"
    if value is None or (value is False and name in _OFF_UNLESS_GIVEN):
        return []
    if isinstance(value, bool):
        return [flag if value else f"--no-{words}"]
    if name == "device_ids" and isinstance(value, list | tuple):  # the one list that vLLM wants in one word
        return [flag, ",".join(map(str, value))]
    return [flag, *map(_written, value if isinstance(value, list | tuple) else [value])]


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


def _wait_until_ready(keeper: subprocess.Popen[bytes], port: int, log: IO[bytes], say: Callable[[int], None]) -> None:
    """Wait until the server answers.

    Raises:
        EngineError: it ended, or is not ready after a long time.
    """
    began_s = time.monotonic()
    while not _is_healthy(port):
        elapsed_s = time.monotonic() - began_s
        if keeper.poll() is not None:
            raise EngineError(f"vLLM's server {how_it_ended(keeper.returncode)}.{_last_lines(log)}")
        if elapsed_s > _LONGEST_START_S:
            raise EngineError(f"vLLM's server is not ready after {_LONGEST_START_S:.0f} s.{_last_lines(log)}")
        say(round(elapsed_s))
        time.sleep(_POLL_S)


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == _OK
        except (OSError, http.client.HTTPException):
            return False


def _last_lines(log: IO[bytes]) -> str:
    """The last lines that the server wrote."""
    log.seek(0)
    lines = [line for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    last = "".join(f"\n  {line}" for line in lines[-_LAST_LINES:])
    return f" Its last lines:{last}" if last else ""
