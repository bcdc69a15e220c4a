from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config import VersionSettings
from harness.config.settings import load_settings
from harness.errors import EngineError, SettingsError
from harness.models.engines import VLLM
from harness.models.transformers.engine import TransformersEngine
from harness.models.version import load_version
from harness.models.vllm.engine import (
    Device,
    VllmEngine,
    computed_dtype,
    engine_arguments,
    engine_environment,
    find_device,
    processor_features,
)
from harness.records import Request, Sample
from harness.stages.inference.serving import server_command
from tests.gpu.marks import skip_without_gpus
from tests.models.adapters.adapters import write_adapter, write_adapter_head
from tests.models.asking import Loop, chat
from tests.models.conftest import HIDDEN, LAYERS
from tests.models.lm_eval_model import Oracle
from tests.models.transformers.test_model import PAIRS, TEXTS, assert_same
from tests.processes import is_running
from tests.waiting import until, wait_until

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def engine(run: Loop, tiny_llama: Path) -> Iterator[VllmEngine]:
    engine = VllmEngine("vllm (tiny)", {"weights": str(tiny_llama), "dtype": "float32"}, tiny_llama)
    run(engine.start())
    yield engine
    run(engine.close())


def test_every_start_seeds_the_engine_anew() -> None:
    seeds = {engine_arguments({}, "cpu")["seed"] for _ in range(8)}
    assert len(seeds) == 8


def test_the_version_s_engine_arguments_are_laid_over_the_defaults() -> None:
    options = {"max_model_len": 512, "dtype": "float32", "engine_args": {"block_size": 64, "tensor_parallel_size": 2}}
    arguments = engine_arguments(options, "cpu")
    assert (arguments["block_size"], arguments["max_model_len"], arguments["dtype"]) == (64, 512, "float32")
    assert "distributed_executor_backend" not in arguments, "two workers need processes of their own"
    assert "|" in engine_environment(options, "cpu")["VLLM_CPU_OMP_THREADS_BIND"]
    assert engine_arguments({}, "gpu")["gpu_memory_utilization"] < 0.5, "two engines fit on one GPU"
    assert "enforce_eager" not in engine_arguments({}, "gpu")
    assert [engine_arguments({"dtype": each}, "cpu")["block_size"] for each in ("bfloat16", "float32")] == [32, 16]


def test_the_sizes_of_parallel_engines_go_from_the_settings_to_the_engine_and_its_server(
    tmp_path: Path, tiny_llama: Path
) -> None:
    sizes = {"data_parallel_size": 2, "tensor_parallel_size": 4, "pipeline_parallel_size": 3}
    written = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    table = f'[models.v]\nengine = "vllm"\nweights = "{tiny_llama}"\nengine_args = {{ {written} }}\n'
    (tmp_path / "steelyard.toml").write_text(table)
    version = load_settings(tmp_path).version("v")
    devices: tuple[Device, Device] = ("cpu", "gpu")
    for device in devices:
        arguments = engine_arguments(version.engine_options, device)
        assert {name: arguments[name] for name in sizes} == sizes
    command = " ".join(server_command(load_version(version, tmp_path), tmp_path, 8000))
    for name, size in sizes.items():
        assert f"--{name.replace('_', '-')} {size}" in command


def test_several_copies_are_not_waited_for_in_one_process(run: Loop, tiny_llama: Path) -> None:
    """vLLM waits for the processes of the other copies, for ever."""
    options = {"weights": str(tiny_llama), "engine_args": {"data_parallel_size": 2}}
    with pytest.raises(SettingsError, match="data_parallel_size = 2 takes `vllm serve`"):
        run(VllmEngine("vllm (v)", options, tiny_llama).start())


