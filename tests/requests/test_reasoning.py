"""Reasoning is kept apart from the answer, whichever engine wrote both."""

from __future__ import annotations

import pytest

from harness.records import Sample
from harness.requests.window import reasoning_apart


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>hm</think>\n\nA", ("hm", "A")),
        ("\n<think>\nhm\n</think>A", ("hm", "A")),
        ("<think></think>A", (None, "A")),
        ("<think>hm", ("hm", "")),
        ("A <think>hm</think>", (None, "A <think>hm</think>")),
        (" A", (None, " A")),
    ],
)
def test_reasoning_in_front_of_the_answer_is_split_off(text: str, parts: tuple[str | None, str]) -> None:
    sample = reasoning_apart(Sample(text, index=3))
    assert (sample.reasoning, sample.text) == parts
    assert sample.index == 3


def test_what_the_engine_kept_apart_stays() -> None:
    sample = Sample("<think>is a tag</think>", reasoning="hm")
    assert reasoning_apart(sample) is sample
