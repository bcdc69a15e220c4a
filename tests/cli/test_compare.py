"""`steelyard compare`: what a gate stored, weighed again without a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.store import Store
from tests.cli.conftest import Run
from tests.gate.stored import Scored
from tests.gate.stored import run as stored_run
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

VERSIONS = {
    "steady": {"engine": "scripted", "default": {"yes": 0.95, "no": 0.05}},
    "forgetful": {"engine": "scripted", "default": {"yes": 0.6, "no": 0.4}},
}
MODULE = """
CASES = [{"id": f"question {n}", "prompt": f"Is {n} a number?", "page": str(n // 3)} for n in range(30)]

@pytest.mark.evaluation(cases=CASES, samples=4, threshold=0.5, requirement="R1")
async def test_asserts(model, case):
    assert await model.ask(case.prompt) == "yes"

@pytest.mark.evaluation(cases=CASES, samples=4, margin=0.2, cluster="page")
async def test_measures(model, case):
    answer = await model.ask(case.prompt)
    if case.id == "question 7":
        pytest.skip("no")
    assert case.id != "question 8" or answer == "yes"
    return {"f1": 0.5 + 0.3 * (answer == "yes"), "length": harness.Measure(len(answer), "characters")}

@pytest.mark.evaluation(cases=CASES, samples=4)
async def test_pairs(model, case):
    assert await model.ask(f"Question {int(case.page) * 2}?") == "yes"
"""

STOPPING = """
@pytest.mark.evaluation(cases=CASES * 1, samples=4, margin=0.3, cluster="page", threshold=0.9)
async def test_clusters(model, case):
    if case.id in ("question 3", "question 20"):
        pytest.skip("no")
    return 1.0 if await model.ask(case.prompt) == "yes" else 0.25

@pytest.mark.evaluation(cases=CASES[:3], per="case", threshold=0.8, margin=0.3)
async def test_each(model, case):
    assert await model.ask(case.prompt) == "yes"

@pytest.mark.evaluation(cases=CASES, samples=4, max_samples=40)
async def test_capped(model, case):
    assert await model.ask(case.prompt) == "yes"
"""


@pytest.fixture
def gated(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project, the current folder, whose gate is to weigh "forgetful" against "steady"."""
    project = Project(pytester)
    project.versions = {name: dict(table) for name, table in VERSIONS.items()}
    project.module(MODULE)
    monkeypatch.chdir(project.path)
    return project


def call(*arguments: str) -> Result:
    """The command in this process."""
    result = CliRunner().invoke(main, ["compare", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def compared(*arguments: str) -> dict[str, Any]:
    """What the command writes as JSON."""
    document: dict[str, Any] = json.loads(call(*arguments, "--json").stdout)
    return document


def test_two_versions_get_what_their_gate_gave_them_to_the_last_bit(gated: Project) -> None:
    gated.run_apart("--candidate", "forgetful", "--baseline", "steady", "design=fixed")
    gate, again = gated.report(), compared("forgetful", "steady")
    assert [entry["metric"] for entry in gate["evaluations"]] == ["score", "f1", "length", "score"]
    assert {entry["verdict"] for entry in gate["evaluations"]} > {"regressed"}
    assert again["evaluations"] == gate["evaluations"]
    for key in ("exit_code", "verdict", "confidence_level", "candidate", "baseline", "run_id", "created"):
        assert gate[key] == again[key]
    assert call("forgetful", "steady").exit_code == gate["exit_code"] == 1


def test_a_gate_that_stopped_early_is_decided_again_where_it_stopped_to_the_last_bit(gated: Project) -> None:
    gated.module(MODULE + STOPPING)
    gated.settings["seed"] = 4
    gated.run_apart("--candidate", "forgetful", "--baseline", "steady")
    gate, again = gated.report(), compared("forgetful", "steady")
    assert {entry["design"] for entry in gate["evaluations"]} == {"sequential", "fixed"}
    assert len(gate["evaluations"]) == 9
    early = [entry for entry in gate["evaluations"] if "decided after" in entry["reason"]]
    assert len(early) >= 4
    assert again["evaluations"] == gate["evaluations"]
    assert (gate["verdict"], gate["exit_code"]) == (again["verdict"], again["exit_code"])
    text = " ".join(call("forgetful", "steady").stdout.split())
    assert early[0]["reason"] in text
    assert "weighed as it was run, in the order drawn" in text


def test_one_evaluation_of_a_gate_that_stopped_early_keeps_its_share_of_the_error_rate(gated: Project) -> None:
    gated.run_apart("--candidate", "forgetful", "--baseline", "steady")
    (entry,) = compared("forgetful", "steady", "--evaluation", "test_asserts")["evaluations"]
    of_gate = gated.evaluation("test_asserts")
    # How far below the margin it is shown to lie depends on the evidence of the gate's other evaluations, as bounds do.
    assert of_gate["reason"].replace("lower by more than 0.05,", "lower than the baseline,") == entry["reason"]
    assert entry["verdict"] == "regressed"
    apart = dict.fromkeys(("difference", "checks", "reason", "lost"))
    assert {**of_gate, **apart} == {**entry, **apart}


@pytest.mark.nightly
def test_two_gates_in_one_order_are_weighed_in_it_and_in_others_on_a_fixed_design(gated: Project) -> None:
    gated.versions["again"] = gated.versions["forgetful"] | {"seed": 1}
    for version, seed, baseline in (("steady", 1, "none"), ("forgetful", 1, "none"), ("again", 2, "none")):
        gated.settings["seed"] = seed
        gated.run_apart("--candidate", version, "--baseline", baseline, "-k", "asserts")
    with Store.open(str(gated.path / ".steelyard" / "store.db")) as store:
        steady, same, other = (run.run_id for run in store.runs())
    (entry,) = (document := compared(same, steady))["evaluations"]
    assert (entry["design"], document["comparison"]["evaluations"][0]["why_fixed"]) == ("sequential", "")
    assert entry["n_cases"] < 30
    assert "betting on case means" in entry["difference"]["method"]
    assert compared(other, steady)["verdict"] == "inconclusive"
    assert "they drew their cases in different orders" in " ".join(call(other, steady).stdout.split())


def test_runs_of_two_gates_are_compared(gated: Project) -> None:
    for version in ("forgetful", "steady"):
        gated.run_apart("--candidate", version, "design=fixed", "-k", "asserts")
    steady = gated.report()["run_id"]
    result = call("forgetful", steady)
    assert result.exit_code == 1
    assert "x regressed     test_asserts" in result.stdout
    assert f"steady, candidate of run {steady}" in result.stdout
    assert "asked in other words" not in result.stdout


@pytest.fixture
def place(folder: Path) -> Path:
    """A store at the default place with two runs of two evaluations."""
    path = folder / ".steelyard" / "store.db"
    right, wrong = {f"c{number}": [1.0] * 3 for number in range(20)}, {f"c{number}": [0.0] * 3 for number in range(20)}
    with Store.open(str(path)) as store:
        for run_id, ours in (("20261123-100000-aaa", right), ("20261124-100000-bbb", wrong)):
            stored_run(
                store,
                run_id,
                Scored("suites/a/test_it.py::test_one[x]", ours, right, rule={"margin": 0.2}),
                Scored("suites/a/test_it.py::test_two", right, right, rule={"margin": 0.2}),
            )
    return path


@pytest.mark.parametrize("margin", ["0.05", "0.02", "0"])
def test_a_stricter_margin_takes_no_red_back(run: Run, folder: Path, margin: str) -> None:
    """Bets that were tuned anew, to this margin, lost what the run had shown."""
    rule = {"margin": 0.1, "design": "sequential", "about": "population", "n_planned": 60}
    rng = np.random.default_rng(60)
    drawn = {rate: (rng.random((60, 4)) < rate).astype(float).tolist() for rate in (0.9, 0.79)}
    theirs, ours = ({f"c{number}": row for number, row in enumerate(rows)} for rows in drawn.values())
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        stored_run(store, "20261124-1", Scored("test_it", ours, theirs, rule=rule))
    assert run("compare", "latest", "latest", "--margin", margin).exit_code == 1


@pytest.mark.parametrize(("margin", "exit_code"), [("30%", 0), ("5 %", 1), ("100%", 4), ("x%", 4), ("-1%", 4)])
def test_a_margin_of_measures_may_be_in_per_cent(run: Run, folder: Path, margin: str, exit_code: int) -> None:
    slow, fast = ({f"c{n}": [base + n / 100] for n in range(40)} for base in (1.2, 1.0))
    rule = {"unit": "s", "higher_is_better": False, "margin": 0.5, "design": "fixed"}
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        stored_run(store, "20261124-1", Scored("test_it", slow, fast, metric="t", rule=rule))
    assert run("compare", "latest", "latest", "--margin", margin).exit_code == exit_code


def test_a_margin_of_scores_in_per_cent_is_that_number(run: Run, place: Path) -> None:
    shown = [run("compare", "latest", "20261123", "--json", "--margin", margin) for margin in ("5%", "0.05")]
    first, second = (json.loads(each.stdout)["evaluations"] for each in shown)
    assert first == second
    assert run("compare", "latest", "20261123", "--margin", "100%").exit_code == 4


@pytest.mark.parametrize(
    "command",
    [
        "report latest",
        "compare latest latest",
        "gate --resume latest",
        "plan --run latest --gates 20",
        "store show c1 --run latest",
        "baseline record latest",
        "track latest --mlflow sqlite:///mlflow.db",
    ],
)
def test_latest_is_a_run_wherever_one_is_named(run: Run, place: Path, command: str) -> None:
    if command.startswith("track"):
        pytest.importorskip("mlflow")
    assert run(*command.split()).exit_code in (0, 1)


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (("latest", "2026112"), 4),
        (("latest", "20261123"), 1),
        (("20261123", "latest"), 0),
        (("20261123", "latest", "--margin", "0", "--evaluation", "test_two"), 8),
        (("20261123", "latest", "confidence_level=2"), 4),
        (("20261123", "latest", "--margin", "-1"), 4),
        (("20261123", "latest", "--margin", "nan"), 4),
        (("20261123", "latest", "--margin", "1"), 4),
        (("20261123", "latest", "--cases", "-1"), 4),
        (("20261123", "latest", "--cases", "1001"), 4),
        (("20261123", "latest", "--case", "z*"), 4),
        (("20261123",), 4),
    ],
)
def test_the_exit_code_is_a_gates_or_a_usage_errors(
    run: Run, place: Path, arguments: tuple[str, ...], exit_code: int
) -> None:
    assert run("compare", *arguments).exit_code == exit_code


def test_inconclusive_is_let_pass_where_the_settings_say_so(run: Run, place: Path, folder: Path) -> None:
    (folder / "steelyard.toml").write_text('inconclusive = "warn"\n')
    assert run("compare", "20261123", "latest", "--margin", "0", "--evaluation", "test_two").exit_code == 0


def test_a_store_elsewhere_is_read_and_never_written(run: Run, place: Path, folder: Path) -> None:
    elsewhere = place.rename(folder / "other.db")
    elsewhere.chmod(0o400)
    assert run("compare", "latest", "20261123", "--store", "other.db").exit_code == 1


@pytest.mark.parametrize("pattern", ["a/test_one*", "test_one[[]x]", "test_one[x]", "suites/*one*", "*[[]*"])
def test_evaluations_are_chosen_by_name_by_test_or_by_id(run: Run, place: Path, pattern: str) -> None:
    result = run("compare", "latest", "20261123", "--evaluation", pattern, "--json")
    assert [entry["id"] for entry in json.loads(result.stdout)["evaluations"]] == ["suites/a/test_it.py::test_one[x]"]


def test_cases_are_chosen_by_pattern_and_as_many_shown_as_asked_for(run: Run, place: Path) -> None:
    document = json.loads(run("compare", "latest", "20261123", "--case", "c1*", "--cases", "4", "--json").stdout)
    assert [entry["n_cases"] for entry in document["evaluations"]] == [11, 11]
    assert (len(document["changes"]), document["comparison"]["cases"]["moved"]) == (4, 11)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lates", "small"), "Did you mean 'latest'?"),
        (("nobody", "small"), "Versions: large, small. Newest runs: 20261124-100000-bbb (small against large, "),
        (("latest", "20261123", "--evaluation", "test_on"), "Evaluations: a/test_one[x], a/test_two."),
        (("latest", "20261123", "--case", "c99"), "No case named 'c99'"),
        (("latest", "small"), "are the same scores"),
    ],
)
def test_what_is_not_found_is_answered_with_what_there_is(
    run: Run, place: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run("compare", *arguments)
    assert (result.exit_code, result.stdout) == (4, "")
    assert message in result.stderr


def test_without_a_store_there_is_nothing_to_compare(run: Run, folder: Path) -> None:
    result = run("compare", "latest", "small")
    assert result.exit_code == 4
    assert "There is no store at" in result.stderr
    assert not (folder / ".steelyard").exists()
