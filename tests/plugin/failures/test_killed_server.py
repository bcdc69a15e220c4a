"""A server or an engine that is killed under load: no sample is lost, and the verdict is the same."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import warm
from tests.models.conftest import write_tiny_llama
from tests.plugin.failures.test_resume import N_CASES, N_DRAWS, N_KEPT, N_SAMPLES, start, stored
from tests.plugin.projects import Project
from tests.ports import held_port
from tests.waiting import wait_until

pytestmark = pytest.mark.service
ROOT = Path(__file__).parents[3]


class KillableServer:
    """The loopback server in a process of its own, always at the same address."""

    def __init__(self, answers: Path, stack: ExitStack) -> None:
        self._port = stack.enter_context(held_port())
        self._answers, self._stack = answers, stack
        self._process: warm.Process | None = None

    @property
    def answers(self) -> Path:
        return self._answers

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self, *more: str) -> None:
        options = ("--port", str(self._port), "--answers", str(self._answers), *more)
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
    """A server that is right in 7 of 10 answers, and hangs after 14 requests."""
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({f"q{i}": {"yes": 0.7, "no": 0.3} for i in range(N_CASES)}))
    with ExitStack() as stack:
        made = KillableServer(answers, stack)
        made.start("--fault", "hang:after=14")
        yield made


def test_a_run_outlives_a_server_that_comes_back(project: Project, server: KillableServer) -> None:
    project.versions["only"] = {"engine": "openai", "base_url": server.base_url, "model": "loopback"}
    project.settings |= {"samples": N_SAMPLES, "concurrency": 4}
    project.body("return model.ask(case.prompt) == 'yes'", cases=N_CASES, threshold=0.5, margin=0.1, design="fixed")
    project.configure()
    process = start(project)
    wait_until(lambda: stored(project) == N_KEPT)
    server.kill()
    server.start()
    assert process.wait(timeout=120) == 0
    assert server.choices == N_DRAWS - N_KEPT, "what was stored before the kill was not asked for again"
    assert project.report()["usage"]["model_calls"] == project.stored() == N_DRAWS
    outlived = project.evaluation()
    server.kill()  # its draws begin with its start
    server.start()
    project.run("--store", str(project.path / "other.db"))
    assert project.evaluation() == outlived


def test_a_run_outlives_one_of_two_replicas(project: Project, server: KillableServer, tmp_path: Path) -> None:
    """It hangs after 14 requests, the other answers meanwhile; killed, what it held is asked of the other."""
    with ExitStack() as stack:
        other = KillableServer(server.answers, stack)
        other.start()
        both = [server.base_url, other.base_url]
        sampling = {"seed": 5}
        version = {"engine": "openai", "base_url": both, "model": "loopback", "sampling": sampling}
        project.versions["only"] = version
        project.settings |= {"samples": N_SAMPLES, "concurrency": 4}
        project.body("return model.ask(case.prompt) == 'yes'", cases=N_CASES, threshold=0.5, margin=0.1, design="fixed")
        project.configure()
        process = start(project)
        wait_until(lambda: stored(project) == N_DRAWS - 2)
        server.kill()
        assert process.wait(timeout=120) == 0
        assert other.choices == N_DRAWS - 14
        assert project.report()["usage"]["model_calls"] == project.stored() == N_DRAWS
        outlived = project.evaluation()
        project.versions["only"] = version | {"base_url": both[1:]}
        project.run("--store", str(project.path / "other.db"))
        assert project.evaluation() == outlived, "seeded samples are the same, whoever answers"


@pytest.mark.nightly
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
def test_a_run_whose_engine_is_killed_says_so_and_the_next_goes_on(project: Project) -> None:
    """vLLM in a process of its own, killed as a system does that is out of memory, once it has answered six bodies."""
    write_tiny_llama(project.path / "tiny")
    sampling = {"temperature": 1.0, "max_tokens": 4, "seed": 1}
    project.versions["only"] = {"engine": "vllm", "weights": "tiny", "dtype": "float32", "sampling": sampling}
    project.settings |= {"samples": N_SAMPLES, "concurrency": 1}
    project.module("""
        import os, pathlib, signal

        ANSWERS = []
        CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(6)]

        @pytest.mark.evaluation(cases=CASES, threshold=0.1, margin=0.05, design="fixed")
        async def test_it(model, case):
            ANSWERS.append(await model.ask(case.prompt))
            if len(ANSWERS) == 6 and not pathlib.Path("killed").exists():
                pathlib.Path("killed").touch()
                for started in pathlib.Path("/proc/self/task").glob("*/children"):
                    for worker in started.read_text().split():
                        os.kill(int(worker), signal.SIGKILL)
            return ANSWERS[-1] > "M"
    """)
    assert project.run_apart().ret == 1
    kept, cut = project.stored(), project.evaluation()
    assert 6 <= kept < 18
    assert cut["verdict"] == "error"
    assert "was killed (signal 9)" in cut["reason"]
    project.run()
    usage = project.report()["usage"]
    assert (usage["stored_samples"], usage["model_calls"]) == (kept, 18 - kept)
    assert project.evaluation()["verdict"] != "error"
