"""Prompts that were not answered are told together."""

from __future__ import annotations

import pytest

from harness.errors import CorpusError, EngineError
from harness.stages.teacher_draws import FailedDraws


def test_each_error_is_told_once_with_all_its_prompts() -> None:
    failed = FailedDraws("wise", 900, CorpusError)
    failed.check()
    failed.n_answered = 1
    for prompt, said in (("b", "filtered."), ("c", "too long"), ("d", "filtered."), ("b", "filtered.")):
        failed.add(prompt, EngineError(said))
    message = r"wise gave no answer to 3 of 900 prompts\. 'b', 'd': filtered\. 'c': too long\. What was answered"
    with pytest.raises(CorpusError, match=message):
        failed.check()
    for number in range(300):
        failed.add(f"p{number}", EngineError("spent"))
    with pytest.raises(CorpusError, match=r"303 of 900 .*'p99' and 200 more: spent\."):
        failed.check()


def test_what_is_refused_whatever_is_asked_ends_soon() -> None:
    failed = FailedDraws("wise", 900, CorpusError)
    for number in range(99):
        failed.add(f"p{number}", EngineError(f"the prompt has {number} tokens"))
    with pytest.raises(CorpusError, match=r"100 of 900 prompts.* 95 other errors\. What was answered is stored"):
        failed.add("p99", EngineError("the prompt has 99 tokens"))
