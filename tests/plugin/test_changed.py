"""`--changed-since REF`: what runs, what is left out, and what is said of it."""

from __future__ import annotations

import importlib.util

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.plugin.projects import Project
from tests.repositories import commit_all, git

pytestmark = pytest.mark.service

ONE = """
from helper_of_changed import norm

@pytest.mark.evaluation(cases="evals/one.jsonl")
def test_one(model, case):
    return norm(model.ask(case.prompt)) == "yes"

@pytest.mark.evaluation(cases="evals/two.jsonl", per="case", design="fixed")
def test_two(model, case):
    return model.ask(case.prompt) == "yes"

def test_plain(): ...
"""
JUDGED = """
@pytest.mark.evaluation(cases="evals/one.jsonl")
def test_judged(model, case, judge):
    return judge.rate(model.ask(case.prompt), rubric="evals/rubric.md", case=case)
"""
RUBRIC = "# R\n\n## Criteria\n\nGood.\n\n## Steps\n\n1. Read.\n\n## Scale\n\n- 1: bad\n- 5: good\n"
CASES = '{"id": "a", "prompt": "q"}\n{"id": "b", "prompt": "r"}\n'


@pytest.fixture
def suite(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A committed project with an evaluation, one for each of two cases, a plain test, and a judged one elsewhere."""
    project.ini += "testpaths = suites\n"
    project.versions["judge"] = {"engine": "scripted", "default": '{"reason": "so", "score": 5}'}
    project.settings |= {"candidate": "only", "judge": "judge"}
    project.write("suites/a/test_one.py", ONE)
    project.write("suites/b/test_judged.py", JUDGED)
    project.write("lib/helper_of_changed.py", "def norm(text):\n    return text\n")
    for name in ("evals/one.jsonl", "evals/two.jsonl"):
        project.write(name, CASES)
    project.write("evals/rubric.md", RUBRIC)
    project.write(".gitignore", ".steelyard/\nreports/\n__pycache__/\n.pytest_cache/\n")
    project.configure()
    commit_all(project.path)
    monkeypatch.syspath_prepend(str(project.path / "lib"))
    return project


def squeezed(result: pytest.RunResult) -> str:
    return " ".join(str(result.stdout).split())


def chosen(project: Project) -> list[str]:
    """The evaluations that ran, and those of the selection: they are the same."""
    report = project.report()
    ids = [each["id"].split("::")[-1] for each in report["selection"]["chosen"]]
    assert ids == [entry["id"].split("::")[-1] for entry in report["evaluations"]]
    return ids


def test_a_folder_of_cases_is_concerned_by_any_file_in_it(suite: Project) -> None:
    suite.write("evals/more/a/cases.jsonl", CASES)
    suite.write("evals/more/b/cases.jsonl", CASES)
    mark = '@pytest.mark.evaluation(cases="evals/more")'
    whole = f'{mark}\ndef test_whole(model, case):\n    return model.ask("q") == "yes"\n'
    suite.write("suites/c/test_whole.py", whole)
    commit_all(suite.path)
    suite.run("--changed-since", "HEAD")
    assert chosen(suite) == []
    suite.write("evals/more/b/cases.jsonl", CASES.replace('"r"', '"s"'))
    suite.run("--changed-since", "HEAD")
    assert chosen(suite) == ["test_whole"]
    assert [case["id"] for case in suite.report()["evaluations"][0]["cases"]] == ["a/a", "a/b", "b/a", "b/b"]


def test_only_what_a_change_concerns_runs_and_the_others_are_counted(suite: Project) -> None:
    suite.write("evals/two.jsonl", CASES.replace('"r"', '"s"'))
    result = suite.run("--changed-since", "HEAD")
    assert result.ret == 0
    result.assert_outcomes(passed=3, deselected=2)
    assert chosen(suite) == ["test_two[a]", "test_two[b]"]
    assert suite.report()["selection"]["left_out"] == [
        "suites/a/test_one.py::test_one",
        "suites/b/test_judged.py::test_judged",
    ]
    text = squeezed(result)
    assert "steelyard: 2 of 4 evaluations, by what changed since HEAD" in text
    assert "2 evaluations left out: nothing that they depend on changed since HEAD, as far as files can tell" in text


def test_a_module_that_a_test_imports_concerns_all_of_its_file(suite: Project) -> None:
    suite.write("lib/helper_of_changed.py", "def norm(text):\n    return text.strip()\n")
    suite.run("--changed-since", "main")
    assert chosen(suite) == ["test_one", "test_two[a]", "test_two[b]"]
    assert suite.report()["selection"]["chosen"][0]["reason"] == (
        "lib/helper_of_changed.py changed, which suites/a/test_one.py imports"
    )


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("evals/rubric.md", RUBRIC.replace("Good.", "Better."), ["test_judged"]),
        ("suites/b/conftest.py", "", ["test_judged"]),
        ("suites/conftest.py", "", ["test_one", "test_two[a]", "test_two[b]", "test_judged"]),
        ("uv.lock", "", ["test_one", "test_two[a]", "test_two[b]", "test_judged"]),
    ],
)
def test_rubrics_conftests_and_lock_files_concern_whom_they_do(
    suite: Project, name: str, text: str, ids: list[str]
) -> None:
    suite.write(name, text)
    assert suite.run("--changed-since", "HEAD").ret in (0, 8)
    assert chosen(suite) == ids


def test_a_conftest_that_is_gone_concerns_those_below_it(suite: Project) -> None:
    path = suite.write("suites/b/conftest.py", "")
    commit_all(suite.path)
    path.unlink()
    suite.run("--changed-since", "HEAD")
    assert chosen(suite) == ["test_judged"]


@pytest.mark.nightly
def test_a_plugin_of_the_project_concerns_all(suite: Project) -> None:
    suite.write("lib/plugin_of_changed.py", "x = 1\n")
    commit_all(suite.path)
    suite.write("lib/plugin_of_changed.py", "x = 2\n")
    suite.run("--changed-since", "HEAD", "-p", "plugin_of_changed")
    assert len(chosen(suite)) == 4


@pytest.mark.nightly
def test_the_version_under_test_concerns_all_and_the_judge_those_who_ask_it(suite: Project) -> None:
    suite.versions["judge"]["seed"] = 3
    suite.run("--changed-since", "HEAD")
    assert chosen(suite) == ["test_judged"]
    suite.versions["only"]["seed"] = 3
    suite.run("--changed-since", "HEAD")
    assert len(chosen(suite)) == 4


def test_what_plays_a_user_concerns_those_who_have_one(suite: Project) -> None:
    suite.versions["customer"] = {"engine": "scripted", "default": '{"goal_met": true, "message": "Hi"}'}
    suite.write(
        "suites/c/test_talk.py",
        """
import harness

@pytest.mark.evaluation(cases="evals/one.jsonl")
async def test_talk(model, case):
    user = harness.SimulatedUser("customer", persona="p", goal="g")
    return (await model.converse(user, turns=2)).metadata["ended"] == "goal met"
""",
    )
    suite.configure()
    commit_all(suite.path)
    assert suite.run("--changed-since", "HEAD").ret == 0
    suite.versions["customer"]["default"] = '{"goal_met": false, "message": "Hi"}'
    suite.configure()
    suite.run("--changed-since", "HEAD")
    assert chosen(suite) == ["test_talk"]


def test_a_recorded_baseline_concerns_all_if_its_file_changed(suite: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(suite.path)
    suite.run("--judge", "judge")
    done = CliRunner().invoke(main, ["baseline", "record", "--name", "released"])
    assert done.exit_code == 0, done.output
    suite.write(".gitignore", ".steelyard/\nreports/latest/\n__pycache__/\n.pytest_cache/\n")
    commit_all(suite.path)
    result = suite.run("--baseline", "released", "--changed-since", "HEAD", "-k", "not plain")
    assert result.ret == 0
    assert suite.report()["baseline"]["name"].startswith("released (recorded ")
    assert len(suite.report()["selection"]["left_out"]) == 4
    path = suite.path / "reports" / "baselines" / "released.json"
    path.write_text(path.read_text() + "\n")
    suite.run("--baseline", "released", "--changed-since", "HEAD")
    assert suite.report()["selection"]["chosen"][0]["reason"] == "reports/baselines/released.json changed, the baseline"


def test_where_nothing_is_to_run_that_is_no_failure_and_the_report_says_so(suite: Project) -> None:
    suite.run()
    result = suite.run("--changed-since", "HEAD", "-k", "not plain")
    assert result.ret == 0
    result.assert_outcomes(deselected=5)
    report = suite.report()
    assert (report["evaluations"], report["verdict"], report["exit_code"]) == ([], "passed", 0)
    assert len(report["selection"]["left_out"]) == 4
    assert report["candidate"]["name"] == "only"
    assert report["usage"]["model_calls"] == 0
    markdown = (suite.path / "reports" / "latest" / "report.md").read_text()
    assert "nothing to run: 4 evaluations left out" in markdown
    assert not (suite.path / "reports" / "latest" / "index.html").exists(), (
        "that of the run before says nothing of this"
    )
    text = squeezed(result)
    assert "4 evaluations left out: nothing that they depend on changed since HEAD" in text
    assert "nothing to run: 4 evaluations left out" in text


def test_an_evaluation_that_is_gone_is_told_also_where_nothing_is_to_run(suite: Project) -> None:
    suite.write("suites/c/test_ton.py", ONE.replace("test_one", "test_ton"))
    suite.write("suites/c/test_kept.py", ONE)
    commit_all(suite.path)
    (suite.path / "suites" / "c" / "test_ton.py").unlink()
    kept = suite.path / "suites" / "c" / "test_kept.py"
    kept.write_text(kept.read_text(encoding="utf-8").replace("test_two", "test_three"), encoding="utf-8")
    result = suite.run("--changed-since", "HEAD", "-k", "not plain")
    gone = ["suites/c/test_kept.py::test_two", "suites/c/test_ton.py::test_ton", "suites/c/test_ton.py::test_two"]
    assert suite.report()["selection"]["gone"] == gone
    assert "note gone since HEAD: suites/c/test_kept.py::test_two, " in squeezed(result)
    commit_all(suite.path)
    (suite.path / "suites" / "c" / "test_kept.py").unlink()
    result = suite.run("--changed-since", "HEAD", "-k", "not plain")
    assert result.ret == 0
    assert suite.report()["evaluations"] == []
    assert "note gone since HEAD: suites/c/test_kept.py::test_one, " in squeezed(result)
    assert "gone since HEAD: " in (suite.path / "reports" / "latest" / "report.md").read_text(encoding="utf-8")


def test_what_is_marked_otherwise_or_was_added_there_alone_is_not_gone(suite: Project) -> None:
    marked = "@pytest.mark.evaluation(cases=[{'id': 'a'}])\n"
    test = "def test_marked(model, case):\n    return model.ask(case.id) == 'yes'\n"
    suite.write("suites/c/test_marked.py", marked + test)
    suite.write("suites/c/test_kept.py", ONE)
    commit_all(suite.path)
    git(suite.path, "checkout", "-q", "-b", "ahead")
    suite.write("suites/c/test_kept.py", ONE.replace("def test_plain", "@pytest.mark.evaluation\ndef test_new"))
    commit_all(suite.path)
    git(suite.path, "checkout", "-q", "-")
    suite.write("suites/c/test_marked.py", "pytestmark = " + marked[1:] + test)
    suite.run("--changed-since", "ahead", "-k", "marked")
    assert suite.report()["selection"]["gone"] == []


def test_where_nothing_is_to_run_no_older_verdict_is_reported_as_the_latest(suite: Project) -> None:
    suite.run()
    before = suite.report()["run_id"]
    suite.run("--changed-since", "HEAD", "-k", "not plain")
    for command in (("report",), ("report", "--format", "junit"), ("gate", "--resume", "latest")):
        result = CliRunner().invoke(main, list(command))
        assert result.exit_code == 4
        assert "had nothing to run, as nothing changed since HEAD" in result.output
        assert f"Or name the older one, {before} of " in result.output
    assert CliRunner().invoke(main, ["report", before]).exit_code == 0
    suite.run("--baseline", "latest", "-k", "two")
    assert suite.report()["baseline"]["name"].startswith("only (recorded ")


def test_a_failure_of_a_plain_test_is_one_all_the_same(suite: Project) -> None:
    suite.write("suites/test_more.py", "def test_more():\n    assert False\n")
    assert suite.run("--changed-since", "HEAD").ret == 1
    assert suite.report()["exit_code"] == 1


def test_what_was_left_out_is_noted_with_the_run_so_that_nobody_takes_it_for_whole(suite: Project) -> None:
    from harness.store import Store

    suite.write("evals/two.jsonl", CASES.replace('"r"', '"s"'))
    suite.run("--changed-since", "HEAD")
    with Store.open(str(suite.store), readonly=True) as store:
        assert store.runs()[-1].spec["selection"]["deselected"] == 2


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="needs mlflow")
def test_where_nothing_is_to_run_nothing_is_logged(suite: Project) -> None:
    suite.ini += "pythonpath = lib\n"
    suite.configure()
    commit_all(suite.path)
    place = f"sqlite:///{suite.path}/mlflow.db"
    result = suite.run_apart("--changed-since", "HEAD", "-k", "not plain", "--mlflow", place)
    assert result.ret == 0
    assert "mlflow not logged: there was nothing to run" in squeezed(result)


def test_no_tests_at_all_are_pytests_5_as_ever(suite: Project) -> None:
    assert suite.run("--changed-since", "HEAD", "-k", "none_of_them").ret == 5


def test_the_error_rate_is_that_of_the_evaluations_that_run(suite: Project) -> None:
    from harness.store import Store

    suite.write("evals/two.jsonl", CASES.replace('"r"', '"s"'))
    suite.run("--changed-since", "HEAD")
    with Store.open(str(suite.store), readonly=True) as store:
        assert store.runs()[-1].spec["n_evaluations"] == 2


@pytest.mark.nightly
def test_collect_only_tells_why_each_runs(suite: Project) -> None:
    suite.write("evals/two.jsonl", CASES.replace('"r"', '"s"'))
    result = suite.run("--changed-since", "HEAD", "--collect-only", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "steelyard: 2 of 4 evaluations, by what changed since HEAD",
            "  suites/a/test_one.py::test_two[[]a[]]: evals/two.jsonl changed, its cases",
        ]
    )
    assert not suite.store.exists()
    git(suite.path, "checkout", "--quiet", "--", ".")
    assert suite.run("--changed-since", "HEAD", "--collect-only", "-k", "not plain").ret == 0


@pytest.mark.parametrize("ref", ["origin/main", "nonsense"])
def test_a_ref_that_is_not_known_is_a_usage_error(suite: Project, ref: str) -> None:
    result = suite.run("--changed-since", ref)
    assert result.ret == 4
    assert f"--changed-since {ref}: no commit of this name is known here" in str(result.stderr)
    assert not suite.store.exists()


def test_outside_of_a_repository_it_is_a_usage_error(project: Project) -> None:
    project.body("return 1")
    result = project.run("--changed-since", "HEAD")
    assert result.ret == 4
    assert "git says" in str(result.stderr)
    assert "not a git repository" in str(result.stderr)


@pytest.mark.nightly
def test_with_xdist_the_choice_is_the_same(suite: Project) -> None:
    pytest.importorskip("xdist")
    suite.ini += "pythonpath = lib\n"
    suite.configure()
    commit_all(suite.path)
    suite.write("evals/two.jsonl", CASES.replace('"r"', '"s"'))
    assert suite.run_apart("-n", "2", "--changed-since", "HEAD").ret == 0
    assert chosen(suite) == ["test_two[a]", "test_two[b]"]


def test_with_xdist_nothing_to_run_is_no_failure_either(suite: Project) -> None:
    pytest.importorskip("xdist")
    suite.ini += "pythonpath = lib\n"
    suite.configure()
    commit_all(suite.path)
    result = suite.run_apart("-n", "2", "--changed-since", "HEAD", "-k", "not plain")
    assert result.ret == 0
    assert suite.report()["evaluations"] == []
    assert "4 evaluations left out" in squeezed(result)


def test_a_task_concerns_its_evaluation_with_all_beside_it(suite: Project) -> None:
    suite.write(
        "evals/task/task.yaml",
        """
        task: mine
        dataset_path: json
        dataset_kwargs: {data_files: {test: evals/task/data.jsonl}}
        test_split: test
        output_type: generate_until
        doc_to_text: "{{question}}"
        doc_to_target: "{{answer}}"
        metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
        """,
    )
    suite.write("evals/task/data.jsonl", '{"question": "q", "answer": "yes"}\n')
    suite.write("suites/test_task.py", '@pytest.mark.evaluation(task="evals/task/task.yaml")\ndef test_mine(): ...\n')
    commit_all(suite.path)
    suite.write("evals/task/notes.txt", "new")
    suite.run("suites/test_task.py", "--changed-since", "HEAD")
    assert chosen(suite) == ["test_mine"]


def test_report_with_a_selection_follows_the_published_schema(suite: Project) -> None:
    import json

    import jsonschema

    from harness.records.report_json import from_json, schema, to_json

    suite.write("evals/two.jsonl", CASES.replace('"r"', '"s"'))
    suite.run("--changed-since", "HEAD")
    document = suite.report()
    jsonschema.validate(document, schema())
    assert json.loads(json.dumps(to_json(from_json(document)))) == document
