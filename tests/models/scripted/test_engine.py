"""The scripted engine draws from its table: the same for the same seed, request and index, whatever else is drawn."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EngineError
from harness.models.engine import Engine
from harness.models.scripted.engine import LEAST_LOGLIKELIHOOD, ScriptedEngine
from harness.records import Request, Sample

TABLE = {"Q": {"yes": 0.7, "no": 0.2, "may be so": 0.1}}


def engine(**options: Any) -> ScriptedEngine:
    return ScriptedEngine("scripted (v)", {"answers": TABLE, **options}, Path())


def request(prompt: str = "Q", **fields: Any) -> Request:
    return Request(messages=({"role": "user", "content": prompt},), **fields)


def draw(engine: Engine, request: Request, indices: Sequence[int]) -> list[Sample]:
    return asyncio.run(engine.sample(request, indices))


def texts(engine: Engine, request: Request, indices: Sequence[int]) -> list[str]:
    return [sample.text for sample in draw(engine, request, indices)]


def test_answers_come_with_their_probabilities() -> None:
    counts = Counter(texts(engine(), request(), range(20_000)))
    for answer, probability in TABLE["Q"].items():
        assert pytest.approx(probability, abs=0.012) == counts[answer] / 20_000


def test_a_draw_depends_on_nothing_drawn_beside_it() -> None:
    together = texts(engine(), request(), range(50))
    alone = [texts(engine(), request(), [index])[0] for index in reversed(range(50))]
    assert together == alone[::-1]


@pytest.mark.service
def test_another_process_draws_the_same() -> None:
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from harness.models.scripted.engine import ScriptedEngine; from harness.records import Request\n"
        f"engine = ScriptedEngine('e', {{'answers': {TABLE!r}}}, Path())\n"
        "request = Request(messages=({'role': 'user', 'content': 'Q'},))\n"
        "print(*(s.text for s in asyncio.run(engine.sample(request, range(40)))), sep=',')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert texts(engine(), request(), range(40)) == done.stdout.strip().split(",")


@pytest.mark.parametrize(
    "other",
    [
        request(sampling={"temperature": 0.5}),
        Request(messages=({"role": "system", "content": "s"}, *request().messages)),
    ],
)
def test_another_request_has_draws_of_its_own(other: Request) -> None:
    assert texts(engine(), request(), range(50)) != texts(engine(), other, range(50))


def test_a_question_asked_again_has_draws_of_its_own_unless_it_is_seeded() -> None:
    firsts, agains = (texts(engine(), request(number=number), range(400)) for number in (0, 1))
    assert firsts == texts(engine(), request(), range(400)) != agains
    shared = sum(a == b for a, b in zip(firsts, agains, strict=True))
    assert 0.45 < shared / 400 < 0.63, "as often as two independent draws: 0.7² + 0.2² + 0.1²"
    seeded = [texts(engine(), request(sampling={"seed": 3}, number=number), range(20)) for number in (0, 1)]
    assert seeded[0] == seeded[1]


def test_another_seed_of_the_version_has_draws_of_its_own() -> None:
    assert texts(engine(), request(), range(50)) != texts(engine(seed=1), request(), range(50))


def test_temperature_0_gives_the_most_probable_answer() -> None:
    greedy = request(sampling={"temperature": 0})
    assert {"yes"} == set(texts(engine(), greedy, range(30)))
    assert engine().choices_per_request(greedy) == 1


def test_the_last_user_message_is_looked_up() -> None:
    messages = (
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": "R"}]},
        {"role": "assistant", "content": "Well,"},
    )
    assert texts(engine(answers={"R": "A"}), Request(messages=messages), [0]) == ["A"]


def test_an_unknown_prompt_gets_the_default() -> None:
    assert texts(engine(default="who knows"), request("R"), [0]) == ["who knows"]


def test_an_unknown_prompt_without_a_default_is_an_error_that_names_the_nearest() -> None:
    table = {"Capital of Peru?": "Lima", "Capital of Chad?": "N'Djamena", "2 + 2": "4"}
    with pytest.raises(EngineError, match=r"no answer to 'Capital of Per\?' among its 3 prompts.*'Capital of Peru\?'"):
        draw(engine(answers=table), request("Capital of Per?"), [0])


def test_words_are_counted_as_tokens() -> None:
    sample = draw(engine(answers={"one two three": "a b"}, latency_s=0.001), request("one two three"), [0])[0]
    assert (sample.prompt_tokens, sample.completion_tokens, sample.finish_reason) == (3, 2, "stop")
    assert sample.latency_s == 0.001


def test_an_answer_longer_than_max_tokens_is_cut() -> None:
    sample = draw(engine(answers={"Q": "one two three"}), request(sampling={"max_tokens": 2}), [0])[0]
    assert (sample.text, sample.completion_tokens, sample.finish_reason) == ("one two", 2, "length")


def test_logprobs_are_those_of_the_table() -> None:
    for sample in draw(engine(), request(logprobs=2), range(30)):
        first, *rest = sample.logprobs or ()
        assert "".join(token.token for token in (first, *rest)) == sample.text
        assert math.fsum(token.logprob for token in (first, *rest)) == pytest.approx(math.log(TABLE["Q"][sample.text]))
        assert [token for token, _ in first.top] == ["yes", "no"]


def test_the_alternatives_to_a_token_are_those_after_the_same_beginning() -> None:
    table = {'{"score": 4}': 0.5, '{"score": 5}': 0.3, '{"score": 10}': 0.1, '{"none": 9}': 0.1}
    scored = engine(answers={"Q": table})
    sample = draw(scored, request(logprobs=3, schema={"type": "object"}, sampling={"temperature": 0}), [0])[0]
    tokens = {entry.token: entry for entry in sample.logprobs or ()}
    assert list(tokens) == ["{", '"', "score", ":", " 4", "}"]
    assert [(token, pytest.approx(math.exp(value) * 0.9)) for token, value in tokens[" 4"].top] == [
        (" 4", 0.5),
        (" 5", 0.3),
        (" 1", 0.1),
    ]


def test_a_completion_is_looked_up_by_its_raw_prompt() -> None:
    completion = Request(kind="completion", prompt="Q")
    assert set(texts(engine(), completion, range(50))) == set(TABLE["Q"])
    other = engine(answers={"Q": TABLE["Q"], "R": TABLE["Q"]})
    assert texts(other, completion, range(50)) != texts(other, Request(kind="completion", prompt="R"), range(50))


@pytest.mark.parametrize(("stop", "left"), [("wo", "one t"), ([" th", " two"], "one"), ("one", ""), ("four", None)])
def test_an_answer_ends_before_a_stop(stop: Any, left: str | None) -> None:
    whole = "one two three"
    sample = draw(engine(answers={"Q": whole}), request(sampling={"stop": stop}), [0])[0]
    assert (sample.text, sample.finish_reason) == (whole if left is None else left, "stop")


def test_a_loglikelihood_after_messages_is_looked_up_by_the_last_of_the_user() -> None:
    weighed = Request(kind="loglikelihood", messages=request().messages, continuation=" no")
    assert draw(engine(), weighed, [0])[0].loglikelihood == pytest.approx(math.log(0.2))


def test_a_whole_text_stands_under_the_empty_prompt() -> None:
    weighed = Request(kind="rolling", prompt="Once upon a time.")
    table = {"": {"Once upon a time.": 0.01, "Call me Ishmael.": 0.99}}
    first, second = draw(engine(answers=table), weighed, [0, 1])
    assert (first.loglikelihood, first.index) == (pytest.approx(math.log(0.01)), 0)
    assert (second.loglikelihood, second.index) == (first.loglikelihood, 1)


@pytest.mark.parametrize(
    ("continuation", "probability", "greedy"), [("yes", 0.7, True), (" no", 0.2, False), ("may be so", 0.1, False)]
)
def test_loglikelihood_is_that_of_the_table(continuation: str, probability: float, greedy: bool) -> None:
    weighed = Request(kind="loglikelihood", prompt="Q", continuation=continuation)
    sample = draw(engine(), weighed, [0])[0]
    assert (pytest.approx(math.log(probability)), greedy) == (sample.loglikelihood, sample.is_greedy)


def test_the_loglikelihood_of_what_the_table_lacks_is_small_but_finite() -> None:
    sample = draw(engine(), Request(kind="loglikelihood", prompt="Q", continuation="never"), [0])[0]
    assert (sample.loglikelihood, sample.is_greedy) == (LEAST_LOGLIKELIHOOD, False)


def test_an_answer_under_a_schema_must_be_json() -> None:
    schema = {"type": "object"}
    assert texts(engine(answers={"Q": '{"a": 1}'}), request(schema=schema), [0]) == ['{"a": 1}']
    with pytest.raises(EngineError, match="'yes' is not JSON"):
        draw(engine(answers={"Q": "yes"}), request(schema=schema), [0])


def test_an_answer_that_is_a_call_calls_a_tool_where_there_are_any() -> None:
    table = {"Lima?": 'tool call: look_up({"city": "Lima"})\n\ntool call: rest()', "warm": "It is warm."}
    tools = ({"type": "function", "function": {"name": "look_up"}},)
    (called,) = draw(engine(answers=table), request("Lima?", tools=tools), [3])
    assert (called.text, called.finish_reason) == ("", "tool_calls")
    assert [call["function"]["name"] for call in called.tool_calls or ()] == ["look_up", "rest"]
    messages = (*request("Lima?").messages, {"role": "tool", "content": "warm"})
    assert texts(engine(answers=table), Request(messages=messages, tools=tools), [0]) == ["It is warm."]
    (told,) = draw(engine(answers=table), request("Lima?"), [3])
    assert (told.text, told.tool_calls) == (table["Lima?"], None)