@pytest.mark.parametrize(
    ("options", "device", "features", "dtype"),
    [
        ({}, "cpu", {"avx2", "avx512f"}, "float32"),
        ({"dtype": "auto"}, "cpu", {"avx2"}, "float32"),
        ({}, "cpu", {"avx512_bf16"}, "auto"),
        ({}, "cpu", {"amx_bf16"}, "auto"),
        ({}, "gpu", {"avx2"}, "auto"),
        ({"dtype": "bfloat16"}, "cpu", {"avx2"}, "bfloat16"),
        ({"dtype": "float", "engine_args": {"dtype": "half"}}, "cpu", set(), "half"),
    ],
)
def test_a_processor_that_does_not_multiply_in_bfloat16_computes_in_32_bits_unless_told_otherwise(
    options: dict[str, Any], device: Device, features: set[str], dtype: str
) -> None:
    assert computed_dtype(options, device, features) == dtype


def test_the_fingerprint_has_the_type_that_is_computed_in(tiny_llama: Path) -> None:
    def identity(**options: Any) -> object:
        settings = VersionSettings("v", "vllm", engine_options={"weights": str(tiny_llama), **options})
        return VLLM.identity_of(settings, tiny_llama)["dtype"]

    assert identity() == identity(dtype="auto") == computed_dtype({}, find_device(), processor_features())
    assert identity(dtype="bfloat16") == "bfloat16"


