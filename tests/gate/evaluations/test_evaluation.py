"""The plan of an evaluation: marker first, then option or setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import Settings
from harness.errors import MarkerError
from harness.gate.evaluations.evaluation import KEYWORDS, Evaluation, check_evaluation, read_plan, with_design
from harness.gate.sampling.order import order_of
from harness.records import Case

SETTINGS = Settings(root=Path(), samples=7, margin=0.1, margin_is_default=False, max_samples=99)


def test_settings_hold_where_the_marker_is_silent() -> None:
    plan = read_plan({}, SETTINGS, where="test")
    assert (plan.samples, plan.margin, plan.max_samples) == (7, 0.1, 99)
    assert (plan.threshold, plan.per, plan.cluster, plan.requirement) == (None, "suite", None, None)


def test_marker_wins() -> None:
    plan = read_plan({"samples": 2, "margin": 0, "max_samples": 5}, SETTINGS, where="test")
    assert (plan.samples, plan.margin, plan.max_samples) == (2, 0.0, 5)


def test_none_in_a_marker_is_silence() -> None:
    assert read_plan(dict.fromkeys(("samples", "threshold", "margin")), SETTINGS, where="test").samples == 7


@pytest.mark.parametrize(
    ("margin", "settings", "is_default"),
    [({}, Settings(root=Path()), True), ({"margin": 0.05}, Settings(root=Path()), False), ({}, SETTINGS, False)],
)
def test_margin_is_default_only_where_nobody_set_it(margin: dict, settings: Settings, is_default: bool) -> None:
    assert read_plan(margin, settings, where="test").margin_is_default is is_default


def test_threshold_outside_0_and_1_is_for_measures() -> None:
    assert read_plan({"threshold": -3}, SETTINGS, where="test", measures=True).threshold == -3.0
    with pytest.raises(MarkerError, match=r"harness.Measure may have one in its unit"):
        read_plan({"threshold": -3}, SETTINGS, where="test")


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_misspelt_keyword_names_the_right_one(keyword: str) -> None:
    with pytest.raises(MarkerError, match=f"Did you mean '{keyword}'"):
        read_plan({f"{keyword}x": 1}, SETTINGS, where="test")


@pytest.mark.parametrize(("keyword", "table"), [("rate", "load"), ("num_fewshot", "task")])
def test_a_word_of_a_table_is_no_keyword(keyword: str, table: str) -> None:
    with pytest.raises(MarkerError, match=f'word of {table}={{"{keyword}"'):
        read_plan({keyword: 1}, SETTINGS, where="test")


def test_max_samples_counts_the_samples_of_one_version() -> None:
    cases = tuple(Case({"id": str(i)}) for i in range(10))

    def check(**keywords: object) -> None:
        check_evaluation(read_plan({"samples": 3, **keywords}, SETTINGS, where="test"), cases, where="test")

    check(max_samples=30, design="fixed")
    with pytest.raises(MarkerError, match="30 samples, more than max_samples = 29"):
        check(max_samples=29, design="fixed")


def test_max_samples_bounds_a_sequential_design_where_it_stops() -> None:
    cases = tuple(Case({"id": str(i)}) for i in range(10))
    plan = read_plan({"samples": 3, "max_samples": 10, "threshold": 0.5}, SETTINGS, where="test")
    plan = with_design(plan, len(cases), 0.95)
    assert plan.design == "sequential"
    check_evaluation(plan, cases, where="test")
    order = order_of(Evaluation("test", plan, cases, lambda: None, lambda error: "error"), 1, 0)
    assert order.n_steps == 3
