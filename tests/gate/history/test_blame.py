"""Blame: which step of a path carries a loss, from the scores of hybrids with a known truth."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from harness.gate.history.blame import Blame, Swap, explain
from harness.gate.planning.simulation import observed
from harness.records import Report
from harness.store import Store
from tests.bench.bench_blame import LEVEL, SCENES, SHAPE, UNITS, SimulatedPath, alone, named, path_of, together, tried
from tests.config.settings_files import load
from tests.decisions.observations import replace
from tests.gate import stored
from tests.gate.stored import Scored


@pytest.mark.parametrize("scene", ["nothing lost", "prompt loses 0.20", "prompt and retrieval lose 0.10 each"])
def test_the_steps_that_carry_a_loss_are_named_and_no_others(scene: str) -> None:
    assert set(SCENES[scene][1]) == set(named(path_of(scene, SHAPE, 1).loss()))


def test_two_steps_that_lose_together_and_not_alone_are_a_pair() -> None:
    loss = SimulatedPath(SHAPE, together(0.2), (1,)).loss()
    assert loss.pair is not None
    assert loss.pair.steps == ("prompt", "retrieval")
    assert not any(each.carries for each in loss.steps)


def test_a_step_that_does_nothing_is_no_half_of_a_pair() -> None:
    """A loss that is too small to be shown alone is no reason to blame another step with it."""
    shape = replace(SHAPE, cases=40, samples=2)
    pairs = [SimulatedPath(shape, alone(prompt=0.12), (2, seed)).loss().pair for seed in range(40)]
    assert [pair.steps for pair in pairs if pair is not None] == []


def test_a_single_step_that_differs_carries_the_whole_loss() -> None:
    path = SimulatedPath(SHAPE, alone(prompt=0.2), (5,))
    (loss,) = explain([("prompt",)], path.weigh, LEVEL)
    assert [each.steps for each in loss.carriers] == [("prompt",)]


def test_hybrids_are_drawn_where_there_is_a_loss_alone_and_pairs_where_no_step_explains_it() -> None:
    nothing, single, pair = (
        SimulatedPath(SHAPE, effect, (6,)) for effect in (alone(), alone(prompt=0.2), together(0.2))
    )
    for path in (nothing, single, pair):
        path.loss()
    every = frozenset(UNITS)
    assert {every, frozenset[tuple[str, ...]]()} == set(nothing.drawn)
    assert sorted(map(len, single.drawn)) == [0, 1, 1, 1, 1, 4]
    assert 4 + 4 < len([swap for swap in pair.drawn if swap]) <= 1 + 4 + 4 + 3


def test_bounds_are_simultaneous_over_steps_pairs_and_metrics() -> None:
    """The share of a step is a part of that of its metric: the more metrics, the wider its bounds."""
    path = SimulatedPath(SHAPE, alone(prompt=0.2), (7,))

    def several(ours: Swap, theirs: Swap, rows: object) -> dict[tuple[str, str], object]:
        scores = [path.scores(each) for each in (ours, theirs)]
        return {(name, "score"): replace(observed(SHAPE, *scores), id=name) for name in ("a", "b", "c", "d")}

    one = path.loss().steps[0].difference
    of_four = explain(UNITS, several, LEVEL)[0].steps[0].difference  # type: ignore[arg-type]
    assert of_four.low < one.low
    assert one.value == of_four.value


def test_a_loss_within_the_margin_is_none() -> None:
    path = SimulatedPath(replace(SHAPE, cases=2000, samples=10, margin=0.1), alone(prompt=0.05), (8,))
    assert not path.loss().whole.carries


def test_hybrids_that_cannot_be_and_evaluations_that_broke_are_named(tmp_path: Path, store: Store) -> None:
    new = 'base = "old"\ndefault = "b"\nsystem = "Be quick."\nsampling = { temperature = 0.5 }'
    settings = load(tmp_path, f'[models.old]\nengine = "scripted"\ndefault = "a"\n[models.new]\n{new}\n')
    right, wrong = ({f"c{n}": [score] * 4 for n in range(40)} for score in (1.0, 0.0))
    asked: list[tuple[str, list[str]]] = []

    def draw(name: str, ids: Collection[str]) -> Report:
        asked.append((name, [*ids]))
        if "prompt" in name:
            raise UsageError("it does not start")
        own = wrong if name == "new" or "engine" in name else right
        scored = Scored("t.py::t", own, right, rule={"margin": 0.05, "design": "fixed", "about": "suite"})
        broke = Scored("t.py::u", {"c": [1.0]}, {"c": [1.0]}, rule={"errors": ("it broke",)})
        names = {"candidate": name, "baseline": "old"}
        return stored.run(store, name, scored, *([] if ids else [broke]), names=names).report

    search = Blame(settings, "new", "old")
    search.run(store, draw, lambda _: None)
    assert search.steps == [("engine",), ("prompt",), ("sampling",)]
    assert asked == [("new", []), *((f"old+{step}@new", ["t.py::t"]) for step in ("engine", "prompt", "sampling"))]
    assert search.left_out == {"old+prompt@new": "it does not start"}
    assert search.unmeasured == {"t.py::u of new": "it broke"}
    assert (search.exit_code, [*search.as_json()["runs"]]) == (8, ["new", "old+engine@new", "old+sampling@new"])
    (loss,) = search.losses or ()
    assert [each.steps for each in loss.carriers] == [("engine",)]


def test_a_candidate_that_cannot_be_drawn_is_refused(tmp_path: Path, store: Store) -> None:
    def draw(name: str, ids: Collection[str]) -> Report:
        raise UsageError("it does not start")

    settings = load(tmp_path, '[models]\na = { engine = "scripted" }\nb = { engine = "scripted", default = "b" }\n')
    with pytest.raises(UsageError, match="it does not start"):
        Blame(settings, "a", "b").run(store, draw, lambda _: None)


@pytest.mark.nightly
def test_an_innocent_step_is_blamed_in_few_paths() -> None:
    counts = sum((tried("prompt loses 0.20", SHAPE, 1, part) for part in range(15)), np.zeros(3))
    shown, right, wrong = counts / 300
    assert shown == 1.0
    assert right > 0.93
    assert wrong <= LEVEL + 2 * (LEVEL * (1 - LEVEL) / 300) ** 0.5
