from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CapabilityError, EngineError
from harness.models.adapters.merging import merge_adapters
from harness.models.transformers.engine import TransformersEngine
from harness.models.transformers.worker import TransformersWorker
from harness.records import Request
from tests.models.adapters.adapters import write_adapter
from tests.models.asking import Loop, chat
from tests.processes import is_running

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]


@pytest.fixture(scope="module")
def engine(run: Loop, tiny_llama: Path, loaded_torch: None) -> Iterator[TransformersEngine]:
    engine = TransformersEngine("transformers (tiny)", {"weights": str(tiny_llama), "batch_size": 4}, tiny_llama)
    run(engine.start())
    yield engine
    run(engine.close())


def test_each_index_gets_a_sample_with_counts(run: Loop, engine: TransformersEngine) -> None:
    samples = run(engine.sample(chat(), [3, 4, 7]))
    assert [sample.index for sample in samples] == [3, 4, 7]
    assert len({sample.text for sample in samples}) == 3
    for sample in samples:
        assert sample.prompt_tokens == len("user: Hi") + len("assistant:") + 3
        assert sample.latency_s is not None
        assert (sample.finish_reason, sample.completion_tokens) == ("length", 6) or sample.finish_reason == "stop"


def test_a_drawn_token_of_padding_is_counted_like_any_other(run: Loop, engine: TransformersEngine) -> None:
    samples = run(engine.sample(chat(sampling={"temperature": 1.0, "max_tokens": 1, "seed": 1}), list(range(400))))
    assert {sample.completion_tokens for sample in samples} == {1}
    assert "" in {sample.text for sample in samples if sample.finish_reason == "length"}


def test_a_greedy_answer_does_not_depend_on_longer_prompts_beside_it(run: Loop, engine: TransformersEngine) -> None:
    sampling = {"temperature": 0, "max_tokens": 8}
    alone = run(engine.sample(chat("Hi", sampling=sampling), [0]))[0]

    async def together() -> Any:
        longer = chat("A much longer prompt than the other one", sampling=sampling)
        return await asyncio.gather(engine.sample(chat("Hi", sampling=sampling), [0]), engine.sample(longer, [0]))

    assert alone.text == run(together())[0][0].text
    assert engine.choices_per_request(chat(sampling=sampling)) == 1
    assert engine.choices_per_request(chat()) == 4


def test_an_answer_ends_before_its_stop_string(run: Loop, engine: TransformersEngine) -> None:
    greedy = {"temperature": 0, "max_tokens": 12}
    whole = run(engine.sample(chat(sampling=greedy), [0]))[0]
    stop = whole.text[4:6]
    cut = run(engine.sample(chat(sampling={**greedy, "stop": [stop]}), [0]))[0]
    assert cut.text == whole.text[: whole.text.find(stop)]
    assert cut.finish_reason == "stop"


def test_logprobs_are_those_of_the_whole_distribution(run: Loop, engine: TransformersEngine) -> None:
    sample = run(engine.sample(chat(logprobs=2, sampling={"temperature": 0, "max_tokens": 4}), [0]))[0]
    assert sample.logprobs is not None
    assert len(sample.logprobs) == sample.completion_tokens
    for entry in sample.logprobs:
        assert len(entry.top) == 2
        assert entry.top[0] == (entry.token, entry.logprob), "greedy takes the most probable token"
        assert entry.logprob < 0
    no_top = run(engine.sample(chat(logprobs=0), [0]))[0]
    assert no_top.logprobs is not None
    assert no_top.logprobs[0].top == ()


