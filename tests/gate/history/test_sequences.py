"""The order in which two sides drew their cases, as far as their reports tell it."""

from __future__ import annotations

import numpy as np
import pytest

from harness.gate.history.comparison import match
from harness.gate.history.scores import Cases, cases_of, stopped_at
from harness.store import Store
from tests.gate.stored import Scored, run, side

STOPS = {"design": "sequential", "margin": 0.2}
ONE = [f"c{number}" for number in (3, 1, 4, 0, 5, 9, 2, 6, 8, 7, *range(10, 60))]
OTHER = sorted(ONE)


def scored(order: list[str], value: float = 1.0) -> Scored:
    """Two equal versions, whose scores were drawn in this order."""
    values = {case: [value] for case in order}
    return Scored("x.py::test_it", values, values, rule=STOPS)


def paired(store: Store, theirs: Scored, pattern: str = "*") -> Cases:
    """The cases of a run that drew in the order `ONE`, and of another."""
    ours = run(store, "r1", scored(ONE))
    other = run(store, "r2", theirs, names={"candidate": "old"})
    (pair,) = match(store, ours, other, None).pairs
    return cases_of(pair, pattern)


def test_both_sides_of_one_run_have_its_order_as_far_as_it_was_decided(store: Store) -> None:
    ours = run(store, "r1", scored(ONE))
    n_decided = ours.report.evaluations[0].n_cases
    (pair,) = match(store, ours, side(store, "r1", "baseline"), None).pairs
    cases = cases_of(pair, "*")
    assert 10 < n_decided < len(ONE)
    assert (list(cases.paired), cases.is_sequential, cases.why_fixed) == (ONE[:n_decided], True, "")


def test_runs_in_one_order_have_the_beginning_that_both_have(store: Store) -> None:
    cases = paired(store, scored([case for case in ONE if case != "c4"]))
    assert cases.is_sequential
    assert "c4" not in cases.paired
    assert list(cases.paired) == [case for case in ONE[: len(cases.paired) + 1] if case != "c4"]
    assert cases.candidate_alone == 1


def test_runs_in_different_orders_have_none_and_keep_every_case(store: Store) -> None:
    cases = paired(store, scored(OTHER))
    assert not cases.is_sequential
    assert "different orders" in cases.why_fixed
    assert len(cases.paired) == len(ONE)


def test_a_run_that_drew_everything_has_any_order(store: Store) -> None:
    values = {case: [1.0] for case in OTHER}
    cases = paired(store, Scored("x.py::test_it", values))
    assert cases.is_sequential
    assert list(cases.paired) == ONE[: len(cases.paired)]


@pytest.mark.parametrize(("pattern", "n_planned"), [("*", 60), ("c1*", None)])
def test_what_could_have_been_drawn_is_known_of_all_cases_only(
    store: Store, pattern: str, n_planned: int | None
) -> None:
    values = {case: [1.0] for case in ONE}
    stops = Scored("x.py::test_it", values, values, rule={**STOPS, "n_planned": 60})
    ours = run(store, "r1", stops)
    (pair,) = match(store, ours, side(store, "r1", "baseline"), None).pairs
    cases = cases_of(pair, pattern)
    assert cases.n_planned == (n_planned or len(cases.paired))
    assert np.all([case.startswith(pattern.rstrip("*")) for case in cases.paired])


def test_a_run_that_its_budget_ended_has_the_order_that_it_drew_as_far_as_it_came(store: Store) -> None:
    rule = {"n_planned": len(ONE), "stopped_at": "max_tokens 9"}
    values = {case: [1.0] for case in ONE[:8]}
    ours = run(store, "r1", Scored("x.py::test_it", values, values, rule=rule))
    (pair,) = match(store, ours, side(store, "r1", "baseline"), None).pairs
    cases = cases_of(pair, "*")
    assert (list(cases.paired), cases.is_sequential, cases.n_planned) == (ONE[:8], True, len(ONE))
    assert stopped_at(pair.candidate) == "max_tokens 9"
