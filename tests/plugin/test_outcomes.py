"""What a verdict does to the item, the exit code and the reports."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.plugin.projects import Project
from tests.plugin.verdicts import RED_AND_GREEN


@pytest.mark.parametrize(
    ("chosen", "code", "verdict"),
    [
        ("green", 0, "passed"),
        ("free", 0, "passed"),
        ("green or free or plain", 1, "passed"),
        ("green or red", 1, "failed"),
        ("green or open", 8, "inconclusive"),
        ("red or open", 1, "failed"),
        ("broken or open", 1, "error"),
        ("open or plainly", 1, "inconclusive"),
        ("green or plainly", 1, "passed"),
    ],
)
def test_exit_code_of_the_process_and_the_report(project: Project, chosen: str, code: int, verdict: str) -> None:
    project.module(RED_AND_GREEN)
    assert project.run("-k", chosen).ret == code
    assert project.report()["exit_code"] == code
    assert project.report()["verdict"] == verdict


HIDDEN = """
    @pytest.fixture
    def known(request):
        request.applymarker(pytest.mark.xfail(reason="known"))

    CASES = [{{"id": f"c{{i}}"}} for i in range(40)]

    @pytest.mark.evaluation(cases=CASES, threshold=0.9, about="population")
    def test_hidden(model, case, known):
        model.ask("q")
        return {score}
