"""Sequential evaluations from pytest's side: they stop, say where, and the same store gives the same report."""

from __future__ import annotations

import json

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

VERSIONS = {
    "good": {"engine": "scripted", "default": {"yes": 0.95, "no": 0.05}},
    "bad": {"engine": "scripted", "default": {"yes": 0.5, "no": 0.5}},
    "same": {"base": "good"},
}
BODY = "return model.ask(case.prompt) == 'yes'"


def two_versions(project: Project, cases: int = 300, **marker: object) -> None:
    project.versions = VERSIONS
    project.settings |= {"baseline": "good", "samples": 4}
    project.body(BODY, cases=cases, **marker)


def test_a_clear_drop_stops_early_and_the_report_says_where(project: Project) -> None:
    two_versions(project)
    result = project.run("--candidate", "bad")
    assert result.ret == 1
    entry = project.evaluation()
    assert entry["verdict"] == "regressed"
    assert entry["n_cases"] < 40
    assert f"decided after {entry['n_cases']} of 300 cases" in entry["reason"]
    assert entry["design"] == "sequential"
    assert project.report()["usage"]["model_calls"] < 300 * 4
    result.stdout.fnmatch_lines([f"*decided after {entry['n_cases']} of 300 cases*"])


def test_a_version_against_itself_passes_before_the_last_case(project: Project) -> None:
    two_versions(project)
    assert project.run("--candidate", "good").ret == 0
    assert project.evaluation()["n_cases"] < 150


def test_fixed_draws_every_sample(project: Project) -> None:
    two_versions(project, cases=40)
    project.run("--candidate", "bad", "design=fixed")
    assert (project.evaluation()["n_cases"], project.evaluation()["design"]) == (40, "fixed")
    two_versions(project, cases=40, design="fixed")
    project.run("--candidate", "bad")
    assert project.evaluation()["n_samples"] == 160


@pytest.mark.nightly
@pytest.mark.parametrize("latency_s", [0.0, 0.004])
def test_how_far_ahead_it_was_drawn_changes_nothing(project: Project, loopback, latency_s: float) -> None:
    two_versions(project, cases=120)
    for name, table in VERSIONS.items():
        if "default" in table:
            server = loopback(default=table["default"], latency_s=latency_s, jitter_s=latency_s)
            project.versions = {
                **project.versions,
                name: {"engine": "openai", **server.settings(), "sampling": {"seed": 1}},
            }
    entries = []
    for concurrency in ("1", "64"):
        project.run("--candidate", "bad", "--concurrency", concurrency, "--store", f"store-{concurrency}.db")
        entries.append(json.dumps(project.report()["evaluations"]))
    assert entries[0] == entries[1]


def test_an_error_beyond_the_decision_does_not_count(project: Project) -> None:
    project.versions = VERSIONS
    project.settings["samples"] = 2
    project.body(
        "SEEN.append(case.id)\nif len(set(SEEN)) > 25:\n    raise OSError('late')\nreturn 0.0",
        cases=300,
        threshold=0.9,
    )
    path = project.path / "test_it.py"
    path.write_text(path.read_text().replace("@pytest", "SEEN = []\n\n\n@pytest", 1))
    assert project.run("--candidate", "good").ret == 1
    assert project.evaluation()["verdict"] == "failed"
    assert project.evaluation()["errors"] == []


def test_an_error_before_the_decision_does(project: Project) -> None:
    project.body("raise OSError('first')", cases=50, threshold=0.9)
    project.run()
    assert project.evaluation()["verdict"] == "error"
    assert "first" in project.evaluation()["reason"]


def test_max_samples_ends_what_is_undecided(project: Project) -> None:
    project.versions = {"only": {"engine": "scripted", "default": {"yes": 0.87, "no": 0.13}}}
    project.body(BODY, cases=300, threshold=0.9, max_samples=40)
    assert project.run().ret == 8
    entry = project.evaluation()
    assert (entry["verdict"], entry["n_samples"], entry["n_planned"]) == ("inconclusive", 40, 20)
    assert entry["samples_needed"] > 0


