"""Checks in the bodies of evaluations."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service


def test_a_check_is_one_line_of_either_kind_of_body_and_its_reason_is_shown(project: Project) -> None:
    project.versions["only"]["default"] = "```python\ndef double(x):\n    return x + x\n```"
    project.module(
        """
        from harness import checks

        CASES = [{"id": "one", "prompt": "q", "tests": "assert double(2) == 4"}]
        WRONG = [{"id": "two", "prompt": "q", "tests": "assert double(2) == 5"}]

        @pytest.mark.evaluation(cases=CASES)
        async def test_async(model, case):
            return await checks.runs(await model.ask(case.prompt), tests=case.tests)

        @pytest.mark.evaluation(cases=CASES)
        def test_def(model, case):
            answer = model.ask(case.prompt)
            return {"runs": checks.runs(answer, tests=case.tests), "names it": checks.contains(answer, "double")}

        @pytest.mark.evaluation(cases=WRONG, threshold=0.9)
        def test_wrong(model, case):
            return checks.runs(model.ask(case.prompt), tests=case.tests)
        """
    )
    assert project.run("-s").ret != 0
    assert project.score("test_async") == 1
    assert project.score("test_wrong") == 0
    values = {entry["metric"]: entry["candidate"]["value"] for entry in project.report()["evaluations"][1:3]}
    assert values == {"runs": 1, "names it": 1}
    change = project.report()["changes"][0]
    assert change["candidate_reason"] == "AssertionError (line 1 of the tests: assert double(2) == 5)"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("return checks.matches(await model.ask('q'), '(')", "'(' is no regular expression"),
        ("return checks.follows_schema(await model.ask('q'), {'type': 'text'})", "the schema is wrong at $.type"),
        ("return checks.exact(model.ask('q'), 'yes')", "the answer was not waited for"),
        ("assert checks.exact(await model.ask('q'), 'no')", "is neither true nor false; return it"),
        ("assert checks.runs(await model.ask('q'))", "runs was not waited for; write `await checks.runs(…)`"),
    ],
)
def test_a_check_that_can_not_work_is_an_error_and_never_a_0(project: Project, line: str, words: str) -> None:
    project.module(f"from harness import checks\n\n@pytest.mark.evaluation()\nasync def test_it(model):\n    {line}\n")
    assert project.run().ret == 1
    assert project.evaluation()["verdict"] == "error"
    assert words in project.evaluation()["reason"]


def test_a_choice_is_made_by_the_version_under_test(project: Project) -> None:
    project.versions["only"] = {"engine": "scripted", "answers": {"2 + 2 =": {" 4": 0.6, " 5": 0.4}}}
    project.module(
        """
        from harness import checks

        CASES = [{"id": "sum", "prompt": "2 + 2 =", "choices": ["5", "4"], "expected": "4"}]

        @pytest.mark.evaluation(cases=CASES)
        async def test_async(model, case):
            return await checks.multiple_choice(model, case)

        @pytest.mark.evaluation(cases=CASES)
        def test_def(model, case):
            return checks.choose(model, case.prompt, case.choices).index == 1
        """
    )
    assert project.run().ret == 0
    assert (project.score("test_async"), project.score("test_def")) == (1, 1)


def test_the_setting_chooses_the_walls_and_the_argument_goes_before_it(project: Project) -> None:
    project.settings["sandbox"] = "container"
    project.versions["only"]["default"] = "import os; os.stat('.')"
    project.module(
        """
        from harness import checks
        from harness.scoring import sandbox_of_run

        CASES = [{"id": "one", "prompt": "q"}]

        @pytest.mark.evaluation(cases=CASES)
        async def test_async(model, case):
            assert sandbox_of_run.get() == "container"
            return await checks.runs(await model.ask(case.prompt), sandbox="built-in")

        @pytest.mark.evaluation(cases=CASES)
        def test_def(model, case):
            assert sandbox_of_run.get() == "container"
            return checks.runs(model.ask(case.prompt), sandbox="built-in")
        """
    )
    project.run("--samples", "1").assert_outcomes(passed=2)


def test_a_program_that_garbles_its_answers_scores_0_and_is_no_error(project: Project) -> None:
    write = "try: os.write(fd, b'[' * 60_000)\n    except OSError: pass"
    code = f"import os\nfor fd in range(3, 20):\n    {write}\nos._exit(0)"
    project.versions["only"]["default"] = code
    project.module(
        """
        from harness import checks

        @pytest.mark.evaluation(cases=[{"id": "one", "prompt": "q"}], threshold=0.5)
        async def test_code(model, case):
            return await checks.runs(await model.ask(case.prompt), tests="f()")
        """
    )
    said = project.run("--samples", "1").stdout
    said.fnmatch_lines(["*one   0/1*", "*why*ended with exit code 0 before it was done*"])
