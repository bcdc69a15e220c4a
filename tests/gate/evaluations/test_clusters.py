"""Cases that resemble each other: which are one cluster, and how often a gate is wrong that was not told of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import Settings
from harness.decisions import Observations, decide, decided_after
from harness.gate.evaluations.clusters import bet_on_together, clusters_of
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.evaluations.resemblance import find_copies
from harness.gate.sampling.order import order_of
from harness.records import Case, Verdict, VerdictKind
from tests.error_rates import is_at_most

RUNS = 200
PROMPTS, EACH = 20, 10
FORMS = ("{}", "{}?", " {}", "{}.", "{} ?", "{}!", "{}\n", "{}:", "{}. {}.", "{}?\n{}")


def evaluation(prompts: list[str], **marker: Any) -> Evaluation:
    """An evaluation with these prompts, whose copies were looked for."""
    plan = read_plan({"samples": 2, **marker}, Settings(root=Path()), where="test")
    cases = tuple(Case({"id": f"c{i}", "prompt": prompt, "page": f"p{i % 2}"}) for i, prompt in enumerate(prompts))
    copies = find_copies(cases, {"prompt"})
    return Evaluation("test", plan, cases, lambda: None, lambda error: "error", copies=copies)


def suite(**marker: Any) -> Evaluation:
    """Twenty questions, each in ten forms, and nobody said so."""
    questions = [f"What comes after {number} in this row" for number in range(PROMPTS)]
    return evaluation([form.replace("{}", each) for form in FORMS for each in questions], **marker)


def gate(asked: Evaluation, rng: np.random.Generator, drop: float, share: float) -> Verdict:
    """The verdict on a candidate that answers `share` of the questions otherwise, and is lower by `drop`."""
    theirs = (rng.random(PROMPTS) < 0.8).astype(float)
    lost, changed = rng.random(PROMPTS) < drop, rng.random(PROMPTS) < share
    ours = np.where(lost, theirs - 1, np.where(changed, (rng.random(PROMPTS) < 0.8).astype(float), theirs))
    ours, theirs = (ours + 1) / 2, (theirs + 1) / 2  # graded, so that every question can lose as much
    order = order_of(asked, 2, int(rng.integers(1 << 30)))
    numbers = np.array(order.cases) % PROMPTS
    found = clusters_of(asked, order.cases, {})
    return decide([observed(asked, order.cases, ours[numbers], theirs[numbers], found)], 0.95)[0]


def observed(asked: Evaluation, numbers: Any, ours: Any, theirs: Any, found: Any) -> Observations:
    return Observations(
        id=asked.id,
        metric="score",
        requirement=None,
        threshold=None,
        margin=asked.plan.margin,
        margin_is_default=True,
        case_ids=tuple(asked.cases[number].id for number in numbers),
        candidate=np.repeat(np.asarray(ours, dtype=float)[:, np.newaxis], 2, axis=1),
        baseline=np.repeat(np.asarray(theirs, dtype=float)[:, np.newaxis], 2, axis=1),
        design=asked.plan.design,
        n_planned=len(asked.cases),
        largest_cluster=bet_on_together(asked),
        clusters=found.labels,
        copies=found.copies,
        clusters_known_by=found.known_by,
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
    found = clusters_of(asked, order.cases, {})
    (verdict,) = decide([observed(asked, order.cases, ones, ones, found)], 0.95)
    assert verdict.verdict is VerdictKind.PASSED
    assert verdict.n_clusters == 70


def test_the_users_clusters_win() -> None:
    assert clusters_of(suite(cluster="page"), range(3), {}).labels == ("p0", "p1", "p0")
    assert clusters_of(suite(cluster=False), range(200), {}).labels is None


def test_cases_that_asked_the_same_are_one_cluster_across_copies_too() -> None:
    asked = evaluation(["One and two is what?", "one and two is what", "1 and 2 is what?", "Something else is what?"])
    digests = {0: b"a", 1: b"b", 2: b"b", 3: b"c"}
    found = clusters_of(asked, range(4), digests)
    assert found.labels == ("c0", "c0", "c0", "c3")
    assert found.copies == ("c0", "c0", "c2", "c3")
    assert found.known_by == "texts"
    assert clusters_of(asked, [0, 2], {0: b"a", 2: b"a"}).known_by == "requests"
    assert clusters_of(asked, [0, 2, 3], digests).labels is None


def test_cases_that_share_an_answer_are_one_cluster_though_they_ask_other_things() -> None:
    asked = evaluation(["Say one", "Tell me two", "What is three", "Is there a fourth"])
    digests = {number: b"%d" % number for number in range(4)}
    found = clusters_of(asked, range(4), digests, {0: {b"hi"}, 1: {b"ho"}, 2: {b"hi"}, 3: {b"four"}})
    assert (found.labels, found.known_by) == (("c0", "c1", "c0", "c3"), "answers")
    same = clusters_of(asked, range(3), dict.fromkeys(range(3), b"a"), {number: {b"hi"} for number in range(3)})
    assert (len(set(same.labels or ())), same.known_by) == (1, "requests")
    # A case may come after two that share an answer with it; those that were bet on stay apart.
    bridge = {0: {b"hi"}, 1: {b"ho"}, 2: {b"ho", b"hi"}, 3: {b"four"}}
    assert len(set(clusters_of(asked, range(4), digests, bridge, may_join=True).labels or ())) == 2
    kept_apart = clusters_of(asked, range(4), digests, bridge).labels or ()
    assert len(set(kept_apart)) == 3
    assert kept_apart[0] != kept_apart[1]


@pytest.mark.nightly
@pytest.mark.parametrize("design", ["sequential", "fixed"])
@pytest.mark.parametrize("n_greetings", [1, 20, 60])
def test_a_version_against_itself_is_seldom_red_where_cases_share_answers(design: str, n_greetings: int) -> None:
    """Sixty cases are scored by the answer to their greeting, which is one of two by the toss of a coin."""
    asked = evaluation([f"{number} is what kind of a number" for number in range(60)], design=design)
    rng = np.random.default_rng(11)
    keys = {number: {b"%d" % (number % n_greetings)} for number in range(60)}
    digests = {number: b"case %d" % number for number in range(60)}

    def is_red() -> bool:
        numbers = order_of(asked, 3, int(rng.integers(1 << 30))).cases
        found = clusters_of(asked, numbers, digests, keys, may_join=design == "fixed")
        tossed = rng.integers(0, 2, (2, n_greetings, 3)).astype(float)
        ours, theirs = tossed[:, np.array(numbers) % n_greetings]
        shown = replace(observed(asked, numbers, ours[:, 0], theirs[:, 0], found), candidate=ours, baseline=theirs)
        return decide([shown], 0.95)[0].verdict.is_red

    assert is_at_most(0.05, is_red, RUNS)


def test_clusters_of_the_first_cases_stay_as_they_are_whatever_comes_later() -> None:
    asked = evaluation(["One and two is what?", "1 and 2 is what?", "one and two is what", "Something else is what?"])
    digests = {0: b"a", 1: b"b", 2: b"b", 3: b"a"}
    whole = clusters_of(asked, range(4), digests).labels
    assert whole == ("c0", "c1", "c0", "c0")
    for n in range(2, 4):
        first = clusters_of(asked, range(n), digests).labels or tuple(f"c{i}" for i in range(n))
        assert first == whole[:n]


def test_a_decision_stands_when_cases_that_ask_the_same_turn_up_behind_it() -> None:
    """Bets on the first cases must not change by what was asked later: it may have been drawn beyond the decision."""
    rng = np.random.default_rng(2)
    asked = evaluation([f"Which word stands for the number {number}?" for number in range(120)])
    for _ in range(20):
        theirs = rng.random(120)
        ours = np.clip(theirs + rng.normal(0.02, 0.1, 120), 0, 1)
        digests = {i: b"%d" % i for i in range(119)} | {119: b"0"}
        whole = observed(asked, range(120), ours, theirs, clusters_of(asked, range(120), digests))
        end = decided_after([whole], 0.05, 0.05)
        assert whole.clusters is not None
        assert whole.clusters_known_by == "requests"
        if end is None or end == 120:
            continue
        first = observed(asked, range(end), ours[:end], theirs[:end], clusters_of(asked, range(end), digests))
        assert first.clusters is None
        assert decided_after([first], 0.05, 0.05) == end
