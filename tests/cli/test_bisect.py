"""`steelyard bisect`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import bisect
from harness.gate.history.bisection import Bisection
from tests.cli.conftest import Run
from tests.gate.history.planted import BROKEN, DROP, Planted, plant
from tests.repositories import commit_all

CHECKPOINTS = ("checkpoint-1000", "checkpoint-200", "checkpoint-30")


def test_checkpoints_are_taken_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in CHECKPOINTS:
        (tmp_path / name).mkdir()
    (tmp_path / "runs").mkdir()
    series = bisect._series(str(tmp_path))
    assert [*series] == ["checkpoint-30", "checkpoint-200", "checkpoint-1000"]
    assert series["checkpoint-30"] == ([], {"CHECKPOINT": str(tmp_path / "checkpoint-30")})


def test_registered_versions_are_a_range() -> None:
    assert bisect._series("models:/bot/9..11")["models:/bot/10"] == ([], {"CHECKPOINT": "models:/bot/10"})


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ("main", "'main' is no series: write GOOD..BAD, a FOLDER of checkpoints or models:/NAME/1..9."),
        ("main..mian", "git:mian: no commit of this name is known here. Did you mean 'main'?"),
        ("main..main", "main..main has 1 version: a step lies between two or more."),
        ("models:/bot/3..2", "models:/bot/3..2 has 0 versions"),
        (".", ". has 0 versions"),
        ("main...good", "'main...good' is no series"),
        ("models:/bot/1..9", "has no ${CHECKPOINT}, which stands for each of models:/bot/1..9"),
    ],
)
def test_what_is_no_series_is_refused(folder: Path, run: Run, versions: str, message: str) -> None:
    commit_all(folder)
    result = run("bisect", versions, "suites", "-k", "orders")
    assert result.exit_code == 4
    assert message in result.stderr


def test_a_set_is_shown_with_what_it_rests_on() -> None:
    search = Bisection(["a", "b", "c"], 0.95, 5, 100, lambda *_: "", print, outcome="found", possible=["b", "c"])
    search.skipped["b"] = "it does not start"
    lines = [" ".join(block) for block in bisect._view(search) if isinstance(block, tuple)]
    assert lines[0] == "outcome the first worse one is among 2 of 2; wrong at most 5 times in 100, if there is one step"
    assert "skipped b: it does not start" in lines
    search.outcome = "no single step"
    assert ("outcome", "no single step") in bisect._view(search)


@pytest.fixture
def planted(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Planted]:
    """The planted history, with the current folder in it."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    made = plant(folder / "shop")
    monkeypatch.chdir(made.folder)
    return made


@pytest.mark.nightly
def test_the_drop_of_the_planted_history_is_found_and_nothing_is_drawn_again(planted: Planted, run: Run) -> None:
    asked = ("bisect", "v1.1..main", "suites", "-k", "orders", "--samples", "20", "--json")
    first, again = (json.loads(run(*asked).stdout) for _ in range(2))
    assert [planted.number(each.partition(" ")[0]) for each in first["possible"]] == [DROP]
    assert (first["outcome"], first["n_drawn"], again["n_drawn"]) == ("found", first["n_samples"], 0)
    assert again["possible"] == first["possible"]


@pytest.mark.nightly
def test_a_creep_of_the_planted_history_is_no_single_step(planted: Planted, run: Run) -> None:
    result = run("bisect", "v1.0..v1.3", "suites", "-k", "prices", "--samples", "20", "--json")
    search = json.loads(result.stdout)
    assert (result.exit_code, search["outcome"].partition(":")[0]) == (8, "no single step")
    (skipped,) = search["skipped"]
    assert planted.number(skipped.partition(" ")[0]) == BROKEN
