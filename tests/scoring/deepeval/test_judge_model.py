"""A version as deepeval's model: schemas, the probabilities of scores, and what it refuses."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import pytest
from deepeval.metrics.faithfulness.schema import Verdicts
from deepeval.metrics.g_eval.schema import ReasonScore
from deepeval.metrics.g_eval.utils import calculate_weighted_summed_score
from pydantic import BaseModel

from harness.errors import CheckError, EngineError, JudgeError
from harness.records import Sample, TokenLogprob
from harness.scoring.deepeval.judge_model import JudgeModel, json_schema

pytestmark = pytest.mark.service


class Version:
    """A version that answers what it is told to, at the port that `JudgeModel` uses."""

    name = "v"
    sampling: Mapping[str, Any] = {}

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def _apart(self, number: int) -> Version:
        return self

    async def chat(self, messages: Any, **asked: Any) -> Sample:
        return self.sample


def judge(sample: Sample, scale: tuple[int, int] | None = None) -> JudgeModel:
    model = JudgeModel(Version(sample))  # type: ignore[arg-type]
    model.scale = scale
    return model


def scored(text: str, *tokens: tuple[str, Mapping[str, float]], scale: tuple[int, int]) -> float:
    """The score that deepeval makes of an answer with these tokens and the probabilities at their places."""
    logprobs = tuple(
        TokenLogprob(token, math.log(top[token]), tuple((each, math.log(share)) for each, share in top.items()))
        for token, top in tokens
    )
    answer = Sample(f'{{"reason": "in 5 words", "score": {text}}}', logprobs=logprobs)
    response, cost = asyncio.run(judge(answer, scale).a_generate_raw_response("?", top_logprobs=5))
    assert cost is None
    try:
        return float(calculate_weighted_summed_score(int(text), response))
    except AttributeError:  # what deepeval takes for "no probabilities": the score as it is
        return float(text)


def test_a_score_is_weighted_by_the_probabilities_of_its_scale() -> None:
    tokens = ("5", {"5": 1.0}), (" 8", {" 8": 0.5, "9": 0.3, "x": 0.2}), ("}", {"}": 1.0})
    assert scored("8", *tokens, scale=(0, 9)) == pytest.approx((8 * 0.5 + 9 * 0.3) / 0.8)


def test_a_tokenizer_that_writes_10_as_one_token_weights_it() -> None:
    assert scored("9", ("9", {"9": 0.6, "10": 0.3, "1": 0.1}), scale=(0, 10)) == pytest.approx(8.5)


def test_where_10_is_two_tokens_a_probable_1_may_be_either_so_that_nothing_is_weighted() -> None:
    """deepeval would make 5.8 of a judge that wavers between 9 and 10."""
    assert scored("9", ("9", {"9": 0.6, "1": 0.4}), scale=(0, 10)) == 9
    assert scored("10", ("1", {"1": 0.4, "9": 0.6}), ("0", {"0": 1.0}), scale=(0, 10)) == 10
    assert scored("9", ("9", {"9": 0.6, "8": 0.395, "1": 0.005}), scale=(0, 10)) == pytest.approx(8.603, abs=1e-3)


def test_an_answer_without_probabilities_keeps_its_score() -> None:
    assert scored("7", scale=(0, 10)) == 7


def test_schemas_are_strict_and_ask_for_a_verdict_and_a_score_of_the_scale() -> None:
    verdicts = json_schema(Verdicts)
    assert verdicts["additionalProperties"] is False
    assert verdicts["properties"]["verdicts"]["minItems"] == 1
    assert verdicts["$defs"]["FaithfulnessVerdict"]["required"] == ["verdict", "reason"]
    assert json_schema(ReasonScore, (1, 3))["properties"]["score"] == {"type": "integer", "enum": [1, 2, 3]}
    assert json_schema(ReasonScore)["properties"]["score"]["type"] == "number"


def test_without_a_schema_the_answer_is_its_text() -> None:
    assert asyncio.run(judge(Sample("plain")).a_generate("?")) == "plain"


def test_json_in_a_fence_is_taken_out_as_deepeval_does() -> None:
    answer = asyncio.run(judge(Sample('```json\n{"reason": "r", "score": 3,}\n```')).a_generate("?", ReasonScore))
    assert answer == ReasonScore(reason="r", score=3)


def test_an_answer_that_was_cut_says_so() -> None:
    cut = Sample('{"reason": "and so on', finish_reason="length")
    with pytest.raises(JudgeError, match=r"judge v gave no ReasonScore .*: it is no JSON, cut at max_tokens: '\{"):
        asyncio.run(judge(cut).a_generate("?", ReasonScore))


def test_one_answer_more_is_drawn_where_the_first_is_none() -> None:
    class Improving(Version):
        async def chat(self, messages: Any, **asked: Any) -> Sample:
            self.sample, sample = Sample('{"reason": "r", "score": 3}'), self.sample
            return sample

    model = JudgeModel(Improving(Sample("hm")))  # type: ignore[arg-type]
    assert asyncio.run(model.a_generate("?", ReasonScore)) == ReasonScore(reason="r", score=3)
    assert (model.error, model.n_answers, model.n_malformed) == (None, 2, 1)


def test_a_schema_is_not_dropped_where_something_raises_a_type_error() -> None:
    """deepeval's own method asks again without the schema, and takes what comes."""

    class Broken(BaseModel):
        @classmethod
        def model_validate(cls, *_: Any, **__: Any) -> Any:
            raise TypeError("a fault in a schema")

    with pytest.raises(TypeError, match="a fault in a schema"):
        asyncio.run(judge(Sample("{}")).a_generate_with_schema("?", schema=Broken))


def test_it_is_asked_in_no_other_way() -> None:
    model = judge(Sample("x"))
    with pytest.raises(CheckError, match=r"asks its model with generate\(\), which would hold up all other bodies"):
        model.generate("?")
    with pytest.raises(AttributeError):
        asyncio.run(model.a_generate_raw_response("?", top_logprobs=0))


def test_the_first_error_is_kept() -> None:
    class Down(Version):
        async def chat(self, messages: Any, **asked: Any) -> Sample:
            raise EngineError("down")

    model = JudgeModel(Down(Sample("")))  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(EngineError):
            asyncio.run(model.a_generate("?"))
    assert str(model.error) == "down"
