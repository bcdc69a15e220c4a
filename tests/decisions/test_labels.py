"""The decision by labels and judge: made again after each label, what is still needed, how often it is wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decisions.labels import decide_labelled, labelled_mean
from harness.records import VerdictKind
from harness.statistics.betting.sequential import Units, anytime_interval
from harness.statistics.labels.drawing import Items, draw_randomness, next_draw
from harness.statistics.labels.draws import DrawnLabels, LabelQuestion
from harness.statistics.labels.evidence import evidence, prediction_powered
from tests.bench.label_gates import GOOD, POOR, Gate, Judge, People
from tests.error_rates import is_at_most
from tests.statistics.labels.made import drawn

pytestmark = pytest.mark.service


RATE, DIFFERENCE = LabelQuestion("rate", 0.8, 0.05), LabelQuestion("difference", 0.0, 0.05)


def decided(gate, n=None, labels=None):
    """By the first `n` draws, or by other labels in place of those of the gate."""
    said = DrawnLabels.of(gate.said.draws[:n], (gate.said.labels if labels is None else labels)[:n])
    return decide_labelled(gate.question, said, gate.items.judged_means(gate.question.of))


def finished(people, judge, question, seed, n_cases=1000):
    gate = Gate(people, judge, question, [1, seed], n_cases)
    return gate, gate.run()


@pytest.mark.parametrize(
    ("people", "question", "kind", "reason"),
    [
        (People(0.9), RATE, VerdictKind.PASSED, "proven above 0.75, by the first "),
        (People(0.6), RATE, VerdictKind.FAILED, "below the threshold 0.80, by the first "),
        (
            People(0.8, 0.05, 0.05, paired=True),
            DIFFERENCE,
            VerdictKind.PASSED,
            "no worse by more than 0.05, by the first ",
        ),
        (People(0.6, 0.0, 0.3, paired=True), DIFFERENCE, VerdictKind.REGRESSED, "lower, by the first "),
    ],
)
def test_verdicts(people, question, kind, reason):
    gate, _ = finished(people, GOOD, question, 1)
    found = decided(gate)
    assert found.check.verdict is kind
    assert found.check.reason == f"{reason}{found.n_labels} labels"
    assert found.labels_needed is None
    if kind is VerdictKind.PASSED:
        assert found.check.difference.low > -question.margin
    else:
        assert found.check.difference.high < 0


def test_a_verdict_stays_and_was_open_before():
    gate, outcome = finished(People(0.85), GOOD, RATE, 3)
    assert outcome.verdict == "green"
    kinds = [decided(gate, n).check.verdict for n in range(len(gate.said.draws) + 1)]
    assert kinds == [VerdictKind.INCONCLUSIVE] * (len(kinds) - 1) + [VerdictKind.PASSED]
    reason = decided(gate).check.reason
    for _ in range(20):
        gate.label()
        assert decided(gate).check.reason == reason


def test_what_is_open_says_how_many_labels_would_decide_it():
    gate = Gate(People(0.85), GOOD, RATE, [2, 1])
    assert decided(gate).check.reason.startswith("nobody has labelled an item yet")
    for _ in range(60):
        gate.label()
    found = decided(gate)
    assert found.check.verdict is VerdictKind.INCONCLUSIVE
    assert found.labels_needed is not None
    assert found.check.reason.endswith(f"about {found.labels_needed} more labels would decide it")
    assert found.check.difference.low < -0.05
    assert 0 <= found.estimate.low < found.estimate.value < found.estimate.high <= 1


def test_where_every_case_had_its_turn_it_takes_more_cases():
    gate, outcome = finished(People(0.78), GOOD, RATE, 4, 60)
    assert outcome.verdict == "open"
    found = decided(gate)
    assert found.labels_needed is None
    assert found.check.reason.endswith("more cases would decide it")


def test_no_more_labels_are_asked_for_than_the_items_that_wait_where_all_are_drawn():
    """24 more labels are not to be had of 19 items: then it takes more cases, and that is said."""
    said = set()
    for seed in range(4):
        gate = Gate(People(0.8), GOOD, RATE, [5, seed], 60)
        while gate.label():
            pass
        n_items = sum(draw.case is not None for draw in gate.said.draws)
        for known in range(2, n_items):
            labels = gate.said.labels.copy()
            labels[known:] = math.nan
            found = decided(gate, labels=labels)
            if found.check.verdict is VerdictKind.INCONCLUSIVE:
                assert found.labels_needed is None or found.labels_needed <= n_items - known
                assert (found.labels_needed is None) == found.check.reason.endswith("more cases are needed")
                said.add(found.labels_needed is None)
    assert True in said


def test_what_the_labels_before_a_gap_foretell_reckons_with_those_that_wait_behind_it():
    """More cases are not asked for while labels are in that may decide it, nor labels that are in."""
    said = set()
    for seed in range(4):
        gate = Gate(People(0.6), GOOD, RATE, [6, seed], 120)
        outcome = gate.run()
        for gap in range(2, outcome.labels - 1):
            held = gate.said.labels.copy()
            held[gap] = math.nan
            found = decided(gate, labels=held)
            if found.check.verdict is not VerdictKind.INCONCLUSIVE:
                continue
            before = decided(gate, labels=np.where(np.arange(len(held)) < gap, held.T, math.nan).T).labels_needed
            if before is None:
                assert "could be as low as" in found.check.reason
                assert "needed" not in found.check.reason
                assert found.labels_needed is None
            else:
                behind = int(np.isfinite(held[gap : gap + before]).sum())
                assert found.labels_needed == before - behind >= 1
            said.add(before is None)
    assert said == {True, False}


@pytest.mark.nightly
@pytest.mark.parametrize("rate", [0.65, 0.8, 0.9])
def test_the_number_of_labels_needed_is_about_what_it_takes(rate):
    """After 30 labels: the middle forecast is within a factor of three of the middle number."""
    forecasts, took = [], []
    for seed in range(16):
        gate, outcome = finished(People(rate), GOOD if seed % 2 else POOR, RATE, 100 + seed)
        if outcome.labels > 35:
            needed = decided(gate, 30).labels_needed
            forecasts.append(math.inf if needed is None else needed)
            took.append(math.inf if outcome.verdict == "open" else outcome.labels - 30)
    assert 1 / 3 < np.median(forecasts) / np.median(took) < 3


def test_with_few_judge_errors_the_labels_alone_must_show_it_too():
    """A judge that is always right is not believed on 40 labels: the labels alone would not show it."""
    perfect = Judge(0.999999, 0.999999, "binary")
    gate, outcome = finished(People(0.8), perfect, RATE, 5)
    assert gate.found.trusted_from is None
    ours = gate.found.better().first_above(RATE.allowed, 0.05)
    assert ours is not None
    assert gate.found.values[:ours].size < len(gate.found.values) or outcome.verdict == "open"
    assert "labels alone, too" in decided(gate).check.difference.method


_BORDERS = {
    "rate, green": (People(0.75), RATE, "green"),
    "rate, red": (People(0.8), RATE, "red"),
    "difference, green": (People(0.75, 0.05, 0.1, paired=True), DIFFERENCE, "green"),
}


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("border", "judge"),
    [
        *(("rate, green", judge) for judge in (GOOD, Judge(0.4, 0.4), Judge(kind="constant"))),
        ("rate, red", POOR),
        ("rate, red", Judge(kind="adversarial")),
        ("difference, green", GOOD),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_a_decision_after_each_label_is_wrong_at_most_5_times_in_100(border, judge):
    """A few gates of each kind, as few as tell 5 in 100 from 20; `make bench ARGS=labels` has the figures."""
    people, question, wrong = _BORDERS[border]
    gates = (Gate(people, judge, question, [3, seed], 400) for seed in range(60))
    assert is_at_most(0.05, lambda: next(gates).run().verdict == wrong, 60, times=4)


@pytest.mark.parametrize(
    ("people", "question"),
    [
        (People(0.02), RATE),
        (People(0.99), RATE),
        (People(0.05, 0.0, 0.9, paired=True), DIFFERENCE),
        (People(0.95, 0.9, 0.0, paired=True), DIFFERENCE),
    ],
)
def test_a_difference_is_possible_and_within_its_bounds_after_each_label(people, question):
    for seed in range(3):
        gate = Gate(people, Judge(0.7, 0.7), question, [4, seed], 60)
        for _ in range(12):
            gate.label()
            found = decided(gate)
            difference = found.check.difference
            least, most = question.lowest - question.demanded, 1 - question.demanded
            assert least <= difference.low <= difference.value <= difference.high <= most


def mean_of(draws, labels, judged, of="rate"):
    return labelled_mean(DrawnLabels.of(draws, labels), of, judged)


def test_where_every_case_is_asked_it_is_the_prediction_powered_mean():
    """The uniform, fixed-n case: probability 1, so that predictions cancel and the rest of the cases is the judge's."""
    rng = np.random.default_rng(2)
    labels, judge = (rng.random(60) < 0.7).astype(float), rng.random(200)
    draws = [drawn(i, 1.0, (float(rng.random()),), judged=(float(1 - labels[i]),)) for i in range(60)]
    ours = mean_of(draws, labels, judge)
    assert (ours.value, ours.standard_error) == pytest.approx(
        prediction_powered(labels, judge[:60], judge[60:])[:2], abs=1e-9
    )


