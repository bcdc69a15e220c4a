"""What seeds can show is told of the evaluations that have some, at the level that each has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.decisions import look_at
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.runs.announcements import seeds_in_words
from harness.records import Case


def evaluation(name: str, n_seeds: int, wants: str = "ablation", **marked: Any) -> Evaluation:
    plan = read_plan(marked, Settings(root=Path()), where=name, measures=True, exact=True)
    cases = tuple(Case({"id": f"seed-{seed}", "seed": seed}) for seed in range(n_seeds))
    return Evaluation(name, plan, cases, lambda: None, lambda _: "error", frozenset({wants, "case"}))


def test_evaluations_of_as_many_seeds_share_a_line() -> None:
    evaluations = [
        evaluation("loss", 5),
        evaluation("cloze", 5),
        evaluation("few", 3),
        evaluation("other", 9, "corpus"),
    ]
    looks = {each.id: look_at(1, 1, 4) for each in evaluations}
    five, three = seeds_in_words(evaluations, looks, 0.05)
    assert five.startswith("5 pairs of seeds: all pointing one way have p = 0.0312 by signs")
    assert "too much for 0.01;" in five, "a quarter of 0.05 x 0.9 x 0.9"
    assert five.endswith("(loss, cloze)")
    assert three.startswith("3 pairs of seeds: ")
    assert three.endswith("(few)")


def test_one_that_is_alone_has_all_of_the_level() -> None:
    alone = evaluation("loss", 5)
    (told,) = seeds_in_words([alone], {"loss": replace(look_at(1, 1, 1), red=1.0)}, 0.05)
    assert "enough for 0.05;" in told


def test_what_asks_two_things_or_either_way_has_half() -> None:
    both = evaluation("loss", 5, threshold=1.0), evaluation("same", 5, aim="same")
    (told,) = seeds_in_words(both, {name: replace(look_at(1, 1, 1), red=1.0) for name in ("loss", "same")}, 0.05)
    assert "too much for 0.025;" in told


def test_nothing_is_told_of_what_is_not_weighed() -> None:
    assert seeds_in_words([evaluation("loss", 5)], {}, 0.05) == []
