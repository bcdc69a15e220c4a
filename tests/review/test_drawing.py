import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.review.drawing import draw, interest


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 50), st.integers(0, 9))
def test_probabilities_add_up_and_leave_no_item_out(weights: list[float], expected: int, seed: int) -> None:
    drawing = draw(np.array(weights), expected, np.random.default_rng(seed))
    assert len(set(drawing.order.tolist())) == len(drawing.order)
    assert np.all((drawing.probabilities > 0) & (drawing.probabilities <= 1))
    if expected >= len(weights):
        assert sorted(drawing.order.tolist()) == list(range(len(weights)))


def test_what_is_drawn_stands_for_all_when_weighted_by_the_inverse_probability() -> None:
    """The mean over all items, estimated without bias from the drawn ones, though these are the doubtful ones."""
    generator = np.random.default_rng(1)
    values, weights = generator.random(200), generator.random(200) ** 4
    values[weights > 0.5] = 0.0
    weighted, naive = [], []
    for _ in range(2000):
        drawing = draw(weights, 40, generator)
        weighted.append((values[drawing.order] / drawing.probabilities).sum() / 200)
        naive.append(values[drawing.order].mean())
    error = float(np.std(weighted)) / np.sqrt(2000)
    assert abs(np.mean(weighted) - values.mean()) < 4 * error
    assert abs(np.mean(naive) - values.mean()) > 20 * error


def test_so_many_are_drawn_on_average() -> None:
    generator = np.random.default_rng(2)
    weights = np.concatenate([np.full(5, 100.0), np.ones(95)])
    sizes = [len(draw(weights, 20, generator).order) for _ in range(500)]
    assert np.mean(sizes) == pytest.approx(20, abs=4 * np.std(sizes) / np.sqrt(500))


def test_without_any_doubt_or_disagreement_all_are_alike() -> None:
    assert interest(np.array([0.0, 1.0]), np.zeros(2)).tolist() == [1.0, 1.0]
    assert interest(np.array([np.nan, 0.5]), np.zeros(2)).tolist() == [1.0, 1.0]
    assert interest(np.array([0.0, 0.5, 0.5]), np.array([1.0, 0.5, 1.0])).tolist() == [0.0, 0.5, 1.0]