def test_loglikelihoods_of_all_continuations_sum_to_one(run: Loop, engine: TransformersEngine) -> None:
    letters = [chr(code) for code in range(33, 127)]

    async def all_letters() -> Any:
        requests = [Request(kind="loglikelihood", prompt="Hi", continuation=letter) for letter in letters]
        return await asyncio.gather(*(engine.sample(request, [0]) for request in requests))

    samples = [answer[0] for answer in run(all_letters())]
    total = sum(math.exp(sample.loglikelihood) for sample in samples)
    assert 0 < total < 1, "the letters are a part of the vocabulary"
    assert sum(sample.is_greedy for sample in samples) <= 1
    pair = run(engine.sample(Request(kind="loglikelihood", prompt="Hi", continuation="xy"), [0]))[0]
    second = run(engine.sample(Request(kind="loglikelihood", prompt="Hix", continuation="y"), [0]))[0]
    first = samples[letters.index("x")]
    assert pair.loglikelihood == pytest.approx(first.loglikelihood + second.loglikelihood, abs=1e-4)


def test_an_answer_follows_a_schema_and_logprobs_are_those_of_what_it_allows(
    run: Loop, engine: TransformersEngine
) -> None:
    schema = {"type": "object", "properties": {"score": {"enum": [1, 2, 3]}}, "required": ["score"]}
    request = chat(schema=schema, logprobs=20, sampling={"temperature": 0.5, "max_tokens": 60})
    samples = run(engine.sample(request, [0, 1, 2, 3]))
    for sample in samples:
        score = next(entry for entry in sample.logprobs or () if entry.token in "123")
        assert str(json.loads(sample.text)["score"]) == score.token
        assert {token for token, _ in score.top} == {"1", "2", "3"}
        assert sum(math.exp(logprob) for _, logprob in score.top) == pytest.approx(1, abs=1e-4)
        assert all(logprob > -math.inf for entry in sample.logprobs or () for _, logprob in entry.top)
    plain = run(engine.sample(chat(sampling={"temperature": 0, "max_tokens": 12}), [0]))[0]
    with pytest.raises(ValueError):
        json.loads(plain.text)


def test_a_schema_that_is_none_fails_alone(run: Loop, engine: TransformersEngine) -> None:
    async def together() -> Any:
        odd = engine.sample(chat(schema={"type": "nonsense"}), [0])
        return await asyncio.gather(odd, engine.sample(chat(), [0]), return_exceptions=True)

    failure, samples = run(together())
    assert isinstance(failure, EngineError)
    assert "nonsense" in str(failure)
    assert len(samples) == 1


def test_completions_follow_the_raw_text(run: Loop, engine: TransformersEngine) -> None:
    request = Request(kind="completion", prompt="Hi", sampling={"temperature": 1.0, "max_tokens": 6}, logprobs=0)
    samples = run(engine.sample(request, [2, 3]))
    assert [(sample.index, sample.prompt_tokens) for sample in samples] == [(2, 2), (3, 2)]
    assert len(samples[0].logprobs or ()) == samples[0].completion_tokens
    long = Request(kind="completion", prompt="x" * 600, sampling={"max_tokens": 12}, truncate=True)
    cut = run(engine.sample(long, [0]))[0]
    assert (cut.prompt_tokens, cut.cut_tokens) == (500, 100)
    with pytest.raises(EngineError, match="max_model_len = 512"):
        run(engine.sample(dataclasses.replace(long, truncate=False), [0]))


def test_all_that_is_weighed_waits_for_one_batch(run: Loop, engine: TransformersEngine) -> None:
    """A batch holds whatever waits, so that texts of like length can be computed together; and once for all indices."""
    request = Request(kind="loglikelihood", prompt="Hi", continuation=" Lima")
    assert engine.choices_per_request(request) > 1000

    async def together() -> Any:
        whole = engine.sample(Request(kind="rolling", prompt="Hi Lima"), [0])
        failing = engine.sample(Request(kind="loglikelihood", prompt="Hi", continuation=""), [0])
        return await asyncio.gather(engine.sample(request, [3, 7]), whole, failing, return_exceptions=True)

    (third, seventh), (rolled,), failure = run(together())
    assert (third.index, seventh.index, third.loglikelihood) == (3, 7, seventh.loglikelihood)
    assert rolled.loglikelihood < third.loglikelihood
    assert isinstance(failure, EngineError)


def test_what_it_cannot_do_is_refused(run: Loop, engine: TransformersEngine) -> None:
    with pytest.raises(CapabilityError, match="call tools"):
        run(engine.sample(chat(tools=({"type": "function"},)), [0]))
    with pytest.raises(CapabilityError, match="presence_penalty"):
        run(engine.sample(chat(sampling={"presence_penalty": 1.0}), [0]))


