"""Arrays, data frames and runs come to the verdicts and figures of a gate, to the last digit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import harness
from harness import compare, load_run
from harness.errors import UsageError
from harness.records.report_json import to_json
from harness.reporting.samples_table import columns_of
from tests.gate import stored
from tests.gate.stored import Scored
from tests.plugin.conftest import _imported, project  # noqa: F401
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

RNG = np.random.default_rng(5)
GOOD, BAD = ((RNG.random((60, 4)) < rate).astype(float) for rate in (0.95, 0.5))
GATE = """
    import hashlib

    CASES = [{"id": f"c{n:03}", "prompt": f"q{n}", "topic": n // 3} for n in range(90)]

    def share(text):
        return int(hashlib.sha256(text.encode()).hexdigest()[:4], 16) / 0xffff
"""
FIXED = "@pytest.mark.evaluation(cases=CASES, samples=3, design='fixed'"
DECIDING = ("difference", "candidate", "baseline", "verdict", "reason", "samples_needed", "lost", "checks", "cases")


@pytest.fixture
def gate(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:  # noqa: F811
    """A project of two versions, in whose folder this process is."""
    monkeypatch.chdir(project.path)
    project.versions = {
        "good": {"engine": "scripted", "default": {"yes": 0.9, "no": 0.1}},
        "bad": {"engine": "scripted", "default": {"yes": 0.7, "no": 0.3}},
    }
    return project


def sides(run: Any) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    found = run.samples
    return found[found.role == "candidate"], found[found.role == "baseline"]


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("marker", "returned", "rule"),
    [
        (", margin=0.1)", "answer == 'yes'", {"margin": 0.1}),
        (", threshold=0.6, margin=0.04, about='population')", "share(answer + case.id)", {
            "threshold": 0.6, "margin": 0.04, "about": "population",
        }),
        (", margin=0.2, aim='lower')", "harness.Measure(5 * share(answer + case.id), 's', at_most=6.0)", {
            "margin": 0.2, "aim": "lower", "unit": "s", "at_most": 6.0,
        }),
        (", margin='20 %')", "harness.Measure(1 + share(answer + case.id), 's', higher_is_better=False)", {
            "margin": "20 %", "aim": "lower", "unit": "s",
        }),
    ],
    ids=["binary", "graded", "measure", "ratio"],
)  # fmt: skip
def test_scores_of_a_gate_come_to_its_figures_to_the_last_digit(
    gate: Project, marker: str, returned: str, rule: dict[str, Any]
) -> None:
    gate.module(f"{GATE}\n    {FIXED}{marker}\n    def test_it(model, case):\n        answer = model.ask(case.prompt)\n"
                f"        return {returned}\n")  # fmt: skip
    gate.run("--candidate", "bad", "--baseline", "good")
    expected = gate.evaluation()
    run = load_run("latest")
    found = compare(*sides(run), **rule)  # type: ignore[arg-type]
    (entry,) = to_json(found.report)["evaluations"]
    for case in expected["cases"]:  # what is asked is no part of the scores
        for name in ("asked", "content", "fields"):
            case.pop(name, None)
    assert {name: entry[name] for name in DECIDING} == {name: expected[name] for name in DECIDING}
    assert (found.value, found.low, found.high) == tuple(
        expected["difference"][name] for name in ("value", "low", "high")
    )
    new, old = (side.pivot(index="case_id", columns="sample_index", values="score").to_numpy() for side in sides(run))
    of_arrays = compare(new, old, **rule)  # type: ignore[arg-type]
    assert (of_arrays.difference, of_arrays.verdict) == (found.difference, found.verdict)


def test_a_run_and_its_baseline_come_to_the_report_of_their_gate(gate: Project) -> None:
    """Several evaluations, one of which stopped as soon as it was decided."""
    gate.module(f"""{GATE}
    @pytest.mark.evaluation(cases=CASES, samples=5, margin=0.1, design="sequential")
    def test_first(model, case):
        return model.ask(case.prompt) == "yes"

    {FIXED}, margin=0.2, threshold=0.5, cluster="topic")
    def test_second(model, case):
        return share(case.id + model.ask(case.prompt))
    """)
    gate.run("--candidate", "bad", "--baseline", "good")
    report = gate.report()
    assert {entry["design"] for entry in report["evaluations"]} == {"fixed", "sequential"}
    found = compare("latest")
    for entry, expected in zip(to_json(found.report)["evaluations"], report["evaluations"], strict=True):
        for name in ("difference", "candidate", "baseline", "verdict", "reason", "cases", "lost"):
            assert entry[name] == expected[name], name
    assert found.verdict == report["verdict"] == "regressed"
    assert compare(load_run()) == found
    (chosen,) = compare("bad", "good", evaluation="test_second").evaluations
    assert chosen.difference is not None
    assert chosen.difference.low == report["evaluations"][1]["difference"]["low"]
    turned = compare("good", load_run("bad").id, margin=0.3, case="c00*")
    assert [entry.n_cases for entry in turned.evaluations if entry.id.endswith("second")] == [10]
    clustered = next(entry for entry in report["evaluations"] if entry["id"].endswith("second"))
    assert clustered["clusters_known_by"] == "field"


def test_frames_of_a_run_come_to_its_figures_with_its_clusters(gate: Project) -> None:
    gate.module(f"""{GATE}
    OF = [{{"id": f"c{{i:02}}", "topic": i % 9, "prompt": f"q{{i}}"}} for i in range(60)]
    @pytest.mark.evaluation(cases=OF, samples=3, margin=0.1, design="fixed", cluster="topic")
    def test_it(model, case):
        return model.ask(case.prompt) == "yes"
    """)
    gate.run("--candidate", "good", "--baseline", "bad")
    run = load_run()
    (entry,) = run.report.evaluations
    assert entry.n_clusters < 60
    assert tuple(run.samples.columns) == columns_of(run.report)
    assert set(run.samples["case.topic"]) == {str(topic) for topic in range(9)}
    new, old = (run.samples[run.samples.role == role] for role in ("candidate", "baseline"))
    assert compare(new, old, margin=0.1).difference == entry.difference
    apart = (each.drop(columns="cluster") for each in (new, old))
    assert compare(*apart, margin=0.1).difference != entry.difference
    assert run.cases.cluster.tolist() == [case.cluster for case in entry.cases]


def test_what_it_comes_to_is_told() -> None:
    worse = compare(BAD, GOOD, margin=0.1)
    assert (worse.verdict, worse.reason) == (harness.VerdictKind.REGRESSED, "lower by more than 0.10")
    assert worse.high < 0
    assert worse.difference is not None
    assert worse.low < worse.value == worse.difference.value < worse.high
    assert compare(GOOD, BAD).verdict == "passed"
    alone = compare(GOOD, threshold=0.8)
    assert (alone.verdict, alone.report.baseline) == ("passed", None)
    assert compare(BAD, threshold=0.8).verdict == "failed"
    assert "margin 0.05 is the default; set it for an evaluation or the project" in str(alone)
    same = compare(GOOD, BAD, aim="same")
    assert same.verdict == "regressed"
    assert compare(BAD, GOOD, confidence_level=0.99).low < compare(BAD, GOOD).low


def test_cases_of_a_cluster_count_as_one() -> None:
    cases = [f"c{n}" for n in range(60)]
    sides = [pandas.DataFrame({"case": cases, "score": each[:, 0]}) for each in (GOOD, BAD)]
    apart, together = (
        compare(sides[0].assign(**more), sides[1]) for more in ({}, {"cluster": [n // 6 for n in range(60)]})
    )
    assert (apart.evaluations[0].n_clusters, together.evaluations[0].n_clusters) == (60, 10)
    assert str(together).endswith("note    60 cases in 10 clusters")


@pytest.mark.parametrize(
    ("arguments", "rule", "said"),
    [
        ((GOOD, BAD), {"margn": 0.1}, "No keyword named 'margn'. .*Did you mean 'margin'"),
        ((GOOD, BAD), {"store": "s.db"}, "of scores: No keyword named 'store'"),
        ((GOOD, BAD), {"margin": -0.1}, "margin = -0.1 is outside"),
        ((GOOD, BAD), {"margin": 2}, "lets everything pass"),
        ((GOOD, BAD), {"margin": "10 %"}, "a score lies in"),
        ((GOOD, BAD), {"aim": "up"}, "aim = 'up' is none of"),
        ((GOOD, BAD), {"confidence_level": 2}, "confidence_level = 2 is outside"),
        ((GOOD, BAD), {"at_most": 2}, 'at_most is of a measure, which has a unit, such as unit="s"'),
        ((GOOD,), {}, "nothing is required: give old scores, a threshold, or both"),
        ((2 * GOOD, BAD), {}, r"new holds 2 in case 0, and scores lie in \[0, 1\]; of a measure, say its unit"),
        ((GOOD, BAD), {"unit": "s"}, "unit='s' does not say which way is better: add aim=\"lower\""),
        ((GOOD, BAD - np.inf), {"unit": "s", "aim": "same"}, "old holds -inf in case 0, and a measure is a finite"),
        ((GOOD, 9 * GOOD), {"unit": "s", "aim": "lower", "at_most": 5}, "a measure is a finite number from 0 to 5"),
        (
            (GOOD, BAD),
            {"unit": "s", "aim": "lower", "margin": "5 %"},
            "a margin in per cent is weighed by ratios, and the candidate",
        ),
        ((GOOD, "latest"), {}, "old is a stored run and new is none"),
        (("latest", GOOD), {}, "new is a stored run and old is none"),
        (("latest",), {"threshold": 0.5}, "of stored runs: No keyword named 'threshold'"),
    ],
)  # fmt: skip
def test_what_can_not_be_weighed_is_refused(arguments: Any, rule: Any, said: str) -> None:
    with pytest.raises(UsageError, match=f"(?s)compare.*{said}"):
        compare(*arguments, **rule)


def test_runs_of_two_stores_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with harness.Store.open(str(tmp_path / f"{name}.db")) as store:
            stored.run(store, name, Scored(candidate={"a": [1.0]}, baseline={"a": [1.0]}))
    one, two = (load_run(name, store=tmp_path / f"{name}.db") for name in ("one", "two"))
    with pytest.raises(UsageError, match=r"compare: the runs are in different stores \(.*one\.db, .*two\.db\)"):
        compare(one, two)
    assert compare(one).notes[0] == "small, candidate of run one, against large, baseline of run one"
    assert compare("one", store=tmp_path / "one.db") == compare(one)
