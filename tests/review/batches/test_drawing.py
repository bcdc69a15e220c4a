import numpy as np
import pytest

from harness.review.batches.filling import draw, question_of
from harness.statistics.labels.drawing import Items, cast_lots
from harness.statistics.labels.labelled import evidence

TABLE = np.tile([[0.2, 0.9], [1.0, 1.0], [0.5, np.nan]], (20, 1))


def items(*tables: np.ndarray) -> Items:
    return Items(tables[0], cast_lots([f"c{row}" for row in range(60)], seed=1), tables[1] if len(tables) > 1 else None)


def test_draws_stop_at_the_number_asked_for() -> None:
    draws = draw(items(TABLE), question_of([TABLE], 0.7, 0.1, 0.95), 5)
    assert len(draws) == 5
    assert len({each.case for each in draws}) == 5


def test_every_case_has_its_turn_where_more_is_asked_for() -> None:
    draws = draw(items(TABLE), question_of([TABLE], 0.7, 0.1, 0.95), 1000)
    assert all(each.case is not None for each in draws[:-1])
    turns = sum(len(each.passed) + (each.case is not None) for each in draws)
    assert turns == 60


@pytest.mark.nightly
def test_labels_of_drawn_items_stand_for_all_without_bias() -> None:
    """The judge is wrong in a third of the cases; over seeds the estimate from labels is right, the judge's is not."""
    truth = np.tile([0.0, 1.0, 0.0], 20)
    judged = np.tile([0.9, 0.9, 0.1], 20)[:, np.newaxis]
    estimates = []
    for seed in range(150):
        known = Items(judged, cast_lots([f"c{row}" for row in range(60)], seed))
        draws = draw(known, question_of([judged], 0.6, 0.2, 0.95), 1000)
        labels = np.array([np.nan if each.case is None else truth[each.case] for each in draws])
        estimates.append(evidence(draws, labels, "rate").values.mean())
    error = float(np.std(estimates)) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(truth.mean(), abs=4 * error + 1e-9)
    assert abs(judged.mean() - truth.mean()) > 0.25


@pytest.mark.parametrize(
    ("tables", "threshold", "margin", "expected"),
    [
        ([TABLE], 0.7, 0.1, ("rate", 0.7, 0.1)),
        ([TABLE, TABLE], 0.7, 0.1, ("difference", 0.0, 0.1)),
        ([TABLE], None, None, ("rate", float(np.nanmean(TABLE)), 0.05)),
        ([TABLE], 0.05, 0.1, ("rate", float(np.nanmean(TABLE)), 0.05)),
        ([np.ones((3, 1))], None, None, ("rate", 0.95, 0.05)),
        ([TABLE, TABLE], None, None, ("difference", 0.0, 0.05)),
    ],
)
def test_what_labels_are_to_decide(
    tables: list[np.ndarray], threshold: float | None, margin: float | None, expected: tuple[str, float, float]
) -> None:
    question = question_of(tables, threshold, margin, 0.95)
    assert (question.of, question.demanded, question.margin) == expected
    assert question.level == pytest.approx(0.05)