def test_the_interval_is_that_of_the_stakes_settled_with_the_draws():
    labels = np.random.default_rng(4).random(80) < 0.7
    draws = [drawn(i, 0.5, rules={"rate": (-3.0, 4.0, 0.1, 0.1)}) for i in range(80)]
    ours, found = mean_of(draws, labels, np.full(200, 0.6)), evidence(DrawnLabels.of(draws, labels), "rate")
    bounds = found.better().bound(0.025, 1.0), -found.worse().bound(0.025, 0.0)
    assert (ours.low, ours.high) == pytest.approx(bounds)
    assert 0 < ours.low < ours.value < ours.high


def test_the_interval_of_what_was_not_asked_is_about_that_of_sequential_designs():
    labels = (np.random.default_rng(5).random(150) < 0.7).astype(float)
    draws = [drawn(i, 1.0, rules={"rate": (0.0, 1.0, 0.0, 0.0)}) for i in range(150)]
    ours = mean_of(draws, labels, np.full(200, 0.6))
    oracle = anytime_interval(Units(labels, np.ones(150), 0.0))
    assert (ours.low, ours.high) == pytest.approx(oracle, abs=0.02)


def test_with_fewer_than_5_judge_errors_the_labels_alone_count():
    labels = np.tile([1.0, 1.0, 0.0, 1.0], 8)
    for wrong, method in ((4, "labels alone"), (5, "labels and judge")):
        judged = labels.copy()
        judged[:wrong] = 1 - judged[:wrong]
        draws = [drawn(i, 1.0, (float(score),)) for i, score in enumerate(judged)]
        found = mean_of(draws, labels, np.concatenate([judged, np.zeros(100)]))
        assert found.method.startswith(method)
        assert (found.value == pytest.approx(labels.mean())) == (wrong == 4)