"""


@pytest.mark.parametrize(
    ("score", "options", "code"),
    [
        ("int(case.id[1:]) % 10 != 0", (), 8),
        ("int(case.id[1:]) % 10 != 0", ("--inconclusive", "warn"), 0),
        ("False", (), 2),
    ],
)
def test_a_fixture_that_marks_xfail_hides_no_verdict(
    project: Project, score: str, options: tuple[str, ...], code: int
) -> None:
    project.module(HIDDEN.format(score=score))
    assert project.run(*options).ret == code
    assert project.report()["exit_code"] == code


def test_a_red_verdict_that_a_fixture_marks_xfail_is_red_beside_an_open_one(project: Project) -> None:
    project.module("""
        @pytest.fixture
        def known(request):
            request.applymarker(pytest.mark.xfail(reason="known"))

        CASES = [{"id": f"c{i}"} for i in range(40)]
        MARK = dict(cases=CASES, threshold=0.9, about="population")

        @pytest.mark.evaluation(**MARK)
        def test_hidden(model, case, known):
            model.ask("q")
            return False

        @pytest.mark.evaluation(**MARK)
        def test_open(model, case):
            model.ask("q")
            return int(case.id[1:]) % 10 != 0
    """)
    assert project.run().ret == 1
    assert project.verdicts() == {"test_hidden": "failed", "test_open": "inconclusive"}


def test_no_test_collected_is_5(project: Project) -> None:
    project.module(RED_AND_GREEN)
    assert project.run("-k", "nothing_of_this_name").ret == 5
    assert not project.store.exists()


def test_collection_error_is_2_and_nothing_is_opened(project: Project) -> None:
    project.module(RED_AND_GREEN)
    project.write("test_other.py", "import no_such_module\n")
    assert project.run().ret == 2
    assert not project.store.exists()


@pytest.mark.service
def test_keyboard_interrupt_in_a_body_is_2(project: Project) -> None:
    project.body("model.ask(case.prompt)\nraise KeyboardInterrupt")
    assert project.run_apart().ret == 2
    assert project.report()["exit_code"] == 2
    assert project.evaluation()["verdict"] == "error"
    assert "interrupted after" in project.evaluation()["reason"]


def test_each_verdict_is_its_items_word(project: Project) -> None:
    project.module(RED_AND_GREEN)
    result = project.run("-v")
    result.stdout.fnmatch_lines(
        [
            "*::test_green PASSED*",
            "*::test_red FAILED*",
            "*::test_open INCONCLUSIVE*",
            "*::test_broken ERROR*",
            "*::test_free PASSED*",
        ]
    )
    counts = result.parseoutcomes()
    assert (counts["passed"], counts["failed"], counts["inconclusive"]) == (3, 3, 1)


def test_regressed_is_its_items_word(project: Project) -> None:
    project.versions = {"a": {"engine": "scripted", "default": "yes"}, "b": {"engine": "scripted", "default": "no"}}
    project.body("return model.ask(case.prompt) == 'yes'", cases=40)
    result = project.run("-v", "--candidate", "b", "--baseline", "a")
    result.stdout.fnmatch_lines(["*::test_it REGRESSED*"])
    assert result.ret == 1


def test_worse_of_threshold_and_baseline_counts(project: Project) -> None:
    project.versions = {"a": {"engine": "scripted", "default": "yes"}, "b": {"engine": "scripted", "default": "no"}}
    project.body("return model.ask(case.prompt) == 'yes'", cases=40, threshold=0.9)
    project.run("--candidate", "b", "--baseline", "a")
    entry = project.evaluation()
    assert entry["verdict"] == "failed"
    assert {check["against"]: check["verdict"] for check in entry["checks"]} == {
        "threshold": "failed",
        "baseline": "regressed",
    }


def test_short_summary_says_why(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    project.versions = {"a": {"engine": "scripted", "default": "yes"}, "b": {"engine": "scripted", "default": "no"}}
    project.body("return model.ask(case.prompt) == 'yes'", cases=40)
    result = project.run("--candidate", "b", "--baseline", "a")
    result.stdout.fnmatch_lines(
        ["*short test summary*", "*test_it regressed: lower by more than 0.05, decided after 10*"]
    )


def test_without_a_baseline_the_worst_cases_are_shown_with_an_answer_and_the_authors_reason(project: Project) -> None:
    project.versions["only"] = {"engine": "scripted", "answers": {"q1": "Quito"}, "default": "Lima"}
    project.body("assert model.ask(case.prompt) == 'Quito', 'not the capital'", cases=20, threshold=0.9, design="fixed")
    result = project.run()
    result.stdout.fnmatch_lines(
        [
            "*test_it failed: *below the threshold 0.90*",
            '*c0   0/2   "q0"   expected "yes"',
            '*answer  2 × "Lima"',
            "*why     not the capital",
            "next    steelyard store show c0   # all its answers",
            "next    pytest --lf --case=c0*   # that case alone",
        ]
    )
    change = project.report()["changes"][0]
    assert (change["case_id"], change["candidate"], change["baseline"]) == ("c0", 0.0, None)
    assert change["candidate_answer"] == "Lima"
    assert change["candidate_reason"].startswith("not the capital")


def test_a_bug_in_a_body_is_followed_to_its_line(project: Project) -> None:
    project.module("""
        def parse(text):
            return text["answer"]

        @pytest.mark.evaluation(cases=[{"id": "a", "prompt": "q"}])
        def test_it(model, case):
            return parse(model.ask(case.prompt))
    """)
    lines = [
        "*raised at   test_it.py:9: return parse(model.ask(case.prompt))",
        '*test_it.py:5: return text[[]"answer"]',
    ]
    project.run("--junitxml", "junit.xml").stdout.fnmatch_lines(lines)
    assert len(project.evaluation()["traceback"]) == 2


def test_report_has_the_fixed_keys(project: Project) -> None:
    project.module(RED_AND_GREEN)
    project.run()
    report = project.report()
    assert list(report)[:4] == ["schema_version", "run_id", "created", "exit_code"]
    fixed = {
        *("schema_version", "run_id", "created", "exit_code", "verdict", "confidence_level"),
        *("candidate", "baseline", "usage", "evaluations"),
    }
    others = {
        "anchor",
        "losses",
        "waivers",
        "command",
        "steps",
        "changes",
        "judges",
        "n_unreached",
        "budget",
        "best_of",
        "skipped",
        "from_store",
        "notes",
    }
    assert fixed | others == set(report)
    assert set(report["usage"]) == {
        *("model_calls", "http_requests", "stored_samples", "prompt_tokens", "completion_tokens", "wall_s"),
        *("shared_samples", "cost", "flops", "measured_blocks", "stored_blocks", "failed_samples"),
    }
    of_evaluation = {
        *("id", "metric", "requirement", "verdict", "reason", "threshold", "margin", "n_cases", "n_samples"),
        *("candidate", "baseline", "difference", "samples_needed", "labels_needed", "cases"),
    }
    for entry in report["evaluations"]:
        assert of_evaluation <= set(entry)
        for case in entry["cases"]:
            assert {"id", "n", "candidate", "baseline", "state", "content", "asked", "fields"} == set(case)


def test_junit_xml_tells_what_failed(project: Project) -> None:
    # The verdict `error` is a <failure>, too: pytest writes <error> for what goes wrong outside of a test's call, and
    # an evaluation is decided in its call. The property `verdict` and the first line of the text tell them apart.
    project.module(RED_AND_GREEN)
    project.run("--junitxml", "junit.xml")
    cases = {case.get("name"): case for case in ElementTree.parse(project.path / "junit.xml").iter("testcase")}
    assert list(cases) == [
        *("test_green", "test_red", "test_open", "test_broken", "test_free", "test_plain", "test_plainly_wrong"),
    ]
    assert cases["test_green"].find("failure") is None
    for name, words in {
        "test_red": "below the threshold 0.50",
        "test_open": "would decide it",
        "test_broken": "no route",
    }.items():
        failure = cases[name].find("failure")
        assert failure is not None
        assert words in " ".join((failure.text or "").split())
    verdicts = {name: case.find("properties/property[@name='verdict']") for name, case in cases.items()}
    assert {name: found.get("value") for name, found in verdicts.items() if found is not None} == {
        "test_green": "passed",
        "test_red": "failed",
        "test_open": "inconclusive",
        "test_broken": "error",
        "test_free": "passed",
    }


def test_junit_xml_has_the_figures_of_every_verdict(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest's own and the one of `steelyard report` have the same, under the same names of tests."""
    project.module(RED_AND_GREEN)
    project.run("--junitxml", "junit.xml", "-k", "not plain")
    monkeypatch.chdir(project.path)
    assert CliRunner().invoke(main, ["report", "--format", "junit", "--output", "own.xml"]).exit_code == 0
    told = [
        {
            (case.get("classname"), case.get("name")): {
                each.get("name"): each.get("value") for each in case.iterfind("properties/property")
            }
            for case in ElementTree.parse(project.path / name).iter("testcase")
        }
        for name in ("junit.xml", "own.xml")
    ]
    assert told[0] == told[1]
    red = told[1]["test_it", "test_red"]
    assert (red["verdict"], red["threshold"], red["run_id"]) == ("failed", "0.5", project.report()["run_id"])


def test_red_is_corrected_over_all_evaluations(project: Project) -> None:
    body = "\n".join(
        f"""
        @pytest.mark.evaluation(cases=CASES, threshold=0.9, margin=0.0, samples=1)
        def test_{i}(model, case):
            return int(case.id[1:]) % 20 > {2 + i}
        """
        for i in range(5)
    )
    project.module('CASES = [{"id": f"c{i}"} for i in range(60)]\n' + "\n".join(line[8:] for line in body.split("\n")))
    project.run()
    methods = {check["difference"]["method"] for entry in project.report()["evaluations"] for check in entry["checks"]}
    assert all("Holm-corrected over 5 comparisons" in method for method in methods)