def test_an_engine_that_is_closed_leaves_no_process_and_tells_who_waits(run: Loop, tiny_llama: Path) -> None:
    engine = TransformersEngine("transformers (closed)", {"weights": str(tiny_llama)}, tiny_llama)
    with pytest.raises(EngineError, match="was asked before it was started"):
        run(engine.sample(chat(), [0]))
    run(engine.start())
    pid = engine.pid
    assert pid is not None

    async def closed() -> Any:
        drawing = asyncio.ensure_future(engine.sample(chat(sampling={"max_tokens": 400, "seed": 1}), [0]))
        await asyncio.sleep(0)
        await engine.close()
        return (await asyncio.gather(drawing, return_exceptions=True))[0]

    failure = run(closed())
    assert isinstance(failure, EngineError)
    assert str(failure) == "transformers (closed) was closed."
    assert not is_running(pid)


def test_a_token_that_the_weights_have_not_fails_its_request_alone(run: Loop, tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "grown"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    added = max(tokenizer["model"]["vocab"].values()) + 1
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": added, "content": "<|tool|>"})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    engine = TransformersEngine("transformers (grown)", {"weights": str(folder)}, tmp_path)
    run(engine.start())
    weighed = Request(kind="rolling", prompt="a <|tool|>")

    async def together() -> list[Any]:
        asked = [engine.sample(each, [0]) for each in (chat(), chat("Call <|tool|>"), weighed)]
        return await asyncio.gather(*asked, return_exceptions=True)

    healthy, *failures = run(together())
    assert len(healthy) == 1
    for failure in failures:
        assert isinstance(failure, EngineError)
        assert f"the tokenizer gives token {added} ('<|tool|>'), and the weights have embeddings of" in str(failure)
    run(engine.close())


def test_whatever_a_model_raises_its_requests_end(run: Loop, tiny_llama: Path) -> None:
    request = {"messages": [{"role": "user", "content": "Hi"}], "sampling": {"max_tokens": 2}}

    async def asked() -> list[Any]:
        worker = TransformersWorker({"weights": str(tiny_llama)}, str(tiny_llama), 4)
        first = await worker.sample(request, [0])

        def fail(*_: Any) -> None:
            raise IndexError("index out of range in self")

        worker._model._model.register_forward_hook(fail)
        return [*first, *await asyncio.gather(*(worker.sample(request, [0]) for _ in range(2)), return_exceptions=True)]

    first, *failures = run(asked())
    assert first["completion_tokens"] in (1, 2)
    assert [type(each) for each in failures] == [EngineError] * 2
    assert {str(each) for each in failures} == {"IndexError: index out of range in self"}


def test_damaged_weights_are_an_engine_error(run: Loop, tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "damaged"))
    (folder / "model.safetensors").write_bytes(b"\0" * 64)
    engine = TransformersEngine("transformers (damaged)", {"weights": str(folder)}, tmp_path)
    with pytest.raises(EngineError, match="could not start"):
        run(engine.start())
    run(engine.close())


def test_an_adapter_beside_the_weights_gives_what_it_gives_in_them(run: Loop, tiny_llama: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    adapter = write_adapter(tiny_llama, tmp_path / "adapter")
    merged = tmp_path / "merged"
    merged.mkdir()
    merge_adapters(tiny_llama, merged, [adapter])
    weighed = Request(kind="rolling", prompt="The quick brown fox.")
    found = []
    for options in ({"adapter": str(adapter)}, {"weights": str(merged)}, {}):
        engine = TransformersEngine("transformers (x)", {"weights": str(tiny_llama), **options}, tiny_llama)
        run(engine.start())
        found.append(run(engine.sample(weighed, [0]))[0].loglikelihood)
        run(engine.close())
    beside, inside, without = found
    assert beside == pytest.approx(inside, rel=1e-4)
    assert beside != pytest.approx(without, rel=1e-2)
