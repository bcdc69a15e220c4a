"""A server that is killed under load and started again: no sample is lost, and the verdict is the same."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from harness.config import VersionSettings, child_environment
from harness.errors import StoreError
from harness.models.version import load_version
from tests import warm
from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.ports import held_port

pytestmark = pytest.mark.service

N_CASES, N_SAMPLES = 40, 3
N_DRAWS = N_CASES * N_SAMPLES
ROOT = Path(__file__).parents[3]

NEEDS_VLLM = pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")


class KillableServer:
    """The loopback server in a process of its own, always at the same address."""

    def __init__(self, answers: Path, stack: ExitStack) -> None:
        self._port = stack.enter_context(held_port())
        self._answers, self._stack = answers, stack
        self._process: warm.Process | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        asked = {"--port": self._port, "--latency": 0.1, "--answers": self._answers}
        options = [str(word) for pair in asked.items() for word in pair]
        self._process = warm.start("-m", "tests.loopback", *options, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self._stack.enter_context(self._process)
        self._stack.callback(self._process.kill)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == self.base_url

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def choices(self) -> int:
        """How many answers it gave since it was started."""
        with urllib.request.urlopen(self.base_url.removesuffix("/v1") + "/stats", timeout=10) as response:
            return int(json.load(response)["choices"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KillableServer]:
    """A server that takes its time and is right in 7 of 10 answers."""
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({f"q{i}": {"yes": 0.7, "no": 0.3} for i in range(N_CASES)}))
    with ExitStack() as stack:
        found = KillableServer(answers, stack)
        found.start()
        yield found


@pytest.fixture
def gate(project: Project, server: KillableServer) -> Project:
    """A project with 120 samples of that server, four requests at a time."""
    project.versions["only"] = {"engine": "openai", "base_url": server.base_url, "model": "loopback"}
    project.settings |= {"samples": N_SAMPLES, "concurrency": 4}
    project.body("return model.ask(case.prompt) == 'yes'", cases=N_CASES, threshold=0.5, margin=0.1, design="fixed")
    project.configure()
    return project


def start(gate: Project) -> warm.Process:
    with (gate.path / "out.txt").open("wb") as out:
        return warm.start("-m", "pytest", cwd=gate.path, stdout=out, stderr=out)


def kill_under_load(gate: Project, server: KillableServer) -> int:
    """Kill the server once it has given some answers; how many are stored, when all that it had sent had arrived."""
    until = time.monotonic() + 60
    while server.choices < 6 * N_SAMPLES:
        assert time.monotonic() < until
        time.sleep(0.05)
    server.kill()
    return settled(gate)


def settled(gate: Project) -> int:
    """How many answers are stored, when none has been added for a second."""
    before, now = -1, stored(gate)
    while now != before:
        time.sleep(1)
        before, now = now, stored(gate)
    return now


def undisturbed(gate: Project, server: KillableServer) -> dict[str, Any]:
    """What the gate finds on an empty store with a server that nobody kills; its draws begin with its start."""
    server.kill()
    server.start()
    gate.run("--store", str(gate.path / "other.db"))
    return gate.evaluation()


def test_a_run_outlives_a_server_that_comes_back(gate: Project, server: KillableServer) -> None:
    process = start(gate)
    kept = kill_under_load(gate, server)
    assert 0 < kept < N_DRAWS
    server.start()
    assert process.wait(timeout=120) == 0
    assert server.choices == N_DRAWS - kept, "what was stored before the kill was not asked for again"
    assert gate.report()["usage"]["model_calls"] == gate.stored() == N_DRAWS
    assert gate.evaluation() == undisturbed(gate, server)


@pytest.mark.nightly
def test_a_run_that_is_stopped_meanwhile_goes_on_where_it_was(gate: Project, server: KillableServer) -> None:
    process = start(gate)
    kept = kill_under_load(gate, server)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=90) == 2
    assert "held up by: no connection" in gate.evaluation()["reason"]
    assert gate.stored() == kept
    server.start()
    assert gate.run().ret == 0
    assert server.choices == N_DRAWS - kept
    usage = gate.report()["usage"]
    assert (usage["stored_samples"], usage["model_calls"]) == (kept, N_DRAWS - kept)
    assert gate.evaluation() == undisturbed(gate, server)


def worker_of(process: warm.Process) -> int | None:
    """The process that holds the engine of a gate."""
    found = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "vllm.worker"], capture_output=True, text=True)
    return int(found.stdout) if found.stdout else None


@pytest.mark.nightly
@NEEDS_VLLM
def test_a_run_whose_engine_is_killed_says_so_and_the_next_goes_on(project: Project) -> None:
    """vLLM in a process of its own, killed as a system does that is out of memory."""
    write_tiny_llama(project.path / "tiny")
    sampling = {"temperature": 1.0, "max_tokens": 24, "seed": 1}
    project.versions["only"] = {"engine": "vllm", "weights": "tiny", "sampling": sampling}
    project.settings |= {"samples": N_SAMPLES, "concurrency": 1}
    body = "import time; time.sleep(0.02); return model.ask(case.prompt) > 'M'"
    n_cases = 12  # one request at a time, so that some are left when the first answers are stored
    project.body(body, cases=n_cases, threshold=0.1, margin=0.05, design="fixed")
    project.configure()
    process = start(project)
    until = time.monotonic() + 120
    while not stored(project):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    worker = worker_of(process)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    assert process.wait(timeout=120) == 1
    kept, cut = project.stored(), project.evaluation()
    assert 0 < kept < n_cases * N_SAMPLES
    assert cut["verdict"] == "error"
    assert "was killed (signal 9)" in cut["reason"]
    project.run()
    usage = project.report()["usage"]
    assert (usage["stored_samples"], usage["model_calls"]) == (kept, n_cases * N_SAMPLES - kept)
    found = project.evaluation()
    assert found["verdict"] != "error"
    project.run("--store", str(project.path / "other.db"))
    assert project.evaluation() == found, "as if nobody had killed it"


class VllmServer:
    """vLLM's own server of a tiny Llama in a process group of its own, always at the same address."""

    def __init__(self, folder: Path, port: int) -> None:
        from harness.models.vllm.engine import engine_environment, find_device
        from harness.stages.inference.server import server_command

        options = {"weights": str(write_tiny_llama(folder / "tiny")), "max_model_len": 256}
        version = load_version(VersionSettings("tiny", "vllm", engine_options=options), folder)
        self._command, self._port = server_command(version, folder, port), port
        own = engine_environment(options, find_device())
        own.pop("VLLM_ENABLE_V1_MULTIPROCESSING", None)
        self._environment, self._log = child_environment(own), folder / "vllm.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )
        until = time.monotonic() + 300
        while not self._is_ready():
            assert self._process.poll() is None, self._log.read_text(errors="replace")[-3000:]
            assert time.monotonic() < until
            time.sleep(0.2)

    def _is_ready(self) -> bool:
        with suppress(OSError):
            return bool(urllib.request.urlopen(self.base_url.removesuffix("/v1") + "/health", timeout=5).status == 200)
        return False

    def kill(self) -> None:
        """Kill the server and its engine at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@pytest.fixture
def vllm_server(tmp_path: Path, free_port: int) -> Iterator[VllmServer]:
    found = VllmServer(tmp_path, free_port)
    try:
        found.start()
        yield found
    finally:
        found.kill()


@pytest.mark.nightly
@NEEDS_VLLM
def test_a_vllm_server_that_is_killed_under_load_and_comes_back_costs_no_sample(
    project: Project, vllm_server: VllmServer
) -> None:
    """A restart that takes longer than requests are tried makes an error, and then the next run goes on."""
    sampling = {"temperature": 1.0, "max_tokens": 24, "seed": 1}
    address = {"base_url": vllm_server.base_url, "model": "tiny", "sampling": sampling}
    project.versions["only"] = {"engine": "openai", **address}
    project.settings |= {"samples": N_SAMPLES, "concurrency": 4}
    body = "answer = model.ask(case.prompt); return answer > 'A'"
    project.body(body, cases=N_CASES, threshold=0.1, margin=0.05, design="fixed")
    project.configure()
    process = start(project)
    until = time.monotonic() + 120
    while not stored(project):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    vllm_server.kill()
    kept = settled(project)
    assert 0 < kept < N_DRAWS
    vllm_server.start()
    code = process.wait(timeout=120)
    drawn = [project.report()["usage"]["model_calls"]]
    if code:
        assert "no connection" in project.evaluation()["reason"]
        assert project.run().ret == 0
        drawn.append(project.report()["usage"]["model_calls"])
    assert sum(drawn) == project.stored() == N_DRAWS, "each sample once"
    found = project.evaluation()
    assert (found["verdict"], found["n_samples"], found["errors"]) == ("passed", N_DRAWS, [])
    project.run("--store", str(project.path / "other.db"))
    undisturbed = project.evaluation()
    assert (found["verdict"], found["n_samples"]) == (undisturbed["verdict"], undisturbed["n_samples"])


def stored(project: Project) -> int:
    """How many samples are stored, also while the store is still being made."""
    with suppress(StoreError):
        return project.stored() if project.store.exists() else 0
    return 0
