"""What a body gets of deepeval's metrics through its judges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from deepeval.metrics import FaithfulnessMetric

from harness.errors import CheckError, JudgeError
from harness.records import Judgement, Request, Score
from harness.scoring.judging import Judge
from tests.scoring.judging.panel import Bench

pytestmark = pytest.mark.service

PASSAGES = ["The bridge was built in 1932."]
GIVEN: dict[str, Any] = {"input": "When?", "output": "In 1932.", "context": PASSAGES}


def said(*verdicts: str, reason: str = "so it is") -> str:
    """An answer that holds whatever a metric of deepeval asks for."""
    found = [{"verdict": verdict, "reason": reason} for verdict in verdicts]
    return json.dumps(
        {"truths": ["t"], "claims": ["c"], "opinions": ["o"], "verdicts": found, "reason": reason, "score": 8}
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def faithful(judge: Judge, **options: Any) -> Any:
    return judge.measure(FaithfulnessMetric, **GIVEN, **options)


def asked_for(request: Request) -> list[str]:
    assert request.schema is not None
    return list(request.schema["properties"])


def test_a_score_has_the_metrics_reason_judge_and_rule(bench: Bench) -> None:
    bench.seat(j=said("yes", "no"))
    score = bench.run(faithful)
    assert isinstance(score, Score)
    assert (score.value, score.reason) == (0.5, "so it is")
    assert score.judged_by == bench.trace.judged_by
    assert score.judged_by.rubric.startswith("FaithfulnessMetric-")
    assert bench.trace.judgements == [Judgement("j", 4, 0, values=(0.5,))]


def test_what_a_metric_asks_at_once_is_asked_at_once_for_all_bodies(bench: Bench) -> None:
    """Truths and claims are asked for together, verdicts after them; the samples of a case share each request."""
    bench.seat(j=said("yes"))
    bench.run_all(faithful, samples=range(5))
    asked = [(asked_for(request), indices) for request, indices in bench.engines["j"].asked]
    everyone = (0, 1, 2, 3, 4)
    assert asked == [
        (["truths"], everyone),
        (["claims"], everyone),
        (["verdicts"], everyone),
        (["reason"], everyone),
    ]


def test_options_go_to_the_metric(bench: Bench) -> None:
    bench.seat(j=said("yes"))
    score = bench.run(lambda judge: faithful(judge, include_reason=False))
    assert (score.value, score.reason) == (1.0, None)
    assert len(bench.engines["j"].asked) == 3


def test_a_panel_gives_the_mean_and_says_who_gave_what(bench: Bench) -> None:
    bench.seat(small=said("no", reason="wrong"), large=said("yes", reason="right"))
    score = bench.run(faithful)
    assert (score.value, score.reason) == (0.5, "small 0.00, large 1.00, spread 0.71: small: wrong | large: right")
    assert len(score.judged_by.judges) == 2
    assert [each.judge for each in bench.trace.judgements] == ["small", "large"]


def test_a_judge_that_follows_no_form_is_an_error_of_the_body_whatever_it_does(bench: Bench) -> None:
    bench.seat(j="I would say yes.")

    async def careless(judge: Judge) -> float:
        try:
            return float((await faithful(judge)).value)
        except JudgeError:
            return 1.0

    assert bench.run(careless) == 1.0
    assert str(bench.trace.error).startswith("judge j gave no Truths as deepeval wants it, asked twice: it is no JSON")
    (judgement,) = bench.trace.judgements
    assert (judgement.n_malformed, judgement.is_complete) == (4, False)
    assert bench.trace.judged_by is not None


def test_in_place_of_an_answer_that_is_none_another_draw_is_taken(bench: Bench) -> None:
    """Also at temperature 0, where the same draw would be the same answer."""
    bench.seat(sampling={"temperature": 0}, j=lambda _, index: said("yes") if index else "hm")
    assert bench.run(faithful).value == 1.0
    assert bench.trace.judgements == [Judgement("j", 8, 4, values=(1.0,))]


def test_what_is_wrong_with_a_call_is_said_before_anything_is_asked(bench: Bench) -> None:
    bench.seat(j=said("yes"), k=said("yes"))
    for call, message in (
        (lambda judge: judge.measure("FaithfullnessMetric", **GIVEN), "Did you mean 'FaithfulnessMetric'"),
        (lambda judge: judge.measure(FaithfulnessMetric, output="!"), "FaithfulnessMetric needs input, retrieval_con"),
    ):
        with pytest.raises(CheckError, match=message):
            bench.run(call)
    assert bench.indices() == []
