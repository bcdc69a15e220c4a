"""Cases that resemble each other: which are one cluster, and how often a gate is wrong that was not told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import Settings
from harness.decisions import Observations, decide
from harness.gate.evaluations.evaluation import Evaluation, bet_on_together, clusters_of, read_plan
from harness.gate.evaluations.resemblance import Copies, find_copies
from harness.gate.sampling.order import order_of
from harness.records import Case, Verdict, VerdictKind
from tests.decisions.observations import replace
from tests.error_rates import is_at_most

RUNS = 200
PROMPTS, EACH = 20, 10


def evaluation(prompts: list[str], **marker: Any) -> Evaluation:
    """An evaluation with these prompts, whose copies were looked for."""
    plan = read_plan({"samples": 2, **marker}, Settings(root=Path()), where="test")
    cases = tuple(Case({"id": f"c{i}", "prompt": prompt}) for i, prompt in enumerate(prompts))
    copies = find_copies(cases)
    return Evaluation("test", plan, cases, lambda: None, lambda error: "error", copies=copies)


def suite(**marker: Any) -> Evaluation:
    """Twenty questions, each ten times, and nobody said so."""
    questions = [f"What comes after {number} in this row?" for number in range(PROMPTS)]
    return evaluation([" " * times + each for times in range(EACH) for each in questions], **marker)


def gate(asked: Evaluation, rng: np.random.Generator, drop: float, share: float) -> Verdict:
    """The verdict on a candidate that answers `share` of the questions otherwise, and is lower by `drop`."""
    theirs = (rng.random(PROMPTS) < 0.8).astype(float)
    lost, changed = rng.random(PROMPTS) < drop, rng.random(PROMPTS) < share
    ours = np.where(lost, theirs - 1, np.where(changed, (rng.random(PROMPTS) < 0.8).astype(float), theirs))
    ours, theirs = (ours + 1) / 2, (theirs + 1) / 2  # graded, so that every question can lose as much
    order = order_of(asked, 2, int(rng.integers(1 << 30)))
    numbers = np.array(order.cases) % PROMPTS
    found = clusters_of(asked, order.cases)
    return decide([observed(asked, order.cases, ours[numbers], theirs[numbers], found)], 0.95)[0]


def observed(asked: Evaluation, numbers: Any, ours: Any, theirs: Any, found: Any) -> Observations:
    return Observations(
        id=asked.id,
        metric="score",
        plan=replace(asked.plan, about="population"),
        case_ids=tuple(asked.cases[number].id for number in numbers),
        candidate=np.repeat(np.asarray(ours, dtype=float)[:, np.newaxis], 2, axis=1),
        baseline=np.repeat(np.asarray(theirs, dtype=float)[:, np.newaxis], 2, axis=1),
        n_planned=len(asked.cases),
        largest_cluster=bet_on_together(asked),
        **found,
    )


def keeps_its_rates(asked: Evaluation, rate: float) -> tuple[bool, bool]:
    """Whether it is green so seldom where the candidate is lower by the whole margin, and red where it is as good."""
    rng = np.random.default_rng(5)
    green = is_at_most(rate, lambda: gate(asked, rng, 0.1, 0.0).verdict is VerdictKind.PASSED, RUNS)
    red = is_at_most(rate, lambda: gate(asked, rng, 0.0, 0.5).verdict.is_red, RUNS)
    return green, red


@pytest.mark.service
@pytest.mark.parametrize("design", ["sequential", "fixed"])
def test_copies_that_nobody_declared_make_no_gate_wrong_more_often(design: str) -> None:
    asked = suite(design=design)
    assert asked.copies is not None
    assert asked.copies.n_distinct == PROMPTS
    assert keeps_its_rates(replace(asked, plan=replace(asked.plan, cluster=False)), 0.1) == (False, False)
    assert keeps_its_rates(asked, 0.05) == (True, True)


def test_the_verdict_says_how_many_cases_they_count_as() -> None:
    verdict = gate(suite(), np.random.default_rng(0), 0.0, 0.0)
    assert (verdict.n_cases, verdict.n_clusters, verdict.largest_cluster) == (200, 20, 10)
    assert verdict.clusters_known_by == "texts"
    assert "200 cases count as 20, for some are copies of others" in verdict.reason
    assert "more cases that are not copies would decide it" in verdict.reason
    assert verdict.samples_needed is not None
    assert verdict.samples_needed / 2 < 200  # in new questions, not in copies of the old ones


def test_copies_come_together_and_a_single_pair_costs_next_to_nothing() -> None:
    prompts = [f"Which word stands for the number {number}?" for number in range(199)]
    asked = evaluation([*prompts, f" {prompts[7]}"], about="population", design="sequential")
    order = order_of(asked, 2, 0)
    assert abs(order.cases.index(7) - order.cases.index(199)) == 1
    alone = order_of(replace(asked, copies=None), 2, 0)
    assert [number for number in order.cases if number != 199] == [number for number in alone.cases if number != 199]
    ones = np.ones(200)
    found = clusters_of(asked, order.cases)
    (verdict,) = decide([observed(asked, order.cases, ones, ones, found)], 0.95)
    assert verdict.verdict is VerdictKind.PASSED
    assert verdict.n_clusters == 70


def test_the_users_clusters_win() -> None:
    cases = tuple(Case({"id": f"c{i}", "prompt": "What is the capital?", "page": f"p{i % 2}"}) for i in range(3))
    copies = Copies(("c0",) * 3, ("c0", "c1"))
    for cluster, labels in ((None, ("c0",) * 3), ("page", ("p0", "p1", "p0")), (False, None)):
        found = replace(suite(cluster=cluster), cases=cases, copies=copies)
        assert clusters_of(found, range(3)).get("clusters") == labels