def test_the_parent_imports_no_heavy_library() -> None:
    code = (
        "import sys; from pathlib import Path; from harness.models.vllm.engine import VllmEngine\n"
        "VllmEngine('vllm (x)', {'weights': 'x'}, Path())\n"
        "print(sorted({'vllm', 'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_seeded_sample_is_the_same_whatever_is_drawn_beside_it(run: Loop, engine: VllmEngine) -> None:
    seeded = chat(sampling={"temperature": 1.0, "max_tokens": 6, "seed": 11})

    async def together() -> Any:
        others = [engine.sample(chat(f"Other {i}"), [0, 1, 2]) for i in range(3)]
        return await asyncio.gather(others[0], engine.sample(seeded, [0, 1, 2]), *others[1:])

    three = run(together())[1]
    assert len({sample.text for sample in three}) == 3
    assert three[1].text == run(engine.sample(seeded, [1]))[0].text
    assert [sample.text for sample in three[1:]] == [sample.text for sample in run(engine.sample(seeded, [1, 2]))]


def test_greedy_answers_and_their_logprobs_are_those_of_transformers(
    run: Loop, engine: VllmEngine, tiny_llama: Path
) -> None:
    other = TransformersEngine("transformers (tiny)", {"weights": str(tiny_llama)}, tiny_llama)
    greedy = chat(sampling={"temperature": 0, "max_tokens": 12}, logprobs=1)

    async def both() -> Any:
        await other.start()
        try:
            return [(await each.sample(greedy, [0]))[0] for each in (engine, other)]
        finally:
            await other.close()

    ours, theirs = run(both())
    assert ours.text == theirs.text
    for mine, yours in zip(ours.logprobs, theirs.logprobs, strict=True):
        assert mine.logprob == pytest.approx(yours.logprob, abs=1e-3)


async def weigh(engine: VllmEngine | TransformersEngine, requests: list[Request]) -> list[Sample]:
    return [samples[0] for samples in await asyncio.gather(*(engine.sample(each, [0]) for each in requests))]


def test_log_likelihoods_are_those_of_lm_eval(run: Loop, engine: VllmEngine, tiny_llama: Path) -> None:
    """In single precision, within 1e-4 for each token. Its windows are two tokens shorter: those of lm-eval's vLLM."""
    oracle = Oracle(tiny_llama, max_length=510)
    pairs = [*PAIRS, ("x" * 60, "y" * 9), ("x" * 60, "y" * 9), ("x" * 60, "yz")]
    requests = [Request(kind="loglikelihood", prompt=a, continuation=b, truncate=True) for a, b in pairs]
    samples = run(weigh(engine, requests))
    expected = oracle.weigh(*pairs)
    assert_same(samples, [value for value, _ in expected])
    assert [sample.is_greedy for sample in samples] == [is_greedy for _, is_greedy in expected]
    samples = run(weigh(engine, [Request(kind="rolling", prompt=text) for text in TEXTS]))
    assert_same(samples, oracle.rolling(*TEXTS))
    messages = ({"role": "user", "content": "Capital?"}, {"role": "assistant", "content": "It is"})
    context = oracle.model.apply_chat_template(list(messages), add_generation_prompt=False)
    requests = [Request(kind="loglikelihood", messages=messages, continuation=" Lima")]
    assert_same(run(weigh(engine, requests)), [oracle.weigh((context, " Lima"))[0][0]])


def test_a_text_whose_tokens_are_kept_weighs_the_same_again(run: Loop, engine: VllmEngine) -> None:
    """Its weighed tokens reach into blocks that the engine has kept, and does not compute again by itself."""
    context = "a context of its own, some blocks long, that no other test asks for: "
    requests = [Request(kind="loglikelihood", prompt=context * 2, continuation=context * 2 + "end.")]
    first, again, together = (run(weigh(engine, requests * times)) for times in (1, 1, 3))
    assert_same([*again, *together], [first[0].loglikelihood or 0.0] * 4)
    assert (first[0].loglikelihood or 0.0) < -100


def test_completions_follow_the_raw_text(run: Loop, engine: VllmEngine, tiny_llama: Path) -> None:
    sampling = {"temperature": 0, "max_tokens": 12}
    request = Request(kind="completion", prompt="The capital", sampling=sampling)
    whole = run(engine.sample(request, [0]))[0]
    (expected,) = Oracle(tiny_llama).complete("The capital", until=[], max_gen_toks=12)
    assert whole.text.rstrip("\ufffd") == expected.rstrip("\ufffd"), "but for a character that is not complete"
    assert whole.prompt_tokens == len("The capital")
    stop = whole.text[4:6]
    cut = run(engine.sample(Request(kind="completion", prompt="The capital", sampling={**sampling, "stop": stop}), [0]))
    assert (cut[0].text, cut[0].finish_reason) == (whole.text[: whole.text.find(stop)], "stop")
    drawn = run(engine.sample(Request(kind="completion", prompt="Hi", sampling={"max_tokens": 6}), [0, 1, 2]))
    assert len({sample.text for sample in drawn}) == 3


def test_a_completion_of_a_long_text_loses_the_text_s_beginning_where_it_may(run: Loop, engine: VllmEngine) -> None:
    sampling = {"temperature": 0, "max_tokens": 12}
    long = Request(kind="completion", prompt="x" * 600, sampling=sampling)
    with pytest.raises(EngineError, match="max_model_len = 512"):
        run(engine.sample(long, [0]))
    cut = run(engine.sample(replace(long, truncate=True), [0]))[0]
    assert (cut.prompt_tokens, cut.cut_tokens) == (500, 100)
    assert cut.text == run(engine.sample(replace(long, prompt="x" * 500), [0]))[0].text


def test_logprobs_under_a_schema_are_those_of_what_it_allows(run: Loop, engine: VllmEngine) -> None:
    schema = {"type": "object", "properties": {"score": {"enum": [1, 2, 3]}}, "required": ["score"]}
    sampling = {"temperature": 1.0, "max_tokens": 60}
    samples = run(engine.sample(chat(schema=schema, logprobs=20, sampling=sampling), range(8)))
    for sample in samples:
        score = next(entry for entry in sample.logprobs or () if entry.token in "123")
        assert str(json.loads(sample.text)["score"]) == score.token
        assert {token for token, _ in score.top} == {"1", "2", "3"}
        assert sum(math.exp(logprob) for _, logprob in score.top) == pytest.approx(1, abs=1e-4)


def test_a_refused_request_fails_alone(run: Loop, engine: VllmEngine) -> None:
    bad = [
        (chat("x" * 600), "512"),
        (chat(sampling={"temperature": 1.0, "top_p": 7.0}), "top_p"),
        (chat(schema={"type": "nonsense"}), "nonsense"),
        (Request(kind="loglikelihood", prompt="Hi", continuation=""), "no token of its own"),
    ]

    async def together() -> Any:
        requests = [request for request, _ in bad] + [chat()]
        return await asyncio.gather(*(engine.sample(request, [0]) for request in requests), return_exceptions=True)

    *failures, samples = run(together())
    for failure, (_, word) in zip(failures, bad, strict=True):
        assert isinstance(failure, EngineError)
        assert str(failure).startswith("vllm (tiny) refused a request: ")
        assert word in str(failure)
    assert len(samples) == 1


def test_text_that_is_no_valid_unicode_is_answered_or_refused(run: Loop, engine: VllmEngine) -> None:
    async def together() -> Any:
        odd = [engine.sample(chat(text), [0]) for text in ("nul \0", "lone \ud800", "right \u202e left")]
        return await asyncio.gather(*odd, engine.sample(chat(), [0]), return_exceptions=True)

    *_, samples = run(together())
    assert len(samples) == 1


@pytest.mark.nightly
def test_what_cancelled_requests_kept_in_memory_is_free_again(run: Loop, tiny_llama: Path) -> None:
    """The cache holds one long request at a time: one that was not freed would leave the next waiting for ever."""
    kept_bytes = 2 * 4 * LAYERS * HIDDEN  # keys and values of a token, in 32 bits
    arguments = {"kv_cache_memory_bytes": 544 * kept_bytes, "enable_prefix_caching": False}
    options = {"weights": str(tiny_llama), "dtype": "float32", "engine_args": arguments}
    engine = VllmEngine("vllm (small cache)", options, tiny_llama)
    long = Request(
        kind="completion", prompt="x" * 400, sampling={"temperature": 0, "max_tokens": 100, "min_tokens": 99}
    )
    short = replace(long, sampling={"temperature": 0, "max_tokens": 1})

    async def timed() -> tuple[Sample, float]:
        began = time.monotonic()
        (sample,) = await asyncio.wait_for(engine.sample(long, [0]), 60)
        return sample, time.monotonic() - began

    async def cancel_and_ask() -> tuple[Sample, float, float]:
        await engine.start()
        try:
            await timed()
            _, alone_s = await timed()
            first, *tasks = (asyncio.create_task(engine.sample(each, [0])) for each in (short, *[long] * 40))
            await first  # and the one after it begins
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return *(await timed()), alone_s
        finally:
            await engine.close()

    sample, elapsed_s, alone_s = run(cancel_and_ask())
    assert (sample.prompt_tokens, sample.completion_tokens) == (400, 100)
    assert elapsed_s < 10 * alone_s, "one after the other, the cancelled ones would take forty times as long"


@pytest.mark.nightly
def test_two_engines_draw_independently_and_a_killed_one_fails_all_its_requests(
    run: Loop, engine: VllmEngine, tiny_llama: Path
) -> None:
    second = VllmEngine("vllm (second)", {"weights": str(tiny_llama)}, tiny_llama)
    request = chat(sampling={"temperature": 1.0, "max_tokens": 8})

    async def kill() -> Any:
        long = chat(sampling={"temperature": 1.0, "max_tokens": 480, "stop": "never"})
        tasks = [asyncio.create_task(second.sample(long, range(30))) for _ in range(3)]
        await asyncio.sleep(0)
        assert second.pid is not None
        os.kill(second.pid, signal.SIGKILL)
        return await asyncio.gather(*tasks, return_exceptions=True)

    run(second.start())
    try:
        texts = [[sample.text for sample in run(each.sample(request, [0, 1, 2]))] for each in (engine, second)]
        assert texts[0] != texts[1]
        failures = run(kill())
        assert [type(failure) for failure in failures] == [EngineError] * 3
        assert "vllm (second): its process was killed (signal 9)" in str(failures[0])
        with pytest.raises(EngineError, match="was killed"):
            run(second.sample(request, [0]))
    finally:
        run(second.close())
    assert len(run(engine.sample(request, [0]))) == 1, "the other engine goes on"


@pytest.mark.nightly
def test_no_engine_outlives_a_killed_parent(tiny_llama: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from harness.models.vllm.engine import VllmEngine\n"
        "async def main():\n"
        "    engine = VllmEngine('vllm (orphan)', {'weights': sys.argv[1]}, Path())\n"
        "    starting = asyncio.create_task(engine.start())\n"
        "    while engine.pid is None:\n"
        "        await asyncio.sleep(0.01)\n"
        "    print(engine.pid, flush=True)\n"
        "    await starting\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tiny_llama)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_until(lambda: "torch" in Path(f"/proc/{child}/maps").read_text())
        parent.kill()
    wait_until(lambda: not is_running(child))


def test_a_closed_engine_leaves_no_process(run: Loop, tiny_llama: Path) -> None:
    engine = VllmEngine("vllm (closed)", {"weights": str(tiny_llama)}, tiny_llama)

    async def close_while_starting() -> BaseException | None:
        starting = asyncio.create_task(engine.start())
        await until(lambda: engine.pid)
        child = engine.pid
        await engine.close()
        assert not is_running(child)
        (failure,) = await asyncio.gather(starting, return_exceptions=True)
        return failure

    failure = run(close_while_starting())
    assert isinstance(failure, EngineError)
    assert "was closed" in str(failure)


@pytest.mark.nightly
def test_an_unknown_engine_argument_is_a_settings_error(run: Loop, tiny_llama: Path) -> None:
    options = {"weights": str(tiny_llama), "engine_args": {"max_num_seq": 4}}
    engine = VllmEngine("vllm (typo)", options, tiny_llama)
    with pytest.raises(SettingsError, match="Did you mean 'max_num_seqs'"):
        run(engine.start())
    run(engine.close())


@pytest.mark.nightly
def test_damaged_weights_are_an_engine_error_with_the_reason(run: Loop, tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "damaged"))
    (folder / "model.safetensors").write_bytes(b"\0" * 64)
    engine = VllmEngine("vllm (damaged)", {"weights": str(folder)}, tmp_path)
    with pytest.raises(EngineError, match=r"could not start: .*header"):
        run(engine.start())
    run(engine.close())


@pytest.mark.gpu
@skip_without_gpus()
def test_two_engines_fit_on_one_gpu(run: Loop, engine: VllmEngine, tiny_llama: Path) -> None:
    assert engine.device == "gpu"
    second = VllmEngine("vllm (second)", {"weights": str(tiny_llama)}, tiny_llama)
    run(second.start())
    try:
        assert len(run(second.sample(chat(), [0, 1]))) == 2
        assert len(run(engine.sample(chat(), [0, 1]))) == 2
    finally:
        run(second.close())


def test_an_adapter_is_made_room_for(tmp_path: Path) -> None:
    options = {"adapter": str(write_adapter_head(tmp_path, rank=12))}
    arguments = engine_arguments(options, "cpu")
    assert (arguments["enable_lora"], arguments["max_lora_rank"]) == (True, 16)
    assert engine_arguments({**options, "engine_args": {"max_lora_rank": 64}}, "cpu")["max_lora_rank"] == 64
    assert "enable_lora" not in engine_arguments({}, "cpu")


@pytest.mark.nightly
def test_an_adapter_is_served_as_peft_computes_it(run: Loop, tiny_llama: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    options = {"weights": str(tiny_llama), "dtype": "float32"}
    adapted = {**options, "adapter": str(write_adapter(tiny_llama, tmp_path / "adapter"))}
    text = Request(kind="rolling", prompt="The quick brown fox.", logprobs=1)
    others = [Request(kind="rolling", prompt=f"{number} other texts at once.", logprobs=1) for number in range(3)]
    engines = [
        VllmEngine("vllm (adapted)", adapted, tiny_llama),
        TransformersEngine("transformers (adapted)", adapted, tiny_llama),
        TransformersEngine("transformers (plain)", options, tiny_llama),
    ]
    served, computed, plain = [], [], []
    for engine, found in zip(engines, (served, computed, plain), strict=True):
        run(engine.start())
        sample, *_ = run(weigh(engine, [text, *others]))
        assert sample.logprobs is not None
        found.extend(entry.logprob for entry in sample.logprobs)
        run(engine.close())
    assert served == pytest.approx(computed, abs=1e-3)
    assert max(abs(one - other) for one, other in zip(plain, computed, strict=True)) > 0.05
