"""What checks are given."""

from __future__ import annotations

import asyncio
import doctest

import pytest

from harness import Score, checks, entry_points
from harness.errors import CheckError, ScoreError
from harness.records import Sample
from harness.scoring.checks import numbers, overlap, structure, text
from harness.scoring.checks.given import import_library
from tests.conftest import need

EVERY = entry_points.of_group("checks")
OWN = [point.name for point in EVERY if point.is_own and point.name not in ("deepeval", "lm_eval")]


@pytest.mark.parametrize("module", [numbers, overlap, structure, text], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module) -> None:
    if module in (overlap, structure):
        need("sacrebleu")
    done = doctest.testmod(module)
    assert (done.failed, done.attempted > 0) == (0, True)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "exact: the answer is no text but NoneType."),
        (Sample("Paris"), "no text but Sample; write `sample.text`"),
        (b"Paris", "no text but bytes."),
    ],
)
def test_an_answer_that_is_no_text_is_an_error(answer, words) -> None:
    with pytest.raises(CheckError) as raised:
        checks.exact(answer, "Paris")
    assert words in str(raised.value)


def test_an_answer_that_was_not_waited_for_is_an_error() -> None:
    answer = asyncio.sleep(0)
    with pytest.raises(CheckError, match=r"not waited for; write `await model.ask"):
        checks.token_f1(answer, "Paris")
    answer.close()


@pytest.mark.parametrize("check", [checks.exact, checks.normalised, checks.contains, checks.token_f1, checks.chrf])
@pytest.mark.parametrize("expected", [None, 4, [4], [], {"a": 1}.values()])
def test_an_expected_text_that_is_none_is_an_error(check, expected) -> None:
    with pytest.raises(CheckError, match="expected = "):
        check("4", expected)


def test_numbers_are_expected_with_numeric() -> None:
    with pytest.raises(CheckError, match="`numeric` compares numbers"):
        checks.exact("4", 4)


def test_a_package_that_is_not_installed_comes_with_its_command() -> None:
    with pytest.raises(CheckError, match=r'bleu needs the package absent_package: pip install .*\[checks\]"'):
        import_library("absent_package.inner", "bleu")


def test_a_score_is_neither_true_nor_false_so_that_asserting_it_can_not_pass() -> None:
    with pytest.raises(ScoreError, match=r"a Score \(0.0\) is neither true nor false; return it"):
        assert Score(0.0)
