"""Multiple choice by log likelihood."""

from __future__ import annotations

import asyncio
import math

import pytest

from harness import Score, checks
from harness.errors import CheckError, EngineError
from harness.records import Case
from harness.requests.bridge import call_body, settle
from harness.scoring.checks.choices import Choice


class Table:
    """A model whose log likelihoods are a table; like `Model` it gives something to await in an `async def` body."""

    def __init__(self, **table: float) -> None:
        self._table = table
        self.asked: list[tuple[str, str]] = []

    def loglikelihood(self, prompt, continuation):
        async def answer() -> float:
            self.asked.append((prompt, continuation))
            await asyncio.sleep(0)
            if continuation.strip() not in self._table:
                raise EngineError("no answer")
            return self._table[continuation.strip()]

        return settle(answer())


def result(check, *arguments, **keywords):
    """What a check gives in a `def` body."""
    return asyncio.run(call_body(lambda: check(*arguments, **keywords), {}))


def case(**fields) -> Case:
    return Case({"id": "one", "prompt": "Q: A colour? A:", "choices": ["red", "aquamarine"], **fields})


def test_the_choice_is_the_most_probable_for_its_length() -> None:
    model = Table(red=-3.0, aquamarine=-5.0)
    choice = result(checks.choose, model, "A colour:", ["red", "aquamarine"])
    assert choice == Choice(1, (-3.0, -5.0), (-1.0, -0.5))
    assert model.asked == [("A colour:", " red"), ("A colour:", " aquamarine")]


def test_sums_and_the_separator_can_be_chosen() -> None:
    model = Table(red=-3.0, aquamarine=-5.0)
    choice = result(checks.choose, model, "A colour:\n", ["red", "aquamarine"], length_normalised=False, separator="")
    assert choice.index == 0
    assert model.asked[0] == ("A colour:\n", "red")


def test_the_first_of_equal_choices_is_chosen() -> None:
    assert result(checks.choose, Table(a=-2.0, b=-2.0), "?", ["a", "b"]).index == 0


def test_impossible_choices_are_never_chosen() -> None:
    assert result(checks.choose, Table(a=-math.inf, b=-2.0), "?", ["a", "b"]).index == 1


def test_an_async_body_awaits_the_choice() -> None:
    async def body():
        return await checks.choose(Table(a=-1.0, b=-2.0), "?", ["a", "b"])

    assert asyncio.run(call_body(body, {})).index == 0


@pytest.mark.parametrize("expected", ["aquamarine", 1])
def test_the_right_choice_scores_1(expected) -> None:
    assert result(checks.multiple_choice, Table(red=-3.0, aquamarine=-5.0), case(expected=expected)) == Score(1.0)


def test_a_wrong_choice_says_what_was_chosen() -> None:
    model = Table(red=-3.0, aquamarine=-5.0)
    assert result(checks.multiple_choice, model, case(expected="red")) == Score(
        0.0, "chose 'aquamarine' (-0.500 a character) over 'red' (-1.000)"
    )
    assert result(checks.multiple_choice, model, case(expected=1), length_normalised=False) == Score(
        0.0, "chose 'red' (-3.000) over 'aquamarine' (-5.000)"
    )


@pytest.mark.parametrize("choices", [[], ["a"], "ab", ["a", "a"], ["a", " "], ["a", 2]])
def test_choices_that_can_not_be_weighed_are_an_error(choices) -> None:
    with pytest.raises(CheckError, match="choose: "):
        result(checks.choose, Table(), "?", choices)


@pytest.mark.parametrize("expected", ["green", 2, -1, True, None])
def test_an_expected_choice_that_is_none_is_an_error(expected) -> None:
    with pytest.raises(CheckError, match="is neither one of the choices \\('red', 'aquamarine'\\)"):
        result(checks.multiple_choice, Table(), case(expected=expected))


def test_a_log_likelihood_that_is_no_number_is_an_error() -> None:
    with pytest.raises(CheckError, match="NaN"):
        result(checks.choose, Table(a=math.nan, b=-1.0), "?", ["a", "b"])


def test_an_error_of_the_engine_stays_one() -> None:
    with pytest.raises(EngineError, match="no answer"):
        result(checks.choose, Table(a=-1.0), "?", ["a", "b"])
