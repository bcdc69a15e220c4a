"""What an excluded item counts for: nothing that makes a gate surer, whoever excludes it and why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.decisions.labels.exclusions import DrawLabels, bounded_mean, bounds
from harness.decisions.labels.labelled import LabelledCheck, decide_labelled
from harness.statistics.labels.draws import Draw, LabelQuestion
from harness.statistics.labels.labelled import labelled_mean
from tests.bench.label_gates import GOOD, POOR, Gate, Judge, People

RATE, DIFFERENCE = LabelQuestion("rate", 0.8, 0.05), LabelQuestion("difference", 0.0, 0.05)
_PAIRED = People(0.8, 0.05, 0.05, paired=True)

Rule = Callable[[np.ndarray, np.random.Generator], bool]
"""Whether an adjudicator excludes an item, by what is true of its answers."""


class ExcludingGate(Gate):
    """A gate of which an adjudicator excludes items; `counted` is how they are counted."""

    def __init__(self, people: People, judge: Judge, question: LabelQuestion, seed: list[int], rule: Rule) -> None:
        super().__init__(people, judge, question, seed, 400)
        self._rule = rule
        self._generator = np.random.default_rng([9, *seed])
        self.excluded = np.zeros((0, self.labels.shape[1]), dtype=bool)

    def label(self) -> bool:
        is_asked = super().label()
        if len(self.draws) > len(self.excluded):
            draw = self.draws[-1]
            is_out = draw.case is not None and self._rule(self.truth[draw.case], self._generator)
            self.excluded = np.vstack([self.excluded, np.full(self.labels.shape[1], is_out)])
            if is_out:
                self.labels[-1] = draw.predicted
        return is_asked

    def decided(self, *, are_counted: bool = True) -> LabelledCheck:
        judged = self.items.judged_means(self.question.of)
        excluded = self.excluded if are_counted else None
        return decide_labelled(self.question, self.draws, self.labels, judged, (), excluded)

    def run_to_the_end(self) -> None:
        """Give every case its turn: what was shown first by then is what would have been decided on the way."""
        while self.label():
            pass


def labelled(question: LabelQuestion = RATE, people: People | None = None, n: int = 80) -> tuple[Gate, np.ndarray]:
    """A gate with so many labels, and a mask of all its items."""
    gate = Gate(people or People(0.85), GOOD, question, [2, 1])
    for _ in range(n):
        gate.label()
    return gate, np.zeros(gate.labels.shape, dtype=bool)


def checked(gate: Gate, excluded: np.ndarray | None, labels: np.ndarray | None = None) -> LabelledCheck:
    judged = gate.items.judged_means(gate.question.of)
    return decide_labelled(gate.question, gate.draws, gate.labels if labels is None else labels, judged, (), excluded)


def told(found: LabelledCheck) -> tuple[object, ...]:
    return found.check, found.estimate, found.labels_needed, found.n_errors


@pytest.mark.parametrize(("question", "people"), [(RATE, None), (DIFFERENCE, _PAIRED)])
def test_bounds_hold_whatever_people_would_have_said(question: LabelQuestion, people: People | None) -> None:
    """They are those of the worst label and of the best, and no label that could be given leads beyond them."""
    gate, excluded = labelled(question, people)
    excluded[[3, 40]] = True
    found = checked(gate, excluded).check.difference
    versions = gate.labels.shape[1]
    for first in (0.0, 0.25, 0.5, 1.0):
        for second in (0.0, 0.75, 1.0):
            labels = gate.labels.copy()
            labels[[3, 40]] = ([first] * versions, [second] + [first] * (versions - 1))
            of_these = checked(gate, None, labels).check.difference
            assert found.low <= of_these.low + 1e-12
            assert found.high >= of_these.high - 1e-12
    assert found.low <= found.value <= found.high


def test_a_label_of_an_excluded_item_says_nothing() -> None:
    gate, excluded = labelled()
    excluded[[3, 40]] = True
    one, other = gate.labels.copy(), gate.labels.copy()
    one[[3, 40]], other[[3, 40]] = 0.0, 1.0
    assert told(checked(gate, excluded, one)) == told(checked(gate, excluded, other))


def test_without_exclusions_nothing_changes() -> None:
    gate, excluded = labelled()
    assert told(checked(gate, excluded)) == told(checked(gate, None))


def test_exclusions_are_told_and_are_no_labels() -> None:
    gate, excluded = labelled()
    whole = checked(gate, None)
    excluded[[3, 40]] = True
    found = checked(gate, excluded)
    assert (found.n_labels, found.n_excluded) == (whole.n_labels - 2, 2)
    assert found.check.reason.endswith("; 2 excluded items count the worst way")


def test_an_excluded_item_contradicts_no_judge() -> None:
    """Else five of them would make the judge trusted that no label has contradicted."""
    perfect = Judge(0.999999, 0.999999, "binary")
    gate = Gate(People(0.8), perfect, RATE, [5, 5])
    for _ in range(40):
        gate.label()
    excluded = np.zeros(gate.labels.shape, dtype=bool)
    excluded[5:25] = True
    found = bounds(DrawLabels.of(gate.draws, gate.labels, excluded), "rate")
    assert found.worst.trusted_from is None
    assert found.best.trusted_from is None
    assert checked(gate, excluded).n_errors == 0


def test_the_estimate_is_as_if_nobody_had_been_asked() -> None:
    """An item that is excluded adds what was expected of its case, as a case does that is not drawn."""
    gate, excluded = labelled()
    excluded[[3, 40]] = True
    said = DrawLabels.of(gate.draws, gate.labels, excluded)
    judged = gate.items.judged_means("rate")
    found = bounded_mean(said, "rate", judged, 0.95)
    as_expected = gate.labels.copy()
    as_expected[[3, 40]] = [gate.draws[3].predicted, gate.draws[40].predicted]
    plain = labelled_mean(gate.draws, as_expected, "rate", judged)
    assert found.value == plain.value
    assert found.low < plain.low
    assert found.high > plain.high


def excludes_what_is_wrong(truth: np.ndarray, generator: np.random.Generator) -> bool:
    """More than half of the answers that are wrong, as somebody would who wants a green."""
    return bool(truth[0] == 0 and generator.random() < 0.6)


@pytest.mark.nightly
@pytest.mark.parametrize("judge", [GOOD, POOR], ids=["good", "poor"])
def test_who_excludes_what_is_wrong_gains_nothing(judge: Judge) -> None:
    """No bound is better than with the labels that were withheld, which holds for the gate's error rate, too.
    Counted as what was expected of them, the same exclusions make bounds better.
    """
    gains = []
    for seed in range(6):
        gate = ExcludingGate(People(0.75), judge, RATE, [6, seed], excludes_what_is_wrong)
        gate.run_to_the_end()
        truth = np.array([np.nan if draw.case is None else gate.truth[draw.case][0] for draw in gate.draws])
        withheld = checked(gate, None, truth[:, np.newaxis]).check.difference
        found, naive = gate.decided().check.difference, gate.decided(are_counted=False).check.difference
        assert gate.excluded.sum() > 10
        assert found.low <= withheld.low + 1e-12
        assert found.high >= withheld.high - 1e-12
        gains.append(naive.low - withheld.low)
    assert min(gains) > 0


def test_a_draw_without_a_case_has_nothing_to_exclude() -> None:
    end = Draw(None, (), 1.0, (), (), (), (), (), 0.1, ((0.0, 1.0), (-1.0, 1.0)), ((0.0, 0.0), (0.0, 0.0)))
    said = DrawLabels.of([end], np.full((1, 1), np.nan), np.zeros((1, 1), dtype=bool))
    assert (said.is_whole, said.before(5)) == (True, 0)