def test_a_quantile_that_max_samples_cuts_short_is_open(project: Project) -> None:
    """It is tested once: whoever may choose the number of cases would test it as often as there are numbers."""
    body = "return harness.Measure(9.0 if model.ask(case.prompt) else 0.0, 's', True, statistic='p50')"
    project.body(body, cases=60, threshold=20.0, margin=0.5, design="sequential", samples=1)
    assert project.run("max_samples=40").ret == 8
    entry = project.evaluation()
    assert entry["verdict"] == "inconclusive"
    assert entry["reason"].startswith(
        "stopped at max_samples after 40 of 60 cases; a fixed design is decided by all of them: 20 more cases"
    )
    assert project.run().ret == 1
    assert (project.verdicts(), project.evaluation()["look"]["number"]) == ({"test_it": "failed"}, 1)


def test_a_quantile_of_a_helper_that_has_new_cases_decides_nothing_until_the_body_says_that_it_measures(
    project: Project,
) -> None:
    """Each number of cases is another test of it, and nobody saw that the body measures."""
    helper = "import harness\n\n\ndef timed(answer):\n    return harness.Measure(0.9, 's', True, statistic='p50')\n"
    (project.path / "timing.py").write_text(helper, encoding="utf-8")
    body = "from timing import timed\nreturn timed(model.ask(case.prompt))"
    marker = {"threshold": 0.5, "margin": 0.1, "design": "sequential", "about": "population", "samples": 1}
    project.body(body, cases=60, **marker)
    assert project.run().ret == 0
    project.body(body, cases=80, **marker)
    assert project.run().ret == 8
    told = "a measure that can't be bet on, with more cases than when it was first looked at"
    assert project.evaluation()["reason"].startswith(told)
    path = project.path / "test_it.py"
    path.write_text(path.read_text().replace("(model, case):", "(model, case) -> harness.Measure:"))
    assert project.run().ret == 0
    assert project.evaluation()["look"]["because"] == "20 new cases"


def test_each_case_is_sampled_until_it_is_decided(project: Project) -> None:
    project.versions = {
        "only": {"engine": "scripted", "answers": {"q0": "yes", "q1": "no", "q2": {"yes": 0.85, "no": 0.15}}}
    }
    project.body(BODY, cases=3, per="case", threshold=0.9, margin=0.1, samples=5)
    project.run()
    entries = {entry["id"].split("::")[-1]: entry for entry in project.report()["evaluations"]}
    assert entries["test_it[c0]"]["verdict"] == "passed"
    assert entries["test_it[c1]"]["verdict"] == "failed"
    assert entries["test_it[c1]"]["n_samples"] < entries["test_it[c0]"]["n_samples"] < 40
    assert entries["test_it[c2]"]["n_samples"] > 40
    assert "of 199 samples" in entries["test_it[c0]"]["reason"]


def test_skipped_cases_are_left_out_of_the_order(project: Project) -> None:
    project.body("if int(case.id[1:]) % 2:\n    pytest.skip('odd')\nreturn 1.0", cases=200, threshold=0.9)
    assert project.run().ret == 0
    entry = project.evaluation()
    assert all(int(case["id"][1:]) % 2 == 0 for case in entry["cases"])
    assert entry["n_skipped"] > 0


def test_cases_of_a_cluster_stay_together(project: Project) -> None:
    rows = [{"id": f"c{i}", "prompt": f"q{i}", "page": f"p{i // 3}"} for i in range(300)]
    project.module(f"""
        @pytest.mark.evaluation(cases={rows}, threshold=0.9, cluster="page")
        def test_it(model, case):
            return model.ask(case.prompt) == "yes"
    """)
    assert project.run().ret == 0
    ids = [int(case["id"][1:]) for case in project.evaluation()["cases"]]
    assert len(ids) % 3 == 0
    assert all(len({number // 3 for number in ids[i : i + 3]}) == 1 for i in range(0, len(ids), 3))


def test_the_terminal_says_that_ranges_hold_whenever_sampling_stops(project: Project) -> None:
    two_versions(project)
    text = " ".join(project.run("--candidate", "bad").stdout.str().split())
    assert "each bound in brackets holds by itself with 95% confidence, also where sampling stopped early" in text
    text = " ".join(project.run("--candidate", "bad", "design=fixed").stdout.str().split())
    assert "or more, whenever" not in text
