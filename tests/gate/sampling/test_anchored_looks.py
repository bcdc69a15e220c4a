"""Looks at a candidate that is weighed against an anchor, too: no sequence of commands asks a comparison twice."""

from __future__ import annotations

from collections.abc import Mapping

from harness.decisions import share_of
from harness.gate.sampling.ledger import Entry, Family
from harness.gate.sampling.question import Draws
from harness.records import Other
from tests.decisions.observations import replace
from tests.gate.sampling.test_ledger import FAMILY, GENERATIONS, Memory, digests, evaluation, look


def begin() -> Mapping[str, Draws]:
    return {role: (next(GENERATIONS),) for role in ("candidate", "baseline", "anchor")}


DRAWS = {"candidate": (0,), "baseline": (0,), "anchor": (0,)}


def family(anchor: str = "a", against: str = "b", **changes: object) -> Family:
    """A gate of the candidate against a baseline and an anchor that is asked."""
    known = {
        "against": against,
        "draws": DRAWS,
        "begin": begin,
        "others": {"t": {"baseline": Other(against), "anchor": Other(anchor)}},
    }
    return replace(FAMILY, **{**known, **changes})


def recorded(run: str, *unpaired: str) -> Family:
    """The same against a recorded anchor, which lacks these cases."""
    side = Other("a", run, draws=(f"0:0:{run}",), unpaired=digests(*unpaired))
    draws = {name: each for name, each in DRAWS.items() if name != "anchor"}
    return replace(family(), draws=draws, others={"t": {"baseline": Other("b"), "anchor": side}})


def fresh(generation: int, **changes: object) -> Family:
    """The same, all drawn anew."""
    return family(**changes, is_fresh=True, draws=dict.fromkeys(DRAWS, (generation,)))  # type: ignore[arg-type]


def numbers(store: Memory, *families: Family) -> list[int]:
    """The numbers of the looks that gates in turn have."""
    return [look(store, evaluation(), each).look.number for each in families]


def test_the_same_gate_is_the_same_look_and_draws_of_all_three_are_settled():
    store = Memory()
    first, again = look(store, evaluation(), family()), look(store, evaluation(), family())
    assert (first.is_new, again.is_new, again.look) == (True, False, first.look)
    assert first.draws("anchor") == again.draws("anchor") == (0,)


def test_another_anchor_is_another_comparison_and_costs_nothing():
    """After a promotion the same candidate has all of its level, for it was never weighed against this one."""
    store = Memory()
    assert numbers(store, FAMILY, family("a"), family("other"), family("a")) == [1, 1, 1, 1]
    assert {row.number for row in store.rows if row.number} == {1, 2, 3}


def test_who_draws_anew_under_another_anchor_looks_at_the_baseline_again():
    store = Memory()
    entries = [look(store, evaluation(), each) for each in (family("a"), fresh(7, anchor="junk"))]
    assert [each.look.number for each in entries] == [1, 2]
    assert entries[1].look.because == "its baseline was looked at before"
    assert entries[1].look.share == share_of(2)


def test_who_draws_anew_against_another_baseline_looks_at_the_anchor_again():
    store = Memory()
    assert numbers(store, family(), fresh(7, against="junk"), fresh(8, against="junk too")) == [1, 2, 3]


def test_a_baseline_that_is_changed_costs_the_anchor_nothing_while_its_draws_stay():
    store = Memory()
    assert numbers(store, family(against="one"), family(against="two")) == [1, 1]


def test_cases_left_out_under_another_anchor_are_drawn_anew():
    store = Memory()
    look(store, evaluation(), family("a"))
    other: Entry = look(store, evaluation(first=3), family("other"))
    assert other.look.number == 2
    assert other.draws("candidate") != (0,)
    assert other.draws("baseline") != (0,)


def test_cases_left_out_against_another_baseline_draw_the_anchor_anew():
    store = Memory()
    look(store, evaluation(), family(against="one"))
    other = look(store, evaluation(first=3), family(against="two"))
    assert (other.look.number, other.draws("anchor") != (0,)) == (2, True)


def test_what_is_left_of_a_recorded_anchor_decides_nothing():
    store = Memory()
    look(store, evaluation(), recorded("run"))
    left = look(store, evaluation(first=3), recorded("run"))
    assert left.undecided.startswith("what is left of a recording without 3 of its cases that were seen")
    assert look(store, evaluation(), recorded("run", "c1")).undecided.startswith(
        "what is left of a recording without 1"
    )
    assert look(store, evaluation(), recorded("later")).look.number == 2


def test_an_evaluation_that_is_not_weighed_against_the_anchor_asks_as_without():
    store = Memory()
    first = look(store, evaluation(), FAMILY)
    again = look(store, evaluation(), replace(family(), others={}))
    assert (again.is_new, again.question) == (False, first.question)


def test_a_threshold_is_one_question_whatever_the_anchor():
    store, held = Memory(), evaluation(threshold=0.9)
    entries = [look(store, held, each) for each in (family("a"), fresh(7, anchor="junk", against="c"))]
    assert [each.look.number for each in entries] == [1, 2]
