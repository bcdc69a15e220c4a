"""The order of blocks, and what is sent in them."""

from __future__ import annotations

from collections import Counter

from harness.stages.inference.blocks.plan import BlockPlan
from harness.stages.inference.load.plan import LoadPlan


def test_two_pairs_are_each_others_mirror_and_chance_says_which_begins() -> None:
    """ABBA or BAAB: over four blocks an even drift falls out."""
    firsts = Counter()
    for seed in range(200):
        plan = BlockPlan(blocks=8, seed=seed)
        orders = [plan.order_of(pair) for pair in range(8)]
        assert all(orders[pair] == orders[pair + 1][::-1] for pair in range(0, 8, 2))
        firsts[orders[0][0]] += 1
    assert 70 <= firsts["candidate"] <= 130


def test_the_same_seed_sends_the_same_and_each_pair_its_own() -> None:
    plan, again = BlockPlan(seed=3), BlockPlan(seed=3)
    assert [plan.load_of(pair) for pair in range(12)] == [again.load_of(pair) for pair in range(12)]
    assert len({plan.load_of(pair).seed for pair in range(12)}) == 12
    assert BlockPlan(seed=4).load_of(0) != plan.load_of(0)


def test_equal_plans_have_equal_texts_and_others_have_not() -> None:
    load = LoadPlan(rate=2.0, seconds=1.0, objective={"ttft": 0.5})
    assert BlockPlan(load=load).text == BlockPlan(load=LoadPlan(rate=2.0, seconds=1.0, objective={"ttft": 0.5})).text
    assert BlockPlan(load=load).text != BlockPlan(load=load, blocks=6).text
