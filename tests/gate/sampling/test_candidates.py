"""Candidates that are counted on the same cases: their turns, their draws, and what each may spend."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.decisions import share_of
from harness.gate.sampling.candidates import unless_uncountable
from harness.gate.sampling.ledger import Entry, Family
from harness.records import Kind
from harness.statistics.online import BASELINE_SHARE, candidate_level, decaying_share
from harness.store import Store
from tests.decisions.observations import observed, replace
from tests.gate.sampling.test_ledger import FAMILY, Memory, evaluation, look, recorded

COUNTED = {"candidates": "counted", "about": "suite", "design": "fixed"}


def weigh(store: Memory, candidate: str, first: int = 0, family: Family = FAMILY, **changes: object) -> Entry:
    asked = evaluation(40, first=first, **{**COUNTED, **changes})
    return look(store, asked, replace(family, candidate=candidate))


def test_each_candidate_has_the_level_of_its_turn_and_keeps_it() -> None:
    store = Memory()
    first, second = weigh(store, "c1"), weigh(store, "c2")
    assert [each.turn.number for each in (first, second, weigh(store, "c1"), weigh(store, "c3"))] == [1, 2, 1, 3]
    for entry, turn in ((first, (1, 0)), (second, (2, 0))):
        assert entry.look.share == pytest.approx(share_of(1) * candidate_level(*turn, 0.05) / 0.05)
        assert entry.look.red_share == share_of(1) ** 2, "red is promised to each candidate by itself"
    again = weigh(store, "c1")
    assert (again.look, again.is_new) == (first.look, False)


def test_all_looks_at_a_candidate_have_its_level_together() -> None:
    store = Memory()
    weigh(store, "c1"), weigh(store, "c2")
    more = weigh(store, "c2", samples=10)
    assert (more.look.number, more.turn.number) == (2, 2)
    assert more.look.share == pytest.approx(share_of(2) * candidate_level(2, 0, 0.05) / 0.05)


def test_a_candidate_that_is_new_is_drawn_anew_and_so_is_its_baseline() -> None:
    """What others were seen to draw, or it without being weighed, says nothing of these draws."""
    store = Memory()
    draws = [weigh(store, name).question.draws for name in ("c1", "c2", "c1")]
    assert draws[0] == draws[2]
    assert all(draws[0][role] != draws[1][role] for role in ("candidate", "baseline"))
    assert (0,) not in draws[0].values()


def test_against_another_baseline_it_is_another_test_with_other_draws() -> None:
    store = Memory()
    one, other = weigh(store, "c1"), weigh(store, "c1", family=replace(FAMILY, against="b2"))
    assert (one.turn.number, other.turn.number) == (1, 2)
    assert one.question.draws["candidate"] != other.question.draws["candidate"]


@pytest.mark.parametrize(("evaluations", "greens"), [({"t"}, 1), (set(), 0)], ids=["whole", "a part of the suite"])
def test_a_suite_that_was_wholly_green_earns(evaluations: set[str], greens: int) -> None:
    store = Memory()
    weigh(store, "c1")
    family = replace(FAMILY, green_runs=lambda: [(("c1", "b"), frozenset(evaluations))])
    turn = weigh(store, "c2", family=family).turn
    assert (turn.number, turn.greens) == (2, greens)
    assert turn.share == pytest.approx(candidate_level(2, greens, 0.05) / 0.05)
    assert weigh(store, "c2").turn == turn, "as it was when it was first weighed"


def test_fresh_cases_begin_anew_and_a_single_old_one_does_not() -> None:
    store = Memory()
    weigh(store, "c1")
    assert weigh(store, "c2", first=39).turn.number == 2
    assert look(store, evaluation(90, first=40, **COUNTED), replace(FAMILY, candidate="c3")).turn.number == 1


def test_to_begin_counting_is_another_look() -> None:
    store = Memory()
    seen, counted = weigh(store, "c1", candidates="noted"), weigh(store, "c1")
    assert seen.question.drawn().isdisjoint(counted.question.drawn()), "what was seen says nothing of it"
    assert (counted.look.number, counted.look.because) == (2, "candidates none → counted")
    assert counted.turn.number == 1


def test_a_recorded_baseline_is_bounded_at_a_level_of_its_own() -> None:
    store, family = Memory(), replace(recorded(), evaluations=("t", "u"))
    known = [weigh(store, name, family=family) for name in ("c1", "c2")]
    anew = weigh(store, "c2", family=replace(recorded("another"), evaluations=("t", "u")))
    levels = [each.turn.baseline_level for each in (*known, anew)]
    own = [0.05 * BASELINE_SHARE * decaying_share(place) / 2 for place in (1, 1, 2)]
    assert levels == pytest.approx(own), "over all evaluations, and all recordings on these cases"
    assert known[0].turn.share == pytest.approx(candidate_level(1, 0, 0.05 * (1 - BASELINE_SHARE)) / 0.05)
    assert weigh(Memory(), "c1").turn.baseline_level == 0


def test_what_the_argument_does_not_hold_for_decides_nothing() -> None:
    scores = [[1.0, 0.0], [1.0, 1.0]]
    counted = observed(scores, scores, **COUNTED)
    assert not unless_uncountable(counted).undecided
    measure = replace(counted, **{**counted.fields_of(Kind), "unit": "s", "statistic": None})
    assert "no mean over several cases" in unless_uncountable(measure).undecided
    assert "skip none" in unless_uncountable(replace(counted, baseline_level=0.01, n_skipped=1)).undecided


def test_candidates_that_are_only_noted_are_counted_in_the_store(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "store.db")) as store:
        for name in ("c1", "c2", "c1"):
            cases = weigh(store.looks, name, candidates="noted").question.cases
        assert store.looks.count_candidates("t", cases) == 2
        assert [store.looks.count_candidates(*each) for each in (("u", cases), ("t", ("new",)), ("t", ()))] == [0] * 3
