"""What is planned: from options, settings and stored runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.gate.planning.shapes import spread_of
from harness.gate.planning.simulation import ScoreSpread
from harness.store import Store
from tests.cli.conftest import Run
from tests.cli.planning.planned import FEW, planned, scores, store_run
from tests.gate.stored import Scored
from tests.gate.stored import run as stored_run

pytestmark = pytest.mark.service


def test_the_settings_say_what_the_options_do_not(run: Run, folder: Path) -> None:
    (folder / "steelyard.toml").write_text(
        'samples = 2\nmargin = 0.2\ndesign = "fixed"\nconfidence_level = 0.9\n', encoding="utf-8"
    )
    document = planned(run)
    (row,) = document["rows"]
    assert (row["samples"], row["margin"], row["design"]) == (2, 0.2, "fixed")
    assert document["confidence_level"] == 0.9


def test_options_shape_the_spread(run: Run) -> None:
    (row,) = planned(run, "--score", "0.7", "--correlation", "0.2", "--differing", "0.5")["rows"]
    assert row["spread"] == {"mean": 0.7, "correlation": 0.2, "differing": 0.5, "noise": 1.0}


def test_the_newest_run_gives_sizes_and_spread(run: Run, folder: Path) -> None:
    ours, theirs = scores(1), scores(2)
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_old", scores(3), scores(4)))
    store_run(
        folder,
        "20261124-000000-000002",
        Scored("suites/test_a.py::test_a", ours, theirs, rule={"margin": 0.1}),
        Scored("suites/test_a.py::test_b", ours, theirs, rule={"threshold": 0.6}),
    )
    document = planned(run)
    assert document["source"] == "as seen in run 20261124-000000-000002 (small against large)"
    assert document["evaluations"] == 2
    assert [(row["name"], row["threshold"], row["cases"], row["samples"]) for row in document["rows"]] == [
        ("test_a", None, 50, 4),
        ("test_b", None, 50, 4),
        ("test_b", 0.6, 50, 4),
    ]
    spread = spread_of(np.array(list(ours.values())), np.array(list(theirs.values())))
    assert ScoreSpread(**document["rows"][0]["spread"]) == spread
    text = run("plan", *FEW).output
    assert "test_b against 0.6" in text


def test_a_run_may_be_named_and_its_evaluations_chosen(run: Run, folder: Path) -> None:
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_old", scores(3), scores(4)))
    store_run(folder, "20261124-000000-000002", Scored("test_a.py::test_new", scores(1), scores(2)))
    assert [row["name"] for row in planned(run, "--run", "20261124-000000-000001")["rows"]] == ["test_old"]
    assert "assumed" in planned(run, "--run", "none")["source"]
    refused = run("plan", "--evaluation", "test_old")
    assert refused.exit_code == 4
    assert "No evaluation named 'test_old'. Evaluations: test_new." in refused.output


def test_an_evaluation_with_two_comparisons_is_named_once(run: Run, folder: Path) -> None:
    store_run(folder, "r1", Scored("suites/test_a.py::test_a", scores(1), scores(2), rule={"threshold": 0.5}))
    assert "Evaluations: test_a. " in run("plan", "--evaluation", "test_b").output


def test_options_win_over_the_run(run: Run, folder: Path) -> None:
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", scores(1), scores(2)))
    (row,) = planned(run, "--cases", "90", "--samples", "2", "--margin", "0.2", "--threshold", "0.7")["rows"]
    assert (row["cases"], row["samples"], row["margin"], row["threshold"]) == (90, 2, 0.2, 0.7)


def test_what_the_stored_spread_does_not_know_is_said(run: Run, folder: Path) -> None:
    once = {case: values[:1] for case, values in scores(1).items()}
    clusters = tuple(str(i // 2) for i in range(50))
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", once, once, rule={"clusters": clusters}))
    text = " ".join(run("plan", *FEW).output.split())
    assert "test_a: one sample of a case does not tell how much samples vary" in text
    assert "test_a: its cases share clusters" in text
    assert "test_a: hardly any case differed" in text


def test_a_spread_that_is_partly_given_is_told(run: Run, folder: Path) -> None:
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", scores(1), scores(2)))
    assert planned(run, "--score", "0.8")["source"].endswith("(small against large), but --score as given")


def test_a_spread_that_is_guessed_is_told(run: Run) -> None:
    assert "a guess, since nothing tells --score, --correlation, --differing" in " ".join(
        run("plan", *FEW).output.split()
    )
    said = ("--score", "0.8", "--correlation", "0.4", "--differing", "0.2")
    assert planned(run, *said)["guessed"] == []
    assert planned(run, "--threshold", "0.8", "--score", "0.9")["guessed"] == ["--correlation"]


def test_the_spread_of_another_version_is_told(run: Run, folder: Path) -> None:
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", scores(1), scores(2)))
    versions = "".join(f'[models.{name}]\nengine = "scripted"\ndefault = "x"\n' for name in ("small", "new", "large"))
    settings = folder / "steelyard.toml"
    settings.write_text(f'candidate = "new"\nbaseline = "large"\n{versions}', encoding="utf-8")
    text = " ".join(run("plan", *FEW).output.split())
    assert "as seen in run 20261124-000000-000001 (small against large), test_a" in text
    assert "The spread is that of another version: 'small' is not 'new', the candidate of the settings." in text
    settings.write_text(f'candidate = "small"\nbaseline = "large"\n{versions}', encoding="utf-8")
    assert planned(run)["unlike"] is None


def test_the_newest_run_of_the_version_under_test_comes_before_newer_ones_of_others(run: Run, folder: Path) -> None:
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        for number, name in enumerate(("new", "small", "small"), 1):
            evaluation = Scored("test_a.py::test_a", scores(number), scores(9))
            stored_run(store, f"20261124-000000-00000{number}", evaluation, names={"candidate": name, "baseline": "b"})
    assert "000003" in planned(run)["source"]
    (folder / "steelyard.toml").write_text(
        'candidate = "new"\n[models.new]\nengine = "scripted"\ndefault = "x"\n', encoding="utf-8"
    )
    assert "000001" in planned(run)["source"]


def test_a_run_of_measures_alone_can_not_be_planned(run: Run, folder: Path) -> None:
    times = {f"c{i}": [1.0 + i, 2.0] for i in range(4)}
    store_run(folder, "20261124-000000-000001", Scored("a::test_t", times, times, metric="t", rule={"unit": "s"}))
    result = run("plan", "--run", "latest")
    assert result.exit_code == 4
    assert "has no evaluation of scores in [0, 1] with two cases or more" in " ".join(result.output.split())
    assert planned(run)["source"].startswith("assumed; no run is stored")


@pytest.mark.nightly
def test_a_newest_run_that_tells_nothing_is_passed_over(run: Run, folder: Path) -> None:
    ours, theirs = scores(1), scores(2)
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", ours, theirs))
    alone = {"c0": ours["c0"]}
    store_run(folder, "20261124-000000-000002", Scored("test_a.py::test_a", alone, {"c0": theirs["c0"]}))
    assert planned(run)["source"] == "as seen in run 20261124-000000-000001 (small against large)"
