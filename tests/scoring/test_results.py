import pytest

from harness.errors import ScoreError
from harness.records import Score
from harness.scoring.results import read_result


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"kept": value}])
def test_what_was_not_awaited_is_no_score_and_says_what_to_write(wrap) -> None:
    async def judged() -> float:
        return 1.0

    with pytest.raises(ScoreError, match="did not await; write `return await"):
        read_result(wrap(judged()))


@pytest.mark.parametrize("disagreement", [None, 0, 0.25, 0.5])
def test_how_far_opinions_differ_comes_with_the_score(disagreement) -> None:
    assert read_result(Score(0.5, disagreement=disagreement))["score"].disagreement == disagreement


@pytest.mark.parametrize("disagreement", [-0.1, 0.51, float("nan"), True, "0.1"])
def test_what_no_opinions_can_differ_by_is_refused(disagreement) -> None:
    with pytest.raises(ScoreError, match="is no standard deviation of scores"):
        read_result(Score(0.5, disagreement=disagreement))
