"""A plan that can't be carried out is refused with what to give instead; arrivals have the law that is said."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.config.typed import read
from harness.errors import UsageError
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt, arrival_times, planned_prompts, read_prompts


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": 0}, "rate = 0 is not above 0"),
        ({"rate": math.nan}, "rate = nan is not a number"),
        ({"concurrency": 0}, "concurrency = 0 is below 1"),
        ({}, "none is given"),
        ({"rate": 1.0, "concurrency": 1}, "both are given"),
        ({"rate": 1.0, "seconds": 0.0}, "seconds = 0.0 is not above 0"),
        ({"rate": 1.0, "requests": 0}, "requests = 0 is below 1"),
        ({"rate": 1.0, "output_tokens": 0}, "output_tokens = 0 is below 1"),
        ({"rate": 1.0, "warm_up": -1}, "warm_up = -1 is below 0"),
        ({"rate": 1e6, "seconds": 1e6}, "give 1 to 1,000,000"),
        ({"rate": 0.2, "seconds": 2.0}, "rate × seconds = 0.4 is no number of requests"),
        ({"rate": 1.0, "objective": {"tftt": 1.0}}, "Did you mean 'ttft'?"),
        ({"rate": 1.0, "objective": {"ttft": 0.0}}, "names nothing that could be kept"),
        ({"rate": 1.0, "accept": ["cahce"]}, "Did you mean 'cache'?"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(LoadPlan, given, where="it", error=UsageError)
    assert said in str(caught.value)


def test_what_has_no_number_of_requests_has_an_ample_one() -> None:
    assert LoadPlan(rate=2.0, seconds=10.0).n_requests() == 20
    assert LoadPlan(rate=2.0, seconds=10.0, requests=7).n_requests() == 7
    assert LoadPlan(rate=1.0).n_requests() == 300
    assert LoadPlan(concurrency=4, seconds=10.0).n_requests() == 2_000
    assert LoadPlan(concurrency=100, seconds=60.0).n_requests() == 20_000
    assert LoadPlan(concurrency=4, seconds=10.0, requests=7).n_requests() == 7


def times(plan: LoadPlan, seed: int = 0) -> np.ndarray:
    found = arrival_times(plan, np.random.default_rng(seed))
    assert found is not None
    return np.array(found)


def test_gaps_of_a_poisson_process_are_exponential() -> None:
    gaps = np.diff(times(LoadPlan(rate=20.0, requests=20_000)), prepend=0.0)
    assert stats.kstest(gaps, stats.expon(scale=1 / 20).cdf).pvalue > 0.01


@pytest.mark.parametrize("plan", [LoadPlan(rate=25.0), LoadPlan(rate=25.0, seconds=12.0)])
def test_the_rate_that_comes_is_the_one_that_was_planned(plan: LoadPlan) -> None:
    """`--rate 25` with seed 0 was sent at 21.6/s, a draw that was 2.75 standard deviations off, and was valid."""
    spans = np.array([times(plan, seed)[-1] for seed in range(500)])
    assert len(times(plan)) == 300
    assert spans.max() < 12.0
    assert spans.mean() == pytest.approx(12.0 * 300 / 301, abs=0.01)


def test_when_they_come_in_that_time_is_as_random_as_poisson_says() -> None:
    """Of 100 arrivals those in the first half are binomial."""
    counts = np.array([(times(LoadPlan(rate=10.0, seconds=10.0), seed) < 5.0).sum() for seed in range(1000)])
    assert abs(counts.mean() - 50) < 4 * 5 / np.sqrt(1000)
    assert 0.8 < counts.var() / 25 < 1.2


def test_requests_and_seconds_bound_what_arrives() -> None:
    assert len(times(LoadPlan(rate=100.0, seconds=100.0, requests=7))) == 7
    assert times(LoadPlan(rate=1.0, seconds=5.0, requests=1000)).max() < 5.0
    assert (np.diff(times(LoadPlan(rate=50.0, requests=5_000))) >= 0).all()
    assert arrival_times(LoadPlan(concurrency=3), np.random.default_rng(0)) is None


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
