"""Prompts that were not answered are told together."""

from __future__ import annotations

import pytest

from harness.errors import CorpusError, EngineError
from harness.stages.failed_draws import FailedDraws


def test_each_error_is_told_once_with_all_its_prompts() -> None:
    failed = FailedDraws("wise", 900)
    failed.check(CorpusError)
    for prompt, said in (("b", "filtered."), ("c", "too long"), ("d", "filtered."), ("b", "filtered.")):
        failed.add(prompt, EngineError(said))
    message = r"wise gave no answer to 3 of 900 prompts\. 'b', 'd': filtered\. 'c': too long\. What was drawn is stored"
    with pytest.raises(CorpusError, match=message):
        failed.check(CorpusError)
    for number in range(300):
        failed.add(f"p{number}", EngineError("spent"))
    with pytest.raises(CorpusError, match=r"303 of 900 .*'p99' and 200 more: spent\."):
        failed.check(CorpusError)
