"""What an excluded item counts for: nothing that makes a gate surer, whoever excludes it and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.decisions.labels import LabelledCheck, decide_labelled, labelled_mean
from harness.statistics.labels.draws import DrawnLabels, LabelQuestion
from tests.bench.label_gates import GOOD, POOR, Gate, Judge, People

RATE, DIFFERENCE = LabelQuestion("rate", 0.8, 0.05), LabelQuestion("difference", 0.0, 0.05)
_PAIRED = People(0.8, 0.05, 0.05, paired=True)


def labelled(question: LabelQuestion = RATE, people: People | None = None, n: int = 80) -> tuple[Gate, np.ndarray]:
    """A gate with so many labels, and a mask in which items 3 and 40 are excluded."""
    gate = Gate(people or People(0.85), GOOD, question, [2, 1])
    for _ in range(n):
        gate.label()
    excluded = np.zeros(gate.said.labels.shape, dtype=bool)
    excluded[[3, 40]] = True
    return gate, excluded


def checked(gate: Gate, excluded: Any = False, labels: np.ndarray | None = None) -> LabelledCheck:
    said = DrawnLabels.of(gate.said.draws, gate.said.labels if labels is None else labels, excluded)
    return decide_labelled(gate.question, said, gate.items.judged_means(gate.question.of))


@pytest.mark.parametrize(("question", "people"), [(RATE, None), (DIFFERENCE, _PAIRED)])
def test_bounds_hold_whatever_people_would_have_said(question: LabelQuestion, people: People | None) -> None:
    """They are those of the worst label and of the best, and no label that could be given leads beyond them."""
    gate, excluded = labelled(question, people)
    found = checked(gate, excluded).check.difference
    versions = gate.said.labels.shape[1]
    for first in (0.0, 0.25, 0.5, 1.0):
        for second in (0.0, 0.75, 1.0):
            labels = gate.said.labels.copy()
            labels[[3, 40]] = ([first] * versions, [second] + [first] * (versions - 1))
            of_these = checked(gate, labels=labels).check.difference
            assert found.low <= of_these.low + 1e-12
            assert found.high >= of_these.high - 1e-12
    assert found.low <= found.value <= found.high


def test_a_label_of_an_excluded_item_says_nothing() -> None:
    gate, excluded = labelled()
    one, other = gate.said.labels.copy(), gate.said.labels.copy()
    one[[3, 40]], other[[3, 40]] = 0.0, 1.0
    assert checked(gate, excluded, one) == checked(gate, excluded, other)


def test_exclusions_are_told_and_are_no_labels() -> None:
    gate, excluded = labelled()
    found = checked(gate, excluded)
    assert (found.n_labels, found.n_excluded) == (checked(gate).n_labels - 2, 2)
    assert found.check.reason.endswith("; 2 excluded items count the worst way")


def test_the_estimate_is_as_if_nobody_had_been_asked() -> None:
    """An item that is excluded adds what was expected of its case, as a case does that is not drawn."""
    gate, excluded = labelled()
    judged, as_expected = gate.items.judged_means("rate"), gate.said.labels.copy()
    as_expected[[3, 40]] = [gate.said.draws[3].predicted, gate.said.draws[40].predicted]
    found, plain = (
        labelled_mean(DrawnLabels.of(gate.said.draws, labels, out), "rate", judged)
        for labels, out in ((gate.said.labels, excluded), (as_expected, False))
    )
    assert found.value == plain.value
    assert found.low < plain.low
    assert found.high > plain.high


@pytest.mark.nightly
@pytest.mark.parametrize("judge", [GOOD, POOR], ids=["good", "poor"])
def test_who_excludes_what_is_wrong_gains_nothing(judge: Judge) -> None:
    """More than half of the answers that are wrong, as somebody would who wants a green.

    No bound is better than with the labels that were withheld, which holds for the gate's error rate, too. Counted as
    what was expected of them, the same exclusions make bounds better.
    """
    gains = []
    for seed in range(6):
        gate = Gate(People(0.75), judge, RATE, [6, seed], 400)
        generator, excluded = np.random.default_rng([9, 6, seed]), []
        while gate.label():
            draw = gate.said.draws[-1]
            is_out = gate.truth[draw.case][0] == 0 and generator.random() < 0.6
            excluded.append([is_out])
            if is_out:
                labels = gate.said.labels.copy()
                labels[-1] = draw.predicted
                gate.said = DrawnLabels.of(gate.said.draws, labels)
        excluded += [[False]] * (len(gate.said.draws) - len(excluded))
        truth = np.array([np.nan if draw.case is None else gate.truth[draw.case][0] for draw in gate.said.draws])
        withheld = checked(gate, labels=truth[:, np.newaxis]).check.difference
        found, naive = checked(gate, np.array(excluded)).check.difference, checked(gate).check.difference
        assert np.sum(excluded) > 10
        assert found.low <= withheld.low + 1e-12
        assert found.high >= withheld.high - 1e-12
        gains.append(naive.low - withheld.low)
    assert min(gains) > 0


def test_nothing_that_is_excluded_contradicts_a_judge() -> None:
    """Else five of them would make the judge trusted that no label has contradicted."""
    gate = Gate(People(0.8), Judge(0.999999, 0.999999, "binary"), RATE, [5, 5])
    for _ in range(40):
        gate.label()
    excluded = np.zeros(gate.said.labels.shape, dtype=bool)
    excluded[5:25] = True
    found = checked(gate, excluded, np.where(excluded, 1 - gate.said.labels, gate.said.labels))
    assert found.n_errors == 0
    assert "labels alone, too" in found.check.difference.method
