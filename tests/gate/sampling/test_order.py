"""The order of bodies: a random one that content alone settles, versions in turn, batches of a single case."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.sampling.order import Order, most_samples, order_of
from harness.records import Case


def evaluation(n_cases: int = 40, **marker: Any) -> Evaluation:
    plan = read_plan({"samples": 4, **marker}, Settings(root=Path()), where="test")
    cases = tuple(Case({"id": f"c{i}", "page": i // 4}) for i in range(n_cases))
    return Evaluation("test", plan, cases, lambda: None, lambda error: "error")


def test_sequential_cases_come_in_a_random_order_that_the_seed_settles() -> None:
    first, again, other = (order_of(evaluation(), 2, seed).cases for seed in (0, 0, 1))
    assert first == again != other
    assert sorted(first) == sorted(other) == list(range(40))
    assert first != tuple(range(40))


def test_more_cases_leave_the_order_of_the_others_alone() -> None:
    few, many = order_of(evaluation(30), 2, 0).cases, order_of(evaluation(40), 2, 0).cases
    assert tuple(case for case in many if case < 30) == few


def test_cases_of_a_cluster_come_together() -> None:
    pages = [case // 4 for case in order_of(evaluation(cluster="page"), 2, 0).cases]
    changes = sum(one != other for one, other in pairwise(pages))
    assert changes == 9
    assert pages != sorted(pages)


def test_versions_take_turns_in_a_sequential_design_and_not_in_a_fixed_one() -> None:
    sequential = list(order_of(evaluation(), 2, 0).work(("candidate", "baseline")))
    assert sequential[:4] == [("candidate", 0), ("baseline", 0), ("candidate", 1), ("baseline", 1)]
    fixed = list(order_of(evaluation(design="fixed"), 2, 0).work(("candidate", "baseline")))
    assert [role for role, _ in fixed] == ["candidate"] * 40 + ["baseline"] * 40
    assert order_of(evaluation(design="fixed"), 2, 0).cases == tuple(range(40))


@pytest.mark.parametrize("marker", [{"design": "fixed"}, {}], ids=["fixed", "nothing required"])
def test_what_may_be_cut_comes_in_the_random_order_with_the_versions_in_turn(marker: dict[str, Any]) -> None:
    n_versions = 2 if marker else 1
    order = order_of(evaluation(**marker), n_versions, 0, may_be_cut=True)
    assert (order.interleaved, order.stops) == (True, False)
    assert order.cases == order_of(evaluation(threshold=0.9), 1, 0).cases
    assert order.n_bodies == 40 * 4


def test_a_sequential_design_has_the_same_order_whether_it_may_be_cut_or_not() -> None:
    assert order_of(evaluation(), 2, 0, may_be_cut=True) == order_of(evaluation(), 2, 0)
    single = evaluation(1, per="case", threshold=0.9, margin=0.1)
    assert order_of(single, 1, 0, may_be_cut=True) == order_of(single, 1, 0)


@pytest.mark.parametrize(
    ("entry", "n_versions"),
    [(evaluation(), 1), (evaluation(1, threshold=0.9), 2)],
    ids=["nothing required", "one case"],
)
def test_what_there_is_nothing_to_stop_for_is_drawn_whole(entry: Evaluation, n_versions: int) -> None:
    assert not order_of(entry, n_versions, 0).interleaved


def test_a_single_case_is_drawn_in_batches_up_to_one_and_a_half_times_the_fixed_design() -> None:
    order = order_of(evaluation(1, per="case", threshold=0.9, margin=0.1), 1, 0)
    assert (order.n_samples, order.batch, order.n_steps) == (199, 4, 50)
    assert list(order.bodies(49)) == [(0, 196), (0, 197), (0, 198)]
    assert order_of(evaluation(1, per="case", threshold=0.9, margin=0.1, max_samples=60), 1, 0).n_samples == 60


def test_the_most_samples_of_a_single_case_are_about_one_and_a_half_times_135() -> None:
    """0.9 against 0.8 with both errors 0.05 takes 135 samples on a fixed design."""
    assert most_samples(0.9, 0.1) == pytest.approx(1.5 * 135, rel=0.03)
    assert most_samples(1.0, 0.5) >= 20


def test_a_step_holds_the_bodies_that_are_said_to_be_in_it() -> None:
    order = Order(cases=(2, 0), n_samples=7, batch=3, interleaved=True, stops=True)
    steps = [order.bodies(step) for step in range(order.n_steps)]
    assert steps[:3] == [[(2, 0), (2, 1), (2, 2)], [(2, 3), (2, 4), (2, 5)], [(2, 6)]]
    assert [body for step in steps for body in step] == [(case, sample) for case in (2, 0) for sample in range(7)]
    assert order.n_bodies == 14


def test_shares_of_workers_are_all_cases_once_and_single_cases_go_to_different_ones() -> None:
    order = order_of(evaluation(41), 2, 0)
    shares = [order.of_worker((number, 4), "test").cases for number in range(1, 5)]
    assert sorted(case for share in shares for case in share) == list(range(41))
    assert {len(share) for share in shares} == {10, 11}
    alone = order_of(evaluation(1, per="case", threshold=0.8, margin=0.1), 1, 0)
    taken = [number for name in map(str, range(40)) for number in (1, 2) if alone.of_worker((number, 2), name).cases]
    assert len(taken) == 40
    assert set(taken) == {1, 2}


def test_a_worker_takes_the_steps_of_a_piece_in_an_order_of_its_own() -> None:
    order = order_of(evaluation(), 2, 0).of_worker((1, 1), "test")
    steps = [step for role, step in order.work(("candidate", "baseline")) if role == "candidate"]
    assert order.piece == 10
    assert [sorted(steps[begin : begin + 10]) for begin in (0, 10, 20, 30)] == [
        list(range(begin, begin + 10)) for begin in (0, 10, 20, 30)
    ]
    assert steps != sorted(steps)
    whole = order_of(evaluation(design="fixed"), 2, 0).of_worker((1, 1), "test")
    assert (whole.piece, sorted(step for _, step in whole.work(("candidate",)))) == (40, list(range(40)))
