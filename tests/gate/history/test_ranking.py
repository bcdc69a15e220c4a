"""Stored versions are ranked by the cases that they share, and no rank is claimed that chance could give."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import SettingsError
from harness.gate.history.ranking import EvaluationRanks, rank
from harness.gate.history.scores import Side
from harness.gate.planning.simulation import Shape
from harness.store import Store
from tests.bench.bench_ranks import SHAPES, TRUTHS, any_missed
from tests.error_rates import is_at_most
from tests.gate.stored import Scored, Values, run, side

FIXED = {"design": "fixed", "about": "suite"}


def scores(right: int, cases: int = 40, wobbly: int = 0) -> Values:
    """So many cases that are right each time, and some that are right once in two; the others never are."""
    rows = {f"case {n}": [float(n < right)] * 6 for n in range(cases)}
    return rows | {f"case {n}": [1.0, 0.0] * 3 for n in range(right, right + wobbly)}


def stored(store: Store, **versions: Scored) -> dict[str, Side]:
    """A run for each version, as its candidate."""
    return {name: run(store, f"r-{name}", each, names={"candidate": name}) for name, each in versions.items()}


def only(store: Store, sides: dict[str, Side]) -> EvaluationRanks:
    """The one evaluation that is ranked."""
    (ranked,) = rank(store, sides).evaluations
    return ranked


def shown(ranked: EvaluationRanks) -> list[tuple[str, int, int]]:
    """The versions in their order with their ranks."""
    return [(each.name, each.lowest, each.highest) for each in ranked.versions]


def test_versions_apart_have_a_rank_and_those_alike_share_theirs(store: Store) -> None:
    rights = {"low": scores(5, wobbly=3), "a": scores(30, wobbly=4), "b": scores(30, wobbly=3)}
    ranked = only(store, stored(store, **{name: Scored(candidate=each, rule=FIXED) for name, each in rights.items()}))
    assert shown(ranked) == [("a", 1, 2), ("b", 1, 2), ("low", 3, 3)]
    assert (ranked.n_cases, ranked.left_out, ranked.about) == (40, {}, "suite")
    assert ranked.versions[0].value == pytest.approx(0.8)


def test_a_baseline_is_ranked_with_its_candidate_and_less_may_be_better(store: Store) -> None:
    rule = {"unit": "s", "higher_is_better": False, "margin": 0.1, "at_least": 0.0, "at_most": 1.0, **FIXED}
    entry = Scored(candidate=scores(5, wobbly=3), baseline=scores(30, wobbly=3), metric="s", rule=rule)
    sides = {"small": run(store, "r1", entry), "large": side(store, "r1", "baseline")}
    assert shown(only(store, sides)) == [("small", 1, 1), ("large", 2, 2)]


def test_who_was_not_run_on_the_same_cases_is_left_out_and_named(store: Store) -> None:
    versions = {
        "first": Scored(candidate=scores(30), rule=FIXED),
        "same": Scored(candidate=scores(29), rule=FIXED),
        "fewer": Scored(candidate=scores(10, cases=20), rule=FIXED),
        "broken": Scored(candidate=scores(30), rule={**FIXED, "errors": ("it broke",)}),
        "elsewhere": Scored("another", candidate=scores(30), rule=FIXED),
    }
    sides = stored(store, **versions)
    ranked = only(store, sides)
    assert {each.name for each in ranked.versions} == {"first", "same"}
    assert ranked.left_out == {
        "fewer": "run on other cases than the first",
        "broken": "its run ended in an error, or has no such metric",
        "elsewhere": "its run has no scores of it",
    }
    with pytest.raises(SettingsError, match=r"No two of first, fewer can be ranked \(fewer: run on other cases"):
        rank(store, {name: sides[name] for name in ("first", "fewer")})


def test_runs_that_stopped_are_compared_by_the_cases_that_both_drew_first_in_one_order(store: Store) -> None:
    rule = {"design": "sequential", "about": "population", "margin": 0.2}
    whole = scores(40, cases=80)
    values = {"whole": whole, "part": dict(list(whole.items())[:50]), "turned": dict(list(whole.items())[::-1])}
    low = dict.fromkeys(list(whole)[:60], [0.0] * 6)
    ranked = only(
        store,
        stored(store, **{name: Scored(candidate=each, rule=rule) for name, each in {**values, "low": low}.items()}),
    )
    assert shown(ranked) == [("part", 1, 2), ("whole", 1, 2), ("low", 3, 3)]
    assert ranked.left_out == {"turned": "its cases were drawn in another order (another `seed`)"}
    assert ranked.n_cases == 50


def test_no_rank_follows_from_a_difference_without_a_direction(store: Store) -> None:
    entries = {name: Scored(candidate=scores(30), rule={**FIXED, "aim": "same"}) for name in ("one", "other")}
    with pytest.raises(SettingsError, match="neither way is better"):
        rank(store, stored(store, **entries))


@pytest.mark.nightly
@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda each: f"{each.about} {each.design}")
def test_all_ranks_hold_at_once_in_95_of_100_comparisons(shape: Shape, truth: str) -> None:
    parts = iter(np.arange(1000, 1400))
    assert is_at_most(0.05, lambda: any_missed(shape, truth, int(next(parts)), 1) > 0, 400)
