"""What a body gets of its judges: ratings, preferences, repeats, panels, and what goes wrong."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CheckError, EngineError, JudgeError, RubricError
from harness.records import Case, Request, Sample, Score, ScoringRule, Shown, TokenLogprob
from harness.requests.model import SETS_APART
from harness.scoring.judging import Judge
from harness.scoring.judging.asking import LEAST_TOKENS, MOST_REPEATS
from tests.scoring.judging.panel import Bench, chosen, rated
from tests.scoring.judging.rubrics import SUMMARY, rubric, with_sections

CASE = Case({"id": "peru", "prompt": "Capital of Peru?", "expected": "Lima"})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.write("r.md", SUMMARY)
    return made


def rate(**options: Any) -> Any:
    return lambda judge: judge.rate("Lima.", rubric="r.md", case=CASE, **options)


def prefer(**options: Any) -> Any:
    return lambda judge: judge.prefer("Lima.", "Cusco.", rubric="r.md", case=CASE, **options)


def first_shown(request: Request) -> str:
    """What stands as answer A."""
    return request.messages[-1]["content"].partition("[begin answer A")[2].split("\n")[1]


def test_a_rating_is_a_score_with_reason_judge_and_rubric(bench: Bench) -> None:
    bench.seat(j=rated(3, "half of it"))
    score = bench.run(rate())
    assert isinstance(score, Score)
    assert (score.value, score.reason) == (0.5, "3 on 1 to 5: half of it")
    assert score.judged_by == bench.trace.judged_by
    assert score.judged_by.rubric == rubric().digest
    assert len(score.judged_by.judges[0]) == 32
    assert bench.trace.shown == {score.judged_by: Shown((("prompt", "Capital of Peru?"),))}
    (request, indices), *_ = bench.engines["j"].asked
    assert request.schema["properties"]["score"] == {"type": "integer", "enum": [1, 3, 5]}
    assert indices == (0,)


def test_both_kinds_of_bodies_get_the_same(bench: Bench) -> None:
    bench.seat(j=rated(5))

    async def waits(judge: Judge) -> Any:
        score = await judge.rate("Lima.", rubric="r.md", case=CASE)
        return score, await judge.rate("Cusco.", rubric="r.md", case=CASE)

    def plain(judge: Judge) -> Any:
        return judge.rate("Lima.", rubric="r.md", case=CASE), judge.rate("Cusco.", rubric="r.md", case=CASE)

    assert bench.run(waits) == bench.run(plain)
    assert bench.trace.unawaited() == []


def test_a_judge_is_drawn_with_the_index_of_its_body(bench: Bench) -> None:
    bench.seat(j=lambda _, index: rated((1, 3, 5)[index % 3]))
    assert [score.value for score in bench.run_all(rate(), samples=[0, 1, 2, 3, 4, 5])] == [0, 0.5, 1, 0, 0.5, 1]
    assert bench.engines["j"].asked[0][1] == (0, 1, 2, 3, 4, 5)


def test_what_was_drawn_is_not_drawn_again(bench: Bench) -> None:
    bench.seat(j=rated(3))
    first = bench.run(rate(repeats=2))
    assert bench.trace.drew
    assert bench.run(rate(repeats=2)) == first
    assert not bench.trace.drew
    assert len(bench.indices()) == 2


def test_more_repeats_draw_only_what_is_missing(bench: Bench) -> None:
    bench.seat(j=lambda _, index: rated(1 if index < SETS_APART else 5))
    assert bench.run(rate()).value == 0
    score = bench.run(rate(repeats=3))
    assert score.value == pytest.approx(2 / 3)
    assert score.reason == "1, 5, 5 (noise 0.58) on 1 to 5: so it is"
    assert bench.indices() == [0, SETS_APART, 2 * SETS_APART]


def test_repeats_of_one_case_are_one_request_with_several_choices(bench: Bench) -> None:
    bench.seat(j=rated(3))
    bench.run_all(rate(repeats=3), samples=[0, 1])
    ((_, indices),) = bench.engines["j"].asked
    assert sorted(indices) == [0, 1, SETS_APART, SETS_APART + 1, 2 * SETS_APART, 2 * SETS_APART + 1]


def test_a_panel_gives_its_mean_and_tells_its_spread(bench: Bench) -> None:
    bench.seat(mild=rated(5, "fine"), strict=rated(1, "poor"))
    score = bench.run(rate())
    assert score.value == 0.5
    assert score.reason == "mild 5, strict 1 on 1 to 5, spread 0.71: mild: fine | strict: poor"
    assert len(set(score.judged_by.judges)) == 2
    assert [entry.judge for entry in bench.trace.judgements] == ["mild", "strict"]


def test_a_weighted_score_goes_by_the_probabilities_at_its_token(bench: Bench) -> None:
    bench.seat(j=rated(3))
    tokens = (TokenLogprob(" 3", math.log(0.5), ((" 3", math.log(0.5)), (" 5", math.log(0.5)))), TokenLogprob("}", 0.0))

    async def sample(request: Request, indices: Any) -> list[Sample]:
        assert request.logprobs == 20
        return [Sample(rated(3), index, logprobs=tokens) for index in indices]

    bench.engines["j"].sample = sample  # type: ignore[method-assign]
    score = bench.run(rate(weighted=True))
    assert (score.value, score.reason) == (0.75, "4 on 1 to 5: so it is")


def test_a_preference_sees_both_orders(bench: Bench) -> None:
    bench.seat(j=lambda request, _: chosen("A" if first_shown(request) == "Lima." else "B"))
    score = bench.run(prefer())
    assert (score.value, score.reason) == (1.0, "better in both orders: so it is")
    assert sorted(first_shown(request) for request, _ in bench.engines["j"].asked) == ["Cusco.", "Lima."]
    (made,) = bench.trace.judgements
    assert (made.flip, made.first_wins, made.n_answers) == (0.0, 0.5, 2)
    assert bench.trace.shown[score.judged_by].compared == ("Lima.", "Cusco.")


def test_a_preference_needs_no_scale(bench: Bench) -> None:
    bench.seat(j=chosen("B"))
    bench.write("r.md", with_sections(Scale=""))
    assert bench.run(prefer()).value == 0.5
    with pytest.raises(RubricError, match=r"r.md has no scale, and judge.rate needs one"):
        bench.run(rate())


@pytest.mark.parametrize("answer", ["", "no JSON", rated(2), rated("3"), '{"score": 3}'])
def test_an_answer_that_follows_no_form_is_drawn_once_more_and_counted(bench: Bench, answer: str) -> None:
    bench.seat(j=lambda _, index: answer if index < MOST_REPEATS * SETS_APART else rated(5))
    assert bench.run(rate(repeats=2)).value == 1
    (made,) = bench.trace.judgements
    assert (made.n_answers, made.n_malformed, made.is_complete) == (4, 2, True)
    assert bench.trace.error is None


def test_after_two_such_answers_there_is_no_judgement_and_no_score(bench: Bench) -> None:
    """An error of the judge: never a 0. It counts though the body catches it."""
    bench.seat(good=rated(5), bad=rated(7))

    async def catches(judge: Judge) -> float:
        with pytest.raises(
            JudgeError, match=r"judge bad gave no judgement, asked twice: the score 7 is none of 1, 3, 5"
        ):
            await judge.rate("Lima.", rubric="r.md", case=CASE)
        return 1.0

    bench.run(catches)
    assert isinstance(bench.trace.error, JudgeError)
    assert isinstance(bench.trace.error, EngineError)
    good, bad = bench.trace.judgements
    assert (good.n_answers, good.n_malformed, good.is_complete) == (1, 0, True)
    assert (bad.n_answers, bad.n_malformed, bad.is_complete) == (2, 2, False)


def test_an_error_of_the_engine_is_the_bodys(bench: Bench) -> None:
    def down(*_: object) -> str:
        raise EngineError("down for good")

    bench.seat(good=rated(5), bad=down)
    with pytest.raises(EngineError, match="down for good"):
        bench.run(rate())
    assert str(bench.trace.error) == "down for good"


def test_a_judge_has_room_for_its_reason_whatever_its_own_answers_get(bench: Bench) -> None:
    for sampling, room in (({"max_tokens": 16}, LEAST_TOKENS), ({"max_tokens": 2000}, 2000), ({}, None)):
        bench.seat(sampling=sampling, j=rated(3))
        bench.run(rate())
        request, _ = bench.engines["j"].asked[-1]
        assert request.sampling.get("max_tokens") == room


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda judge: judge.rate(Sample("Lima"), rubric="r.md"),
            "judge.rate: the answer is no text but Sample; write",
        ),
        (lambda judge: judge.prefer("Lima", None, rubric="r.md"), "judge.prefer: the answer is no text but NoneType"),
        (lambda judge: judge.rate("Lima", rubric="r.md", repeats=0), "repeats = 0 is not how often to ask; write 1 to"),
        (lambda judge: judge.rate("Lima", rubric="r.md", repeats=True), "repeats = True is not how often to ask"),
        (lambda judge: judge.prefer("a", "b", rubric="r.md", repeats=101), "repeats = 101 is not how often"),
    ],
)
def test_what_can_not_be_asked_is_refused(bench: Bench, call: Any, said: str) -> None:
    bench.seat(j=rated(3))
    with pytest.raises(CheckError, match=said):
        bench.run(call)
    assert bench.engines["j"].asked == []


def test_a_rubric_that_can_not_be_used_is_refused_before_the_judge_is_asked(bench: Bench) -> None:
    bench.seat(j=rated(3))
    bench.write("ten.md", with_sections(Scale="- 0: bad\n- 10: good"))
    bench.write("text.md", with_sections(Input="text"))
    for call, said in (
        (lambda judge: judge.rate("a", rubric="gone.md"), "There is no rubric 'gone.md'"),
        (lambda judge: judge.rate("a", rubric="ten.md", weighted=True), "probabilities of single digits"),
        (lambda judge: judge.rate("a", rubric="text.md", case=CASE), "shows the judge the field 'text' of the case"),
    ):
        with pytest.raises(RubricError, match=said):
            bench.run(call)
    assert bench.engines["j"].asked == []


def test_two_cases_never_share_a_draw(bench: Bench) -> None:
    """The same answer to the same question in two cases is judged twice, so that the cases stay independent."""
    bench.seat(j=rated(3))
    for case_id in ("peru", "chad", "peru"):
        bench.run(lambda judge: judge.rate("Yes.", rubric="r.md"), case_id=case_id)
    assert len(bench.engines["j"].asked) == 2


def test_a_judge_that_is_not_waited_for_is_noticed(bench: Bench) -> None:
    bench.seat(j=rated(3))

    async def forgets(judge: Judge) -> None:
        judge.rate("Lima.", rubric="r.md")
        assert bench.trace.unawaited() == ["judge.rate"]
        bench.trace.drop_unawaited()

    bench.run(forgets)


def test_a_judge_tells_its_names(bench: Bench) -> None:
    bench.seat(mild=rated(3), strict=rated(3))
    assert bench.run(lambda judge: (judge.name, repr(judge))) == ("mild, strict", "<judge mild, strict>")


def test_by_whom_and_by_what_is_one_text_in_the_store() -> None:
    by = ScoringRule(("a", "b"), "Faithfulness/2")
    assert ScoringRule.parse(str(by)) == by
