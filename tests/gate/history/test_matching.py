"""Which evaluations of two runs are compared."""

from __future__ import annotations

from harness.gate.history.comparison import match
from harness.store import Store
from tests.gate.stored import Scored, run, side

ONE = {"peru": [1.0, 0.0]}


def ids(pairs) -> list[str]:
    return [pair.candidate.id for pair in pairs]


def test_evaluations_of_both_are_paired_in_the_candidates_order_and_the_others_named(store: Store) -> None:
    ours = run(store, "r1", Scored("c", ONE, ONE), Scored("a", ONE, ONE), Scored("b", ONE, ONE))
    theirs = run(store, "r2", Scored("a", ONE, ONE), Scored("c", ONE, ONE), Scored("d", ONE, ONE))
    matched = match(store, ours, theirs)
    assert ids(matched.pairs) == ["c", "a"]
    assert (matched.candidate_alone, matched.baseline_alone, matched.against_others) == (("b",), ("d",), ())


def test_only_the_evaluations_asked_for_are_looked_at(store: Store) -> None:
    ours = run(store, "r1", Scored("a", ONE, ONE), Scored("b", ONE, ONE), Scored("c", ONE, ONE))
    theirs = run(store, "r2", Scored("a", ONE, ONE), Scored("b", ONE, ONE))
    matched = match(store, ours, theirs, {"b", "c"})
    assert ids(matched.pairs) == ["b"]
    assert (matched.candidate_alone, matched.baseline_alone) == (("c",), ())


def test_a_body_that_compares_with_the_baseline_itself_has_no_scores_of_it(store: Store) -> None:
    ours = run(store, "r1", Scored("preferred", ONE), Scored("plain", ONE, ONE))
    matched = match(store, ours, side(store, "r1", "baseline"))
    assert ids(matched.pairs) == ["plain"]
    assert matched.candidate_alone == ("preferred",)


def test_such_bodies_of_two_runs_are_compared_if_their_baseline_is_the_same(store: Store) -> None:
    ours = run(store, "r1", Scored("preferred", ONE), names={"candidate": "new", "baseline": "large"})
    same = run(store, "r2", Scored("preferred", ONE), names={"candidate": "old", "baseline": "large"})
    other = run(store, "r3", Scored("preferred", ONE), names={"candidate": "old", "baseline": "small"})
    none = run(store, "r4", Scored("preferred", ONE), names={"candidate": "old"})
    assert ids(match(store, ours, same).pairs) == ["preferred"]
    for else_against in (other, none):
        matched = match(store, ours, else_against)
        assert (matched.pairs, matched.against_others) == ((), ("preferred",))
