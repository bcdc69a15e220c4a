"""What makes serving faster or cheaper must leave the answers what they are, or nearly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import VersionSettings
from harness.errors import SettingsError
from harness.models.engines import check_device
from harness.models.vllm.engine import VllmEngine, find_device, processor_features
from harness.records import Request
from tests.bench.sampling import Figure
from tests.gpu.marks import skip_without_gpus
from tests.models.asking import Loop

pytestmark = pytest.mark.service

TEXTS = ("The cat sat on the mat. The cat sat on the mat.", "1 2 3 4 5 6 7 8", "x")
SPECULATIVE = {"method": "ngram", "num_speculative_tokens": 3, "prompt_lookup_max": 3}
ON_ONE, ON_TWO = ([pytest.mark.gpu, skip_without_gpus(n)] for n in (1, 2))
CACHES_FP8 = find_device() == "gpu" or not processor_features().isdisjoint({"avx512f", "amx_tile"})


def weighed(run: Loop, folder: Path, options: dict[str, Any]) -> list[float]:
    """The log likelihood of each text, after a greedy answer of twelve tokens was drawn beside them."""
    engine = VllmEngine("vllm (tiny)", {"weights": str(folder), "dtype": "float32", **options}, folder)
    greedy = Request(messages=({"role": "user", "content": TEXTS[0]},), sampling={"temperature": 0, "max_tokens": 12})

    async def ask() -> list[float]:
        await engine.start()
        try:
            answer = (await engine.sample(greedy, [0]))[0]
            assert answer.completion_tokens in range(1, 13)
            requests = [Request(kind="rolling", prompt=text) for text in TEXTS]
            samples = [(await engine.sample(request, [0]))[0] for request in requests]
            return [float(sample.loglikelihood or 0.0) for sample in samples]
        finally:
            await engine.close()

    return run(ask())


@pytest.fixture(scope="module")
def plain(run: Loop, tiny_llama: Path) -> list[float]:
    return weighed(run, tiny_llama, {})


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        pytest.param({"engine_args": {"tensor_parallel_size": 2}}, 1e-3, id="tensor parallel"),
        pytest.param(
            {
                "engine_args": {
                    "enable_prefix_caching": False,
                    "enable_chunked_prefill": True,
                    "max_num_batched_tokens": 32,
                    "max_num_seqs": 8,
                    "speculative_config": SPECULATIVE,
                }
            },
            1e-3,
            id="chunked prefill and n-grams, no prefix cache",
        ),
        pytest.param(
            {"quantized": "int8", "engine_args": {"kv_cache_dtype": "fp8"}},
            0.1,
            id="int8, fp8 cache",
            marks=pytest.mark.skipif(not CACHES_FP8, reason="an FP8 cache needs a GPU, AVX-512 or AMX"),
        ),
        pytest.param(
            {"engine_args": {"pipeline_parallel_size": 2}},
            1e-3,
            id="pipeline parallel",
            marks=ON_TWO,
        ),
        pytest.param(
            {"engine_args": {"tensor_parallel_size": 2}},
            1e-3,
            id="tensor parallel on GPUs",
            marks=ON_TWO,
        ),
        pytest.param(
            {"dtype": "bfloat16", "engine_args": {"kv_cache_dtype": "fp8"}},
            0.1,
            id="fp8 cache on a GPU",
            marks=ON_ONE,
        ),
        # vLLM's products of matrices in FP8 give no float32.
        pytest.param({"dtype": "bfloat16", "quantized": "fp8"}, 0.1, id="fp8", marks=ON_ONE),
    ],
)
def test_a_text_weighs_what_it_weighs_without(
    run: Loop, plain: list[float], tiny_llama: Path, options: dict[str, Any], tolerance: float, record_property: Any
) -> None:
    found = weighed(run, tiny_llama, options)
    change = max(abs(b - a) / len(text) for text, a, b in zip(TEXTS, plain, found, strict=True))
    name, goal = f"{options}: change of a text's log likelihood", f"≤ {tolerance:g}"
    record_property("figure", Figure(name, change, "nats/byte", goal, change <= tolerance))
    for text, expected, weight in zip(TEXTS, plain, found, strict=True):
        assert weight == pytest.approx(expected, abs=tolerance * len(text)), text
    if tolerance > 1e-3:
        assert found != plain, "nothing was rounded"


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"quantized": "fp8"}, r'computes on GPUs alone.*quantized = "int8" runs on both'),
        ({"engine_args": {"kv_cache_dtype": "fp8"}}, r"on a CPU needs AVX-512 or AMX.*Leave it out"),
    ],
)
def test_what_a_processor_can_t_compute_is_refused_with_the_way_out(options: dict[str, Any], refusal: str) -> None:
    version = VersionSettings("v", "vllm", engine_options={"weights": "w", **options})
    with pytest.raises(SettingsError, match=refusal):
        check_device(version, "cpu", frozenset({"avx2"}))
    check_device(version, "gpu", frozenset())


def test_the_processor_is_asked_for_its_features(tmp_path: Path) -> None:
    text = "processor : 0\nmodel name : Any\nflags\t\t: fpu avx2 avx512f\n\nprocessor : 1\nflags : fpu\n"
    (tmp_path / "cpuinfo").write_text(text)
    features = processor_features(tmp_path / "cpuinfo")
    assert features == {"fpu", "avx2", "avx512f"}
    check_device(
        VersionSettings("v", "vllm", engine_options={"engine_args": {"kv_cache_dtype": "fp8"}}), "cpu", features
    )
    assert processor_features(tmp_path / "none") == frozenset()
