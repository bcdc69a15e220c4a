"""Prompts are read as their files have them, and what is none is refused with its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt
from harness.stages.inference.load.prompts import planned_prompts, read_prompts


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_random_prompts_have_so_many_words_and_differ_from_the_first() -> None:
    drawn = planned_prompts(LoadPlan(rate=1.0, prompt_tokens=64), 200, np.random.default_rng(0))
    prompts = [str(each.text).split() for each in drawn]
    assert {len(words) for words in prompts} == {64}
    assert len({tuple(words[:16]) for words in prompts}) == 200  # no block of a prefix cache is shared


def test_prompts_of_a_file_are_taken_in_turn() -> None:
    plan = LoadPlan(rate=1.0, prompts=(PlannedPrompt("a"), PlannedPrompt("b", (), 3)))
    found = planned_prompts(plan, 3, np.random.default_rng(0))
    assert [(each.text, each.output_tokens) for each in found] == [("a", None), ("b", 3), ("a", None)]


def test_prompts_are_read_from_lines_and_from_json(tmp_path: Path) -> None:
    assert read_prompts(written(tmp_path, "a.txt", "one\n\ntwo\n")) == (PlannedPrompt("one"), PlannedPrompt("two"))
    lines = '{"prompt": "one", "output_tokens": 4}\n{"messages": [{"role": "user", "content": "two\u2028\u0085"}]}\n'
    one, two = read_prompts(written(tmp_path, "a.jsonl", lines))
    assert one == PlannedPrompt("one", (), 4)
    assert two == PlannedPrompt(None, ({"role": "user", "content": "two\u2028\u0085"},))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "\n", "holds no prompts"),
        ("a.jsonl", '{"answer": "x"}', "line 1 has no prompt"),
        ("a.jsonl", "{oh", "line 1 is no JSON"),
        ("a.jsonl", '{"prompt": "a", "output_tokens": 1.5}', "output_tokens = 1.5 is not a whole number"),
    ],
)
def test_a_file_without_prompts_is_refused_with_the_place(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_prompts(written(tmp_path, name, text))
    assert said in str(caught.value)