def test_fewer_than_two_labels_give_no_bounds():
    found = mean_of([drawn()], [[1]], np.full(9, 0.5))
    assert (found.low, found.high, found.standard_error) == (0.0, 1.0, math.inf)


@st.composite
def gates(draw):
    """Draws with their labels, whatever people and judge say; a difference has two versions."""
    of = draw(st.sampled_from(["rate", "difference"]))
    scores = st.tuples(*[st.floats(0, 1)] * (1 if of == "rate" else 2))
    kinds = st.tuples(st.floats(0.05, 1), scores, st.lists(scores, max_size=3), scores)
    rows = draw(st.lists(kinds, min_size=1, max_size=25))
    rules = {"rate": (-19.0, 20.0, 0.1, 0.1), "difference": (-39.0, 39.0, 0.1, 0.1)}
    draws = [drawn(i, p, predicted, tuple(passed), rules=rules) for i, (p, predicted, passed, _) in enumerate(rows)]
    said = np.array([row[3] for row in rows])
    return of, draws, np.round(said) if draw(st.booleans()) else said


@given(gates(), st.floats(0, 1))
def test_an_estimate_is_possible_and_within_its_interval(gate, judged):
    of, draws, labels = gate
    cases = sum(1 + len(draw.passed) for draw in draws)
    found = mean_of(draws, labels, np.full(cases + 40, judged), of)
    assert (0 if of == "rate" else -1) <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_ten_labels_that_all_say_right_leave_room_for_doubt():
    """Each weighs the inverse of its probability, so that their mean alone is 1.06, and hardly varies."""
    found = mean_of([drawn(i, 0.9) for i in range(10)], np.ones(10), np.full(60, 0.9))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.8


def test_worse_by_less_than_the_margin_is_red_by_the_last_case_alone():
    """Everywhere: as long as it may pass yet, labels go on (`BettingContrast.ends`)."""
    question = LabelQuestion("rate", 0.8, 0.03)
    labels = (np.arange(4000) % 40 < 31).astype(float)
    said = DrawnLabels.of([drawn(i, 1.0, rules={"rate": (0.0, 1.0, 0.1, 0.1)}) for i in range(4000)], labels)
    for n_cases, kind in ((4001, VerdictKind.INCONCLUSIVE), (4000, VerdictKind.FAILED)):
        check = decide_labelled(question, said, np.full(n_cases, 0.775)).check
        assert check.verdict is kind
        assert -question.margin < check.difference.value < check.difference.high < 0


def test_cases_with_the_same_answers_decide_without_a_label():
    """Pairs, each a tie (0.5): nobody is asked, and that alone shows it, if the cases suffice."""
    question = LabelQuestion("rate", 0.5, 0.1)
    for n, kind in ((40, VerdictKind.INCONCLUSIVE), (120, VerdictKind.PASSED)):
        randomness = draw_randomness([str(i) for i in range(n)], 1)
        items = Items([np.full((n, 1), 0.9)], randomness, np.ones(n, dtype=bool))
        nothing = DrawnLabels.of([], [])
        end = next_draw(items, nothing, [question])
        assert end.case is None
        check = decide_labelled(question, nothing.also(end, [math.nan]), items.judged_means("rate")).check
        assert check.verdict is kind
        assert (kind is VerdictKind.PASSED) == check.reason.endswith("by answers that are the same")
