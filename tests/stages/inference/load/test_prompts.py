"""Prompts and traces are read as their files have them, and what is none is refused with its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt, TracedRequest
from harness.stages.inference.load.prompts import planned_prompts, random_prompt, read_prompts, read_trace


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_random_prompts_have_so_many_words_and_differ_from_the_first() -> None:
    generator = np.random.default_rng(0)
    prompts = [str(random_prompt(generator, 64).text).split() for _ in range(200)]
    assert {len(words) for words in prompts} == {64}
    assert len({tuple(words[:16]) for words in prompts}) == 200  # no block of a prefix cache is shared


def test_prompts_of_a_file_are_taken_in_turn_and_their_lengths_win() -> None:
    plan = LoadPlan(rate=1.0, output_tokens=9, prompts=(PlannedPrompt("a"), PlannedPrompt("b", (), 3)))
    found = planned_prompts(plan, 3, np.random.default_rng(0))
    assert [(each.text, each.output_tokens) for each in found] == [("a", 9), ("b", 3), ("a", 9)]


def test_a_trace_says_how_long_each_prompt_and_answer_is() -> None:
    trace = (TracedRequest(0.0, 5, 7), TracedRequest(1.0, None, None, PlannedPrompt("as it was")))
    found = planned_prompts(LoadPlan(trace=trace, output_tokens=9), 2, np.random.default_rng(0))
    assert [(len(str(each.text).split()), each.output_tokens) for each in found] == [(5, 7), (3, 9)]


def test_prompts_are_read_from_lines_json_and_csv(tmp_path: Path) -> None:
    assert read_prompts(written(tmp_path, "a.txt", "one\n\ntwo\n")) == (PlannedPrompt("one"), PlannedPrompt("two"))
    lines = '{"prompt": "one", "output_tokens": 4}\n{"messages": [{"role": "user", "content": "two\u2028\u0085"}]}\n'
    one, two = read_prompts(written(tmp_path, "a.jsonl", lines))
    assert one == PlannedPrompt("one", (), 4)
    assert two == PlannedPrompt(None, ({"role": "user", "content": "two\u2028\u0085"},))
    assert read_prompts(written(tmp_path, "a.csv", "prompt,max_tokens\none,4\n")) == (PlannedPrompt("one", (), 4),)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "\n", "holds no prompts"),
        ("a.jsonl", '{"prompt": 3}', "line 1: 3 is no prompt"),
        ("a.jsonl", '{"answer": "x"}', "entry 1 has no prompt"),
        ("a.jsonl", "{oh", "line 1 is no JSON"),
        ("a.jsonl", "[1]", "line 1 is no JSON object"),
        ("a.jsonl", '{"prompt": "a", "output_tokens": 1.5}', "output_tokens = 1.5 is no number of tokens"),
    ],
)
def test_a_file_without_prompts_is_refused_with_the_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_prompts(written(tmp_path, name, text))
    assert said in str(caught.value)


def test_a_missing_file_is_told_with_what_lies_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "prompts.jsonl", "")
    with pytest.raises(UsageError) as caught:
        read_prompts(tmp_path / "prompt.jsonl")
    assert "Beside it: prompts.jsonl. Write {" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ours.jsonl", '{"at_s": 0, "prompt_tokens": 5, "output_tokens": 7}\n{"at_s": 1.5}\n'),
        ("mooncake.jsonl", '{"timestamp": 1500, "hash_ids": []}\n'
         '{"timestamp": 0, "input_length": 5, "output_length": 7, "hash_ids": [1]}\n'),
        ("azure.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n"
         "2023-11-16 18:15:46.6805900,5,7\n2023-11-16 18:15:48.1805900,,\n"),
        ("burst.csv", "Timestamp,Model,Request tokens,Response tokens\n0,m,5,7\n1.5,m,,\n"),
    ],
)  # fmt: skip
def test_the_traces_that_people_have_are_understood(tmp_path: Path, name: str, text: str) -> None:
    first, second = read_trace(written(tmp_path, name, text))
    assert first == TracedRequest(0.0, 5, 7)
    assert second == TracedRequest(pytest.approx(1.5))


def test_a_trace_keeps_the_time_before_its_first_request(tmp_path: Path) -> None:
    assert [each.at_s for each in read_trace(written(tmp_path, "a.csv", "at_s\n2\n0.5\n"))] == [0.5, 2.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no requests"),
        ('{"prompt_tokens": 3}', "line 1 has no time"),
        ('{"at_s": "soon"}', "at_s = 'soon' is no time"),
        ('{"at_s": 1e999}', "at_s = inf is no time"),
        ('{"at_s": NaN}', "at_s = nan is no time"),
        ('{"at_s": 1, "output_tokens": 0}', "output_tokens = 0 is no number of tokens"),
        ('{"at_s": 1, "output_tokens": 1e999}', "output_tokens = inf is no number of tokens"),
        ('{"at_s": 1, "prompt_tokens": NaN}', "prompt_tokens = nan is no number of tokens"),
    ],
)
def test_a_trace_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_trace(written(tmp_path, "a.jsonl", text))
    assert said in str(caught.value)
