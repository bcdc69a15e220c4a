"""What the marker takes, and what is refused before a model is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.marked import marked, refused
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

ROWS = '{"id": "peru", "prompt": "Capital of Peru?"}\n{"id": "chad", "prompt": "Capital of Chad?"}\n'

MARKED = "@pytest.mark.evaluation({})\ndef test_it(model, case):\n    assert model.ask('q')\n"


def test_cases_from_jsonl_beside_the_settings(project: Project) -> None:
    project.write("evals/capitals/cases.jsonl", ROWS)
    project.write(
        "suites/foundation/test_it.py",
        """
        @pytest.mark.evaluation(cases="evals/capitals/cases.jsonl")
        def test_it(model, case):
            assert model.ask(case.prompt)
        """,
    )
    assert project.run().ret == 0
    assert [case["id"] for case in project.evaluation()["cases"]] == ["peru", "chad"]


def test_cases_from_a_file_beside_the_module(project: Project) -> None:
    project.write("suites/cases.jsonl", ROWS)
    project.write("suites/test_it.py", MARKED.format("cases='cases.jsonl'"))
    assert project.run().ret == 0
    assert project.evaluation()["n_cases"] == 2


def test_cases_from_csv(project: Project) -> None:
    project.write("cases.csv", 'id,prompt\nperu,"Capital, of Peru?"\nchad,Capital of Chad?\n')
    marked(project, "cases='cases.csv'", "return case.prompt == 'Capital, of Peru?'")
    assert project.run().ret == 0
    assert project.score() == 0.5


def test_cases_from_parquet(project: Project) -> None:
    from pyarrow import Table, parquet

    parquet.write_table(Table.from_pylist([{"id": 7, "tags": ["a", "b"]}]), project.path / "cases.parquet")
    marked(project, "cases='cases.parquet'", "return (case.id, case.tags) == ('7', ['a', 'b'])")
    assert project.run_apart().ret == 0
    assert project.score() == 1.0


def test_cases_from_a_path_object(project: Project) -> None:
    project.write("cases.jsonl", ROWS)
    marked(project, "cases=pathlib.Path(__file__).parent / 'cases.jsonl'", head="import pathlib")
    assert project.run().ret == 0


def test_cases_from_a_data_set(project: Project) -> None:
    pytest.importorskip("datasets", reason="the extra datasets is not installed")
    marked(
        project,
        "cases=datasets.Dataset.from_list([{'id': 'a', 'prompt': 'q'}, {'id': 'b', 'prompt': 'r'}])",
        head="import datasets",
    )
    project.ini = project.ini.replace("filterwarnings = error\n", "")
    assert project.run_apart().ret == 0
    assert project.evaluation()["n_cases"] == 2


def test_every_keyword_reaches_the_report(project: Project) -> None:
    project.body(
        "return model.ask(case.prompt) == 'yes'",
        cases=40,
        samples=3,
        threshold=0.9,
        margin=0.2,
        max_samples=120,
        design="fixed",
        per="suite",
        requirement="BR-7",
    )
    assert project.run().ret == 0
    entry = project.evaluation()
    named = {name: entry[name] for name in ("threshold", "margin", "margin_is_default", "requirement", "n_samples")}
    assert named == {
        "threshold": 0.9,
        "margin": 0.2,
        "margin_is_default": False,
        "requirement": "BR-7",
        "n_samples": 120,
    }


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ("cases=C, treshold=0.5", "'treshold'. * Did you mean 'threshold'?"),
        ("cases=C, samples=0", "samples = 0 is below 1"),
        ("cases=C, samples=2.5", "samples = 2.5 is not a whole number"),
        ("cases=C, samples=True", "samples = True is not a whole number"),
        ("cases=C, threshold=1.5", "threshold = 1.5 is outside [[]0, 1[]]"),
        ("cases=C, threshold=-0.1", "threshold = -0.1 is outside [[]0, 1[]]"),
        ("cases=C, threshold='0.5'", "threshold = '0.5' is not a number"),
        ("cases=C, threshold=float('nan')", "threshold = nan is not a number"),
        ("cases=C, margin=-0.1", "margin = -0.1 is outside the range from 0 up"),
        ("cases=C, per='item'", "per = 'item' is none of: case, suite."),
        ("cases=C, design='adaptive'", "design = 'adaptive' is none of: auto, fixed, sequential."),
        ("cases=C, max_samples=3, design='fixed'", "1 cases × 5 samples are 5 samples, more than max_samples = 3"),
        ("cases=C, max_samples=3", "a sequential design draws at least 5 samples, more than max_samples = 3"),
        ("cases=C, per='case', threshold=0.9", "needs a threshold and a margin above 0"),
        ("cases=C, per='case', margin=0.1", "needs a threshold and a margin above 0"),
        ("cases=C, per='case', threshold=0.9, margin=0", "needs a threshold and a margin above 0"),
        ("cases=C, cluster='page'", "cluster='page', but case 'a' has no such field"),
        ("cases=C, requirement=''", "requirement = '' is not a text"),
        ("'cases.jsonl'", "takes keywords only; write cases='cases.jsonl'"),
        ("cases='gone.jsonl'", "There is no case file 'gone.jsonl'"),
        ("cases='cases.yaml'", "There is no case file 'cases.yaml'"),
        ("cases=[]", "cases holds no cases"),
        ("cases=7", "cases=7 is neither a path, a list of dicts nor a datasets.Dataset"),
        ("cases={'id': 'a'}", "neither a path, a list of dicts"),
        ("cases=['a']", "item 0: a case is an object with an id, not str 'a'"),
        ("cases=[{'prompt': 'q'}]", "item 0: the case has no id"),
        ("cases=[{'id': ' '}]", "item 0: the case has no id"),
        ("cases=[{'id': 'a'}, {'id': 'b'}, {'id': 'a'}]", "item 2: the id 'a' is that of item 0 as well"),
        ("cases=[{'id': 1}, {'id': '1'}]", "item 1: the id '1' is that of item 0 as well"),
    ],
)
def test_wrong_keyword_is_a_usage_error(project: Project, keywords: str, words: str) -> None:
    marked(project, keywords, "assert model.ask('q')", head="C = [{'id': 'a'}]")
    project.settings["samples"] = 5
    text = " ".join(refused(project).split())
    pytest.LineMatcher([text]).fnmatch_lines([f"*{words}*"])
    assert "test_it.py::test_it" in text


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("cases.jsonl", "", "holds no cases"),
        ("cases.jsonl", "\n\n", "holds no cases"),
        ("cases.jsonl", '{"id": "a"}\n\n{"id": "b"\n', "cases.jsonl, line 3 is no JSON: * column 11"),
        ("cases.jsonl", '{"id": "a"}\n[1]\n', "cases.jsonl, line 2 is no JSON object"),
        ("cases.jsonl", '{"id": "a"}\n{"name": "b"}\n', "cases.jsonl, line 2: the case has no id"),
        (
            "cases.jsonl",
            '{"id": "a"}\n{"id": "a"}\n',
            "cases.jsonl, line 2: the id 'a' is that of *cases.jsonl, line 1",
        ),
        ("cases.csv", "id,prompt\na,b,c\n", "cases.csv, line 2: not as many values as the header has names"),
        ("cases.csv", "id,prompt\na\n", "cases.csv, line 2: not as many values as the header has names"),
        ("cases.csv", 'id,prompt\na,"b\n', "cases.csv, line 2: not valid CSV"),
        ("cases.csv", "id,prompt\n", "holds no cases"),
        ("cases.json", "[]", "cases are read from .jsonl, .csv, .parquet, not from .json"),
    ],
)
def test_wrong_case_file_is_a_usage_error_with_file_and_line(
    project: Project, file: str, text: str, words: str
) -> None:
    (project.path / file).write_text(text, encoding="utf-8")
    marked(project, f"cases={file!r}")
    pytest.LineMatcher([" ".join(refused(project).split())]).fnmatch_lines([f"*{words}*"])


def test_case_file_that_is_not_utf_8_is_refused(project: Project) -> None:
    (project.path / "cases.jsonl").write_bytes(b'{"id": "\xff"}\n')
    marked(project, "cases='cases.jsonl'")
    told = refused(project)
    assert "cases.jsonl is not UTF-8" in told
    assert "Save it as UTF-8." in told


def test_missing_case_file_names_those_beside_it(project: Project) -> None:
    project.write("evals/a.jsonl", ROWS)
    marked(project, "cases='evals/b.jsonl'")
    assert f"{project.path / 'evals'} has: a.jsonl." in refused(project)


def test_a_folder_without_case_files_is_refused(project: Project) -> None:
    project.write("evals/a.jsonl", ROWS)
    marked(project, "cases='evals'")
    assert "evals holds no case files: none called cases.jsonl" in refused(project)


@pytest.mark.parametrize("name", ["case", "model", "baseline"])
def test_offered_fixture_outside_an_evaluation_is_an_error_that_says_so(project: Project, name: str) -> None:
    project.module(f"""
        def test_plain({name}):
            assert {name}

        @pytest.fixture
        def made(request):
            return request.getfixturevalue({name!r}).anything

        @pytest.mark.evaluation(cases=[{{"id": "a"}}])
        def test_it(made, {name}):
            assert {name}
    """)
    result = project.run("--candidate", "only", "--baseline", "only")
    result.assert_outcomes(errors=2)
    said = [
        line for line in result.outlines if line.startswith(f"{name!r} exists in the body of a test that is marked")
    ]
    assert len(said) == 2


def test_marker_is_listed(project: Project) -> None:
    project.run("--markers").stdout.fnmatch_lines(["@pytest.mark.evaluation(cases, *"])


def test_marker_listing_names_every_keyword(project: Project) -> None:
    from harness.gate.evaluations.evaluation import KEYWORDS

    (line,) = [line for line in project.run("--markers").outlines if line.startswith("@pytest.mark.evaluation")]
    assert set(KEYWORDS) <= set(line.partition("(")[2].partition(")")[0].split(", "))


def test_broken_settings_are_a_usage_error(project: Project) -> None:
    marked(project, "cases=[{'id': 'a', 'prompt': 'q'}]")
    project.settings["sample"] = 3
    text = refused(project)
    assert "Did you mean 'samples'?" in text
    assert str(Path("steelyard.toml")) in text


@pytest.mark.parametrize("marker", [{"threshold": 0.1, "margin": 0.2}, {"threshold": 0.05}])
def test_a_margin_that_lets_everything_pass_is_refused(project: Project, marker: dict[str, float]) -> None:
    project.body("return 0.0", **marker)
    text = refused(project)
    assert "lets everything pass" in text
    assert ("the default" in text) is ("margin" not in marker)
