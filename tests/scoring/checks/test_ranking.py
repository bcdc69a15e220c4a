"""Rankings, against trec_eval as ir-measures runs it, and by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import Find, checks
from harness.errors import CheckError

RANKING = ["d1", "d2", "d3", "d4", "d5"]
GRADES = {"d2": 3, "d4": 1, "d5": 0, "d9": 2}


def oracle(measure: str, ranking: list[str], grades: Mapping[str, int]) -> float:
    ir_measures = pytest.importorskip("ir_measures")
    run = {"q": {name: float(len(ranking) - place) for place, name in enumerate(ranking)}}
    found = ir_measures.calc_aggregate([ir_measures.parse_measure(measure)], {"q": dict(grades)}, run)
    return float(next(iter(found.values())))


MEASURES: list[tuple[str, Callable[[Any, Any], float]]] = [
    ("R@3", lambda ranking, grades: checks.recall_at(ranking, grades, 3).value),
    ("P@3", lambda ranking, grades: checks.precision_at(ranking, grades, 3).value),
    ("P@10", lambda ranking, grades: checks.precision_at(ranking, grades, 10).value),
    ("RR", lambda ranking, grades: checks.reciprocal_rank(ranking, grades).value),
    ("AP", lambda ranking, grades: checks.average_precision(ranking, grades).value),
    ("nDCG@3", lambda ranking, grades: checks.ndcg_at(ranking, grades, 3).value),
    ("nDCG", lambda ranking, grades: checks.ndcg_at(ranking, grades).value),
]


@pytest.mark.parametrize(("measure", "ours"), MEASURES, ids=[name for name, _ in MEASURES])
def test_a_measure_is_trec_evals(measure: str, ours: Callable[[Any, Any], float]) -> None:
    assert ours(RANKING, GRADES) == pytest.approx(oracle(measure, RANKING, GRADES), abs=5e-5)


@pytest.mark.service
@pytest.mark.parametrize(("measure", "ours"), MEASURES, ids=[name for name, _ in MEASURES])
@given(st.permutations([f"d{number}" for number in range(12)]), st.dictionaries(st.integers(0, 15), st.integers(0, 4)))
def test_a_measure_is_trec_evals_for_any_ranking(
    measure: str, ours: Callable[[Any, Any], float], ranking: list[str], by_number: dict[int, int]
) -> None:
    grades = {"d0": 1, **{f"d{number}": grade for number, grade in by_number.items()}}
    if not any(grades.values()):
        return
    assert ours(ranking, grades) == pytest.approx(oracle(measure, ranking, grades), abs=5e-5)


def test_reasons_say_what_was_found_and_what_was_not() -> None:
    assert checks.recall_at(RANKING, GRADES, 3).reason == "1 of 3 relevant among the first 3; not 'd4' and 'd9'"
    assert checks.precision_at(RANKING, {"d1"}, 10).reason == "1 of the first 10 relevant"
    assert checks.reciprocal_rank(RANKING, {"d2"}).reason == "the first relevant at place 2"
    assert checks.reciprocal_rank(RANKING, {"x"}).reason == "none of 5 relevant"
    assert checks.average_precision(RANKING, {"d1"}).reason == "1 of 1 relevant found"
    assert checks.ndcg_at(RANKING, GRADES, 2).reason == "grades 0, 3; not 'd4' and 'd9'"


def test_an_empty_ranking_finds_nothing() -> None:
    for _, ours in MEASURES:
        assert ours([], GRADES) == 0


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: checks.recall_at(RANKING, set(), 3), "Nothing is relevant"),
        (lambda: checks.recall_at(RANKING, {"d1": 0}, 3), "Nothing is relevant"),
        (lambda: checks.recall_at(RANKING, {"d1"}, 0), "k = 0 is not a number of places"),
        (lambda: checks.recall_at(RANKING, {"d1"}, True), "k = True is not a number of places"),
        (lambda: checks.recall_at(["a", "b", "a"], {"a"}, 3), "holds 'a' twice"),
        (lambda: checks.recall_at("abc", {"a"}, 3), "'abc' is a text"),
        (lambda: checks.recall_at(RANKING, "d1", 3), "'d1' is a text"),
        (lambda: checks.recall_at([Find(1, "d1", 0.5, "")], {"d1"}, 3), "is no id; give ids, such as"),  # type: ignore[list-item]
        (lambda: checks.recall_at([{"id": "d1"}], {"d1"}, 3), "is no id; give ids, such as"),  # type: ignore[list-item]
        (lambda: checks.recall_at(["4", "3"], [3, 7], 2), "holds '3', and relevant is 3, which is another id"),  # type: ignore[list-item]
        (lambda: checks.ndcg_at(["3"], {3: 1}), "The ids of passages are texts"),  # type: ignore[dict-item]
        (lambda: checks.ndcg_at(RANKING, {"d1": -1}), "The grade of 'd1' is -1"),
    ],
)
def test_what_no_figure_can_be_given_for_is_an_error(broken: Callable[[], object], message: str) -> None:
    with pytest.raises(CheckError, match=message):
        broken()
