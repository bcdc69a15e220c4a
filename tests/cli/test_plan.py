"""`steelyard plan`: what a suite finds, and what it takes to find a drop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.gate.planning.power import ErrorRates, Simulation
from harness.gate.planning.shapes import spread_of
from harness.gate.planning.simulation import ScoreSpread, Shape
from harness.store import Store
from tests.cli.conftest import Run
from tests.gate.stored import Scored
from tests.gate.stored import run as stored_run

pytestmark = pytest.mark.service

FEW = ("--gates", "40")


@pytest.fixture
def run(run: Run) -> Run:
    """`run("plan", …)` about cases like these, unless the test says otherwise."""

    def call(*arguments: str) -> Any:
        about = () if arguments[0] != "plan" or "--about" in arguments else ("--about", "population")
        return run(*arguments, *about)

    return call


def planned(run: Run, *arguments: str) -> Any:
    result = run("plan", *FEW, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def scores(seed: int, n_cases: int = 50) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {f"c{i}": [float(x) for x in rng.random(4) < rate] for i, rate in enumerate(rng.beta(4, 1, n_cases))}


def store_run(folder: Path, run_id: str, *evaluations: Scored) -> None:
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        stored_run(store, run_id, *evaluations)


def words(run: Run, *arguments: str) -> str:
    result = run("plan", *FEW, *arguments)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) <= 80
    return " ".join(result.output.split())


def test_without_a_store_it_says_what_it_assumes_what_a_pass_takes_and_how_exact_it_is(run: Run, folder: Path) -> None:
    text = words(run)
    assert "spread assumed; no run is stored" in text
    assert "a guess, since nothing tells --score, --correlation, --differing" in text
    assert "score 0.90, correlation 0.50, 30 in 100 cases differ" in text
    assert "At margin 0.05 a version that equals its baseline in every answer passes with 64" in text
    assert "Of 40 simulated gates: a share is within 0.1" in text
    assert "a drop within " in text
    assert list(folder.iterdir()) == []
    (row,) = planned(run)["rows"]
    assert row["relative_standard_error"] == pytest.approx(ErrorRates.of(0.95, 1).sway(40))
    assert (row["unchanged"]["gates"], row["dropped"]["gates"]) == (40, 40)


def test_figures_are_those_of_the_simulation(run: Run) -> None:
    (row,) = planned(run, "--cases", "150", "--samples", "3", "--margin", "0.1", "--evaluations", "4")["rows"]
    shape = Shape(cases=150, samples=3, margin=0.1)
    simulation = Simulation(ErrorRates.of(0.95, 4), 40)
    drop = simulation.smallest_drop(shape)
    assert row["drop"] == drop
    assert row["unchanged"]["cases_used"] == simulation.outlook(shape, None).cases
    assert row["dropped"]["red"] == simulation.outlook(shape, drop).red >= 0.8


def test_a_drop_is_found_with_fewer_cases_the_more_samples_they_have(run: Run) -> None:
    rows = planned(run, "--drop", "0.1")["rows"]
    assert [row["samples"] for row in rows] == [1, 2, 3, 5, 10, 20]
    cases = [row["cases"] for row in rows]
    assert cases[0] > cases[3] > cases[5]
    assert all(row["dropped"]["red"] >= 0.8 and row["unchanged"]["green"] >= 0.8 for row in rows)
    (one,) = planned(run, "--drop", "0.1", "--samples", "5")["rows"]
    assert one == rows[3]


def test_costs_are_those_of_the_cases_and_of_the_samples_drawn(run: Run) -> None:
    arguments = ("--drop", "0.1", "--samples", "5", "--cost-per-case", "2", "--cost-per-sample", "0.5")
    (row,) = planned(run, *arguments)["rows"]
    assert row["cost"] == pytest.approx(2 * row["cases"] + 0.5 * 5 * row["unchanged"]["cases_used"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("--cases", "40"),
            "can't pass with 40 cases, if no answer changes: give it 24 more, or set its margin to 0.08.",
        ),
        (
            ("--about", "suite", "--cases", "10"),
            "give it 3 more, or draw 7 samples of each, or set its margin to 0.07",
        ),
        (
            ("--about", "suite", "--cases", "10"),
            "equals its baseline in every answer passes with 13 cases or more of 5 samples each",
        ),
        (
            ("--threshold", "0.9", "--score", "0.7"),
            "can't pass with its score of 0.70: a pass proves a score above 0.85",
        ),
        (
            ("--drop", "0.05", "--power", "0.97"),
            "a drop of 0.05 lies within the margin 0.05",
        ),
        (("--drop", "0.1", "--cost-per-case", "2"), "a drop of 0.1 is red in 80 of 100 gates"),
        (("--drop", "0.1", "--cost-per-case", "2", "--cost-per-sample", "0.02"), "Cheapest: "),
        (
            ("--cases", "400", "--samples", "20", "--differing", "0.05", "--about", "suite"),
            "the drop found is the margin. A smaller one may pass, so none is looked for.",
        ),
        (
            ("--drop", "0.0074", "--margin", "0.0074", "--samples", "1", "--evaluations", "3"),
            "more than 20,000. What may help: more samples of each case, --about suite, fewer evaluations",
        ),
    ],
)
def test_what_the_figures_mean_is_told(run: Run, arguments: tuple[str, ...], text: str) -> None:
    assert text in words(run, *arguments)


def test_a_drop_within_the_margin_is_told_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.gate.planning.power.simulate_gates", None)  # nothing is simulated
    result = run("plan", "--drop", "0.03")
    text = " ".join(result.output.split())
    assert result.exit_code == 0
    assert text.endswith(
        "a drop of 0.03 lies within the margin 0.05. The margin says that such a version may pass, so no gate is sure "
        "to be red. To find this drop lower the margin."
    )
    assert not any(word in text for word in ("needed", "cases", "many", "about"))
    rows = planned(run, "--drop", "0.03")["rows"]
    assert {(row["suffices"], row["why"]) for row in rows} == {(False, "within the margin")}


def test_without_gates_a_plan_simulates_as_many_as_take_some_seconds(run: Run) -> None:
    result = run("plan", "--cases", "5000", "--samples", "10", "--json")
    (row,) = json.loads(result.stdout)["rows"]
    assert row["unchanged"]["gates"] == 2_500_000 // 57_000
    assert 0 < row["unchanged"]["cases_used"] < 5_000
    assert "A suite of more than 1,000 cases is simulated by as many." in words(run, "--cases", "5000")


def test_at_temperature_0_the_samples_of_a_case_are_one_draw(run: Run, folder: Path) -> None:
    (folder / "steelyard.toml").write_text(
        'samples = 5\ncandidate = "it"\n[models.it]\nengine = "scripted"\nsampling = { temperature = 0 }\n', "utf-8"
    )
    (row,) = planned(run, "--drop", "0.2", "--margin", "0.1")["rows"]
    assert (row["is_repeatable"], row["samples"]) == (True, 5)
    once = planned(run, "--drop", "0.2", "--margin", "0.1", "--samples", "1")["rows"]
    assert [each["cases"] for each in once] == [row["cases"]]
    assert "at temperature 0 the samples of a case are one draw" in words(run)


def test_about_the_suite_figures_are_simulated_with_as_many_gates_as_are_asked_for(run: Run) -> None:
    rows = planned(run, "--about", "suite", "--drop", "0.2", "--margin", "0.1")["rows"]
    simulation = Simulation(ErrorRates.of(0.95, 1), 40)
    shapes = [Shape(margin=0.1, samples=samples, about="suite") for samples in (1, 2, 3, 5, 10, 20)]
    assert [row["cases"] for row in rows] == [simulation.cases_needed(shape, 0.2) for shape in shapes]
    assert all(row["unchanged"]["gates"] >= 40 for row in rows)
    assert rows[0]["about"] == "suite"
    assert rows[0]["samples_at_hand"] == simulation.samples_needed(shapes[0], 0.2)
    text = words(run, "--about", "suite", "--drop", "0.2", "--margin", "0.1")
    assert "about these cases: only their samples are left to chance" in text
    assert ": the default of 200 cases would do with 1 sample each" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cases", "1"), "1 is not in the range 2<=x<=100000"),
        (("--drop", "0"), "--drop: 0 is not above 0"),
        (("--drop", "0.95"), "at most 0.90"),
        (("--margin", "1"), "lets everything pass"),
        (("--threshold", "1.2"), "1.2 is not in the range 0<=x<=1"),
        (("--power", "1"), "1.0 is not in the range 0.1<=x<=0.99"),
        (("--design", "sequentially"), "not one of 'sequential', 'fixed'"),
        (("--cost-per-sample", "0"), "0.0 is not in the range x>0"),
        (("--correlation", "2"), "2.0 is not in the range 0<=x<=1"),
        (("--run", "latest"), "There is no store at"),
    ],
)
def test_what_can_not_be_is_refused(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("plan", *FEW, *arguments)
    assert result.exit_code == 4
    assert message in " ".join(result.output.split())


def test_the_settings_say_what_the_options_do_not(run: Run, folder: Path) -> None:
    (folder / "steelyard.toml").write_text(
        'samples = 2\nmargin = 0.2\ndesign = "fixed"\nconfidence_level = 0.9\n', encoding="utf-8"
    )
    document = planned(run)
    (row,) = document["rows"]
    assert (row["samples"], row["margin"], row["design"]) == (2, 0.2, "fixed")
    assert document["confidence_level"] == 0.9


def test_options_shape_the_spread_and_what_is_left_is_guessed(run: Run) -> None:
    document = planned(run, "--score", "0.7", "--correlation", "0.2", "--differing", "0.5")
    assert document["rows"][0]["spread"] == {"mean": 0.7, "correlation": 0.2, "differing": 0.5, "noise": 1.0}
    assert document["guessed"] == []
    assert planned(run, "--threshold", "0.8", "--score", "0.9")["guessed"] == ["--correlation"]


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
    assert "test_b against 0.6" in words(run)


def test_a_run_may_be_named_and_its_evaluations_chosen(run: Run, folder: Path) -> None:
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_old", scores(3), scores(4)))
    store_run(folder, "20261124-000000-000002", Scored("test_a.py::test_new", scores(1), scores(2)))
    assert [row["name"] for row in planned(run, "--run", "20261124-000000-000001")["rows"]] == ["test_old"]
    assert "assumed" in planned(run, "--run", "none")["source"]
    refused = run("plan", "--evaluation", "test_old")
    assert refused.exit_code == 4
    assert "No evaluation named 'test_old'. Evaluations: test_new." in refused.output


def test_options_win_over_the_run(run: Run, folder: Path) -> None:
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", scores(1), scores(2)))
    (row,) = planned(run, "--cases", "90", "--samples", "2", "--margin", "0.2", "--threshold", "0.7")["rows"]
    assert (row["cases"], row["samples"], row["margin"], row["threshold"]) == (90, 2, 0.2, 0.7)
    assert planned(run, "--score", "0.8")["source"].endswith("(small against large), but --score as given")


def test_what_the_stored_spread_does_not_know_is_said(run: Run, folder: Path) -> None:
    once = {case: values[:1] for case, values in scores(1).items()}
    clusters = tuple(str(i // 2) for i in range(50))
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", once, once, rule={"clusters": clusters}))
    text = words(run)
    assert "test_a: one sample of a case does not tell how much samples vary" in text
    assert "test_a: its cases share clusters" in text
    assert "test_a: hardly any case differed" in text


def test_of_a_red_run_the_spread_is_the_baseline_s(run: Run, folder: Path) -> None:
    good = scores(1)
    lost = {case: [0.0] * 4 if int(case[1:]) % 2 else values for case, values in good.items()}
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", lost, good))
    text = words(run)
    assert "30 in 100 cases differ" in text
    assert "test_a: the candidate was worse, so the score is the baseline's, and --differing is assumed." in text


def test_the_spread_of_another_version_is_told(run: Run, folder: Path) -> None:
    store_run(folder, "20261124-000000-000001", Scored("test_a.py::test_a", scores(1), scores(2)))
    versions = "".join(f'[models.{name}]\nengine = "scripted"\ndefault = "x"\n' for name in ("small", "new", "large"))
    settings = folder / "steelyard.toml"
    settings.write_text(f'candidate = "new"\nbaseline = "large"\n{versions}', encoding="utf-8")
    text = words(run)
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


@pytest.mark.parametrize(
    "option", ["score", "correlation", "threshold", "differing", "drop", "margin", "cost-per-case"]
)
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_what_is_no_finite_number_is_refused(run: Run, option: str, number: str) -> None:
    refused = run("plan", f"--{option}", number)
    assert refused.exit_code == 4
    assert f"'--{option}'" in refused.output


def test_cases_may_cost_nothing(run: Run) -> None:
    assert planned(run, "--cases", "20", "--samples", "2", "--cost-per-case", "0")
