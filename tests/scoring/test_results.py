import re

import pytest

from harness.errors import ScoreError
from harness.records import Measure
from harness.scoring.results import read_result


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"kept": value}])
def test_what_was_not_awaited_is_no_score_and_says_what_to_write(wrap) -> None:
    async def judged() -> float:
        return 1.0

    with pytest.raises(ScoreError, match="did not await; write `return await"):
        read_result(wrap(judged()))


def test_a_measure_has_the_range_and_the_quantile_that_it_declares() -> None:
    reading = read_result(Measure(1.4, "s", False, at_most=30, statistic="p95"))["score"]
    assert (reading.value, reading.unit, reading.higher_is_better) == (1.4, "s", False)
    assert (reading.at_least, reading.at_most, reading.statistic) == (0.0, 30.0, "p95")
    cold = read_result(Measure(-3, "C", at_least=-10, at_most=0, statistic="median"))["score"]
    assert (cold.at_least, cold.at_most, cold.statistic) == (-10.0, 0.0, "p50")


@pytest.mark.parametrize("unit", ["s", "ms", "seconds", "min", "h"])
def test_a_time_says_which_way_is_better_itself_or_by_the_marker(unit) -> None:
    told = f'score: Measure(…, "{unit}") does not say which way is better: add higher_is_better=False '
    with pytest.raises(ScoreError, match=re.escape(told)):
        read_result(Measure(1.5, unit))
    assert read_result(Measure(1.5, unit), is_aimed=True)["score"].higher_is_better
    assert read_result(Measure(1.5, unit, higher_is_better=True))["score"].higher_is_better
    assert read_result(Measure(1.5, "tokens/s"))["score"].higher_is_better


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"value": 31.5, "at_most": 30.0}, "the body measured 31.5 s, above at_most=30: cut it in the body"),
        ({"value": -0.5, "at_most": 30.0}, "the body measured -0.5 s, below at_least=0: cut it in the body"),
        ({"at_least": 1.0}, "at_least=1.0 alone is no range; write at_most= as well"),
        ({"at_least": 2.0, "at_most": 2.0}, "at_least=2 is not below at_most=2: that is no range"),
        ({"at_most": float("inf")}, "at_most=inf is no finite number"),
        ({"at_most": float("nan")}, "at_most=nan is no finite number"),
        ({"at_most": "30"}, "at_most='30' is no finite number"),
        ({"at_most": True}, "at_most=True is no finite number"),
        ({"statistic": "p100"}, "statistic='p100' is no quantile; write 'median', or 'p1' to 'p99'"),
        ({"statistic": "p0"}, "is no quantile"),
        ({"statistic": "mean"}, "is no quantile"),
        ({"statistic": 0.95}, "statistic=0.95 is no quantile"),
    ],
)
def test_a_range_or_quantile_that_can_not_be_is_refused(given, words) -> None:
    with pytest.raises(ScoreError) as caught:
        read_result({"latency": Measure(**{"value": 1.5, "unit": "s", "higher_is_better": False, **given})})
    assert str(caught.value).startswith("latency: ")
    assert words in str(caught.value)
